package opts

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/mount"

	"berth/internal/idmap"
)

func setVolumeField(m *idmap.Mount, key, val string) (known bool, err error) {
	if !strings.HasPrefix(key, "volume-") {
		return false, nil
	}
	if m.VolumeOptions == nil {
		m.VolumeOptions = &mount.VolumeOptions{}
	}
	o := m.VolumeOptions
	driver := func() *mount.Driver {
		if o.DriverConfig == nil {
			o.DriverConfig = &mount.Driver{}
		}
		return o.DriverConfig
	}
	switch key {
	case "volume-subpath":
		o.Subpath = val
	case "volume-nocopy":
		o.NoCopy, err = mountBool(key, val)
	case "volume-label":
		o.Labels = withPair(o.Labels, val)
	case "volume-driver":
		driver().Name = val
	case "volume-opt":
		driver().Options = withPair(driver().Options, val)
	default:
		return false, nil
	}
	return true, err
}

func setTmpfsField(m *idmap.Mount, key, val string) (known bool, err error) {
	if m.TmpfsOptions == nil && (key == "tmpfs-size" || key == "tmpfs-mode") {
		m.TmpfsOptions = &mount.TmpfsOptions{}
	}
	switch key {
	case "tmpfs-size":
		m.TmpfsOptions.SizeBytes, err = units.RAMInBytes(val)
	case "tmpfs-mode":
		var mode uint64
		mode, err = strconv.ParseUint(val, 8, 32)
		m.TmpfsOptions.Mode = os.FileMode(mode)
	default:
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("invalid value for %s: %s", key, val)
	}
	return true, err
}

func withPair(m map[string]string, pair string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	key, value, _ := strings.Cut(pair, "=")
	if key != "" {
		m[key] = value
	}
	return m
}
