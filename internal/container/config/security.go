package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"

	"berth/internal/fault"
	"berth/internal/runtime"
)

// Security is what the --security-opt words say.
type Security struct {
	NoNewPrivs      bool
	Unconfined      bool     // no seccomp filter
	Profile         []byte   // a seccomp profile of the user's, as JSON; nil means the default
	AppArmor        string   // the profile's name; "" and "unconfined" are none
	Labels          []string // SELinux's: "disable", "type:x", "level:x", …
	OpenPaths       bool     // nothing of /proc and /sys is masked or read-only
	WritableCgroups *bool    // /sys/fs/cgroup may be written to; nil leaves that to Privileged
}

// ParseSecurity reads the words of --security-opt. Errors are fault.Invalid.
func ParseSecurity(opts []string) (Security, error) {
	var sec Security
	for _, opt := range opts {
		key, value, found := strings.Cut(opt, "=")
		if !found {
			key, value, found = strings.Cut(opt, ":")
		}
		switch {
		case key == "no-new-privileges" && !found:
			sec.NoNewPrivs = true
			continue
		case !found || value == "":
			return sec, fault.New(fault.Invalid, "invalid --security-opt 1: %q", opt)
		}
		if !sec.take(key, value) {
			return sec, fault.New(fault.Invalid, "invalid --security-opt 2: %q", opt)
		}
	}
	return sec, nil
}

// take sets one option. It is false when there is none such, or no such value.
func (sec *Security) take(key, value string) bool {
	var err error
	switch key {
	case "no-new-privileges":
		sec.NoNewPrivs, err = strconv.ParseBool(value)
	case "writable-cgroups":
		var on bool
		on, err = strconv.ParseBool(value)
		sec.WritableCgroups = &on
	case "apparmor":
		sec.AppArmor = value
	case "label":
		sec.Labels = append(sec.Labels, value)
	case "systempaths":
		sec.OpenPaths = true
		return value == "unconfined"
	case "seccomp":
		switch value {
		case "unconfined":
			sec.Unconfined = true
		case "builtin", "default":
		default:
			sec.Profile = []byte(value)
		}
	default:
		return false
	}
	return err == nil
}

// Capabilities returns the container's capability set, as CAP_ names.
func Capabilities(h HostConfig) ([]string, error) {
	all := knownCapabilities()
	add, err := capabilityNames("CapAdd", h.CapAdd, all)
	if err != nil {
		return nil, err
	}
	drop, err := capabilityNames("CapDrop", h.CapDrop, all)
	if err != nil {
		return nil, err
	}
	switch {
	case h.Privileged:
		return runtime.AvailableCapabilities(), nil
	case slices.Contains(add, "ALL"):
		return slices.DeleteFunc(runtime.AvailableCapabilities(), func(c string) bool { return slices.Contains(drop, c) }), nil
	case slices.Contains(drop, "ALL"):
		return append([]string{}, add...), nil // never nil, which would mean the default set
	}
	set := slices.DeleteFunc(runtime.DefaultCapabilities(), func(c string) bool { return slices.Contains(drop, c) })
	for _, c := range add {
		if !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func capabilityNames(field string, words, known []string) ([]string, error) {
	var names []string
	for _, w := range words {
		name := strings.ToUpper(w)
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		if name != "ALL" && !slices.Contains(known, name) {
			return nil, fault.New(fault.Invalid, "invalid %s: unknown capability: %q", field, name)
		}
		names = append(names, name)
	}
	return names, nil
}

// knownCapabilities are those of this kernel.
func knownCapabilities() []string {
	last, err := capability.LastCap()
	if err != nil {
		last = capability.CAP_CHECKPOINT_RESTORE
	}
	var names []string
	for _, c := range capability.ListKnown() {
		if c <= last {
			names = append(names, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	return names
}
