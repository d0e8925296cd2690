//go:build linux

package store

import (
	"encoding/json"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// linuxSpec is specs.Spec without what other operating systems have: making
// the decoder for all of those takes a good part of a short command's time.
type linuxSpec struct {
	Version     string            `json:"ociVersion"`
	Process     *specs.Process    `json:"process"`
	Root        *specs.Root       `json:"root"`
	Hostname    string            `json:"hostname"`
	Domainname  string            `json:"domainname"`
	Mounts      []specs.Mount     `json:"mounts"`
	Hooks       *specs.Hooks      `json:"hooks"`
	Annotations map[string]string `json:"annotations"`
	Linux       *specs.Linux      `json:"linux"`
	foreign
}

// foreign is what no container of this runtime can have.
type foreign struct {
	Windows json.RawMessage `json:"windows"`
	Solaris json.RawMessage `json:"solaris"`
	VM      json.RawMessage `json:"vm"`
	ZOS     json.RawMessage `json:"zos"`
	FreeBSD json.RawMessage `json:"freebsd"`
}

// Parse reads a config.json.
func Parse(config []byte) (*specs.Spec, error) {
	var s linuxSpec
	if err := json.Unmarshal(config, &s); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The config.json cannot be read")
	}
	f := s.foreign
	for _, section := range []json.RawMessage{f.Windows, f.Solaris, f.VM, f.ZOS, f.FreeBSD} {
		if len(section) > 0 && string(section) != "null" {
			return nil, fault.New(fault.Unsupported, "The spec asks for a section for another operating system, which is not supported.")
		}
	}
	return &specs.Spec{Version: s.Version, Process: s.Process, Root: s.Root, Hostname: s.Hostname, Domainname: s.Domainname,
		Mounts: s.Mounts, Hooks: s.Hooks, Annotations: s.Annotations, Linux: s.Linux}, nil
}
