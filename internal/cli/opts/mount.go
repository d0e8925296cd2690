package opts

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/idmap"
)

// Mounts is a repeated --mount flag.
type Mounts struct{ Values []idmap.Mount }

// String returns the mounts for help output.
func (m *Mounts) String() string {
	out := make([]string, 0, len(m.Values))
	for _, v := range m.Values {
		out = append(out, fmt.Sprintf("%s %s %s", v.Type, v.Source, v.Target))
	}
	return strings.Join(out, ", ")
}

// Type names the kind of flag in help output.
func (*Mounts) Type() string { return "mount" }

// Set adds one mount.
func (m *Mounts) Set(v string) error {
	parsed, err := ParseMount(v)
	if err == nil {
		m.Values = append(m.Values, parsed)
	}
	return err
}

// ParseMount reads type=bind,source=/x,target=/y,… as CSV.
func ParseMount(value string) (idmap.Mount, error) {
	m := idmap.Mount{Mount: mount.Mount{Type: mount.TypeVolume}}
	value = strings.TrimSpace(value)
	if value == "" {
		return m, errors.New("value is empty")
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return m, err
	}
	for _, field := range fields {
		key, val, hasValue := strings.Cut(field, "=")
		if err := checkMountField(field, key, val, hasValue); err != nil {
			return m, err
		}
		if err := setMountField(&m, field, strings.ToLower(key), val); err != nil {
			return m, err
		}
	}
	return m, checkMount(&m)
}

func checkMountField(field, key, val string, hasValue bool) error {
	if k := strings.TrimSpace(key); k != key {
		return fmt.Errorf("invalid option '%s' in '%s': option should not have whitespace", k, field)
	}
	if !hasValue {
		if slices.Contains([]string{"readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src", "bind-idmap", "idmap"}, strings.ToLower(key)) {
			return nil
		}
		return fmt.Errorf("invalid field '%s' must be a key=value pair", field)
	}
	switch v := strings.TrimSpace(val); v {
	case "":
		return fmt.Errorf("invalid value for '%s': value is empty", key)
	case val:
		return nil
	}
	return fmt.Errorf("invalid value for '%s' in '%s': value should not have whitespace", key, field)
}

func setMountField(m *idmap.Mount, field, key, val string) (err error) {
	switch key {
	case "type":
		m.Type = mount.Type(strings.ToLower(val))
	case "source", "src":
		m.Source = val
		if strings.HasPrefix(val, ".") {
			m.Source, err = filepath.Abs(val)
		}
	case "target", "dst", "destination":
		m.Target = val
	case "readonly", "ro":
		m.ReadOnly, err = mountBool(key, val)
	case "consistency":
		m.Consistency = mount.Consistency(strings.ToLower(val))
	case "image-subpath":
		m.ImageOptions = &mount.ImageOptions{Subpath: val}
	default:
		var known bool
		if known, err = setBindField(m, key, val); known {
			return err
		}
		if known, err = setVolumeField(m, key, val); known {
			return err
		}
		if known, err = setTmpfsField(m, key, val); known {
			return err
		}
		return fmt.Errorf("unknown option '%s' in '%s'", key, field)
	}
	return err
}

func setBindField(m *idmap.Mount, key, val string) (known bool, err error) {
	if !strings.HasPrefix(key, "bind-") && key != "idmap" {
		return false, nil
	}
	if m.BindOptions == nil {
		m.BindOptions = &idmap.BindOptions{}
	}
	o := m.BindOptions
	switch key {
	case "bind-propagation":
		o.Propagation = mount.Propagation(strings.ToLower(val))
	case "bind-nonrecursive":
		return true, errors.New("bind-nonrecursive is deprecated, use bind-recursive=disabled instead")
	case "bind-create-src":
		o.CreateMountpoint, err = mountBool(key, val)
	case "bind-idmap", "idmap":
		o.IDMapping, err = idmap.Parse(val)
	case "bind-recursive":
		switch val {
		case "enabled":
			if *o == (idmap.BindOptions{}) {
				m.BindOptions = nil
			}
		case "disabled":
			o.NonRecursive = true
		case "writable":
			o.ReadOnlyNonRecursive = true
		case "readonly":
			o.ReadOnlyForceRecursive = true
		default:
			err = fmt.Errorf(`invalid value for %s: %s (must be "enabled", "disabled", "writable", or "readonly")`, key, val)
		}
	default:
		return false, nil
	}
	return true, err
}

// mountBool reads a switch; none at all means true.
func mountBool(key, val string) (bool, error) {
	switch val {
	case "", "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, fmt.Errorf(`invalid value for '%s': invalid boolean value (%q): must be one of "true", "1", "false", or "0" (default "true")`, key, val)
}

// checkMount refuses options that belong to another type or miss a companion.
func checkMount(m *idmap.Mount) error {
	for _, x := range []struct {
		name string
		want mount.Type
		set  bool
	}{
		{"bind", mount.TypeBind, m.BindOptions != nil},
		{"volume", mount.TypeVolume, m.VolumeOptions != nil},
		{"image", mount.TypeImage, m.ImageOptions != nil},
		{"tmpfs", mount.TypeTmpfs, m.TmpfsOptions != nil},
	} {
		if x.set && m.Type != x.want {
			return fmt.Errorf("cannot mix '%s-*' options with mount type '%s'", x.name, m.Type)
		}
	}
	o := m.BindOptions
	switch {
	case o == nil:
	case o.ReadOnlyNonRecursive && !m.ReadOnly:
		return errors.New("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction")
	case o.ReadOnlyForceRecursive && !m.ReadOnly:
		return errors.New("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
	case o.ReadOnlyForceRecursive && o.Propagation != mount.PropagationRPrivate:
		return errors.New("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
	}
	return nil
}
