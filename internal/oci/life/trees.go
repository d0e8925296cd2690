//go:build linux

package life

import (
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/mount"
	"berth/internal/oci/tree"
	"berth/internal/runtime"
)

// prepareTrees makes the mounts that a program cannot make.
func (j *job) prepareTrees() error {
	for i, m := range j.spec.Mounts {
		f, err := j.tree(m)
		if err != nil {
			return err
		}
		if f != nil {
			j.cargo.give(runtime.Tree(i), f)
		}
	}
	return nil
}

// tree is the mount when it is of that kind, else nil.
func (j *job) tree(m specs.Mount) (*os.File, error) {
	has := func(option string) bool { return slices.Contains(m.Options, option) }
	mapped := len(m.UIDMappings)+len(m.GIDMappings) > 0
	switch {
	case bind(m) && (mapped || has("idmap") || has("ridmap")):
		uids, gids := m.UIDMappings, m.GIDMappings
		if !mapped {
			uids, gids = j.spec.Linux.UIDMappings, j.spec.Linux.GIDMappings
		}
		return mount.Mapped(m.Source, uids, gids, has("rbind"), has("ridmap"))
	case m.Type == "tmpfs" && has("tmpcopyup"):
		var own []string
		for _, o := range m.Options {
			if strings.Contains(o, "=") {
				own = append(own, o)
			}
		}
		return tree.CopyUp(j.cargo.files[0], m.Destination, own)
	}
	return nil, nil
}
