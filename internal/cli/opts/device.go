package opts

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// Device reads a device for a Linux container: host[:container][:permissions].
func Device(v string) (container.DeviceMapping, error) {
	parts := strings.Split(v, ":")
	if len(parts) > 3 || parts[0] == "" {
		return container.DeviceMapping{}, fmt.Errorf("bad format for path: %s", v)
	}
	d := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
	switch {
	case len(parts) == 3:
		d.PathInContainer, d.CgroupPermissions = parts[1], parts[2]
		if !deviceMode(parts[2]) {
			return container.DeviceMapping{}, fmt.Errorf("bad mode specified: %s", parts[2])
		}
	case len(parts) == 2 && deviceMode(parts[1]):
		d.CgroupPermissions = parts[1]
	case len(parts) == 2:
		d.PathInContainer = path.Clean(parts[1])
	}
	if !path.IsAbs(d.PathInContainer) {
		return container.DeviceMapping{}, fmt.Errorf("%s is not an absolute path", d.PathInContainer)
	}
	return d, nil
}

// deviceMode reports whether m is made of r, w and m, each at most once.
func deviceMode(m string) bool {
	for i := range len(m) {
		if !strings.Contains("rwm", m[i:i+1]) || strings.Contains(m[i+1:], m[i:i+1]) {
			return false
		}
	}
	return m != ""
}
