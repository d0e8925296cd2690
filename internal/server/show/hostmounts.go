package show

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/container/config"
	"berth/internal/idmap"
	"berth/internal/server/grammar"
)

// wireMounts shows the mounts of --mount: those that no -v word stands for.
func wireMounts(h *config.HostConfig) []json.RawMessage {
	var out []json.RawMessage
	for i := range h.Mounts {
		m := &h.Mounts[i]
		if m.Said == nil && (m.Anonymous || m.From != "" || fromBind(h.Binds, m.Target)) {
			continue
		}
		said := m.Said
		if said == nil { // one that an earlier daemon has recorded
			var err error
			if said, err = json.Marshal(wireMount(m)); err != nil {
				continue // it has no value that JSON does not
			}
		}
		out = append(out, said)
	}
	return out
}

func wireMount(m *config.Mount) idmap.Mount {
	w := idmap.Mount{Mount: mount.Mount{Type: mount.Type(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}}
	switch m.Type {
	case "bind":
		w.BindOptions = bindOptions(m)
	case "volume":
		w.VolumeOptions = volumeOptions(m)
	case "image":
		if m.Subpath != "" {
			w.ImageOptions = &mount.ImageOptions{Subpath: m.Subpath}
		}
	case "tmpfs":
		if m.SizeBytes != 0 || m.Mode != 0 || len(m.Options) > 0 {
			w.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.SizeBytes, Mode: os.FileMode(m.Mode)}
			for _, o := range m.Options {
				w.TmpfsOptions.Options = append(w.TmpfsOptions.Options, strings.SplitN(o, "=", 2))
			}
		}
	}
	return w
}

func volumeOptions(m *config.Mount) *mount.VolumeOptions {
	o := mount.VolumeOptions{NoCopy: m.NoCopy, Subpath: m.Subpath, Labels: m.VolumeLabels}
	if m.Driver != "" || len(m.DriverOptions) > 0 {
		o.DriverConfig = &mount.Driver{Name: m.Driver, Options: m.DriverOptions}
	}
	if !o.NoCopy && o.Subpath == "" && len(o.Labels) == 0 && o.DriverConfig == nil {
		return nil
	}
	return &o
}

func bindOptions(m *config.Mount) *idmap.BindOptions {
	o := idmap.BindOptions{IDMapping: m.IDMapping, BindOptions: mount.BindOptions{
		Propagation: mount.Propagation(m.Propagation), CreateMountpoint: m.Create, NonRecursive: m.NonRecursive,
		ReadOnlyNonRecursive: m.ReadOnlyTop, ReadOnlyForceRecursive: m.ReadOnlyAll,
	}}
	if o == (idmap.BindOptions{}) {
		return nil
	}
	return &o
}

func fromBind(binds []string, target string) bool {
	for _, word := range binds {
		if m, err := grammar.ParseBind(word, "any"); err == nil && m.Target == target { // what it took to be accepted is past
			return true
		}
	}
	return false
}
