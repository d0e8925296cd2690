//go:build linux

package life

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/oci/store"
)

// bundle is a directory with a config.json.
type bundle struct {
	dir    string // absolute
	config []byte
	spec   *specs.Spec
	rootfs string // absolute, without symbolic links
}

// readBundle reads a bundle. What the specification leaves relative to it
// becomes absolute.
func readBundle(dir string) (*bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The bundle cannot be found")
	}
	b := &bundle{dir: dir}
	b.config, err = os.ReadFile(filepath.Join(dir, "config.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "JSON specification file config.json not found")
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, err, "The config.json cannot be read")
	}
	if b.spec, err = store.Parse(b.config); err != nil {
		return nil, err
	}
	return b, b.complete()
}

func (b *bundle) complete() error {
	s := b.spec
	switch {
	case s.Root == nil || s.Root.Path == "":
		return fault.New(fault.Invalid, "root.path must be set")
	case s.Linux == nil:
		return fault.New(fault.Invalid, "config.json has no linux section")
	case s.Process == nil:
		return fault.New(fault.Invalid, "process property must not be empty")
	case len(s.Process.Args) == 0:
		return fault.New(fault.Invalid, "args must not be empty")
	}
	dropAmbient(s.Process.Capabilities)
	for i, m := range s.Mounts {
		if bind(m) && m.Source != "" && !filepath.IsAbs(m.Source) {
			s.Mounts[i].Source = filepath.Join(b.dir, m.Source)
		}
	}
	root := s.Root.Path
	if !filepath.IsAbs(root) {
		root = filepath.Join(b.dir, root)
	}
	var err error
	if b.rootfs, err = filepath.EvalSymlinks(root); err != nil {
		return fault.Wrap(fault.Invalid, err, "invalid rootfs")
	}
	if st, err := os.Stat(b.rootfs); err == nil && !st.IsDir() {
		return fault.New(fault.Invalid, "invalid rootfs: %s is not a directory", b.rootfs)
	}
	return nil
}

func bind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}
