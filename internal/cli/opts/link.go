package opts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Link checks a link to another container, name[:alias].
func Link(v string) (string, error) {
	if v == "" {
		return "", errors.New("empty string specified for links")
	}
	if strings.Count(v, ":") > 1 {
		return "", fmt.Errorf("bad format for links: %s", v)
	}
	return v, nil
}

// DeviceRule checks a rule of the devices' control group: "c 1:* rwm".
func DeviceRule(v string) (string, error) {
	bad := fmt.Errorf("invalid device cgroup format '%s'", v)
	parts := strings.Split(v, " ")
	if len(parts) != 3 {
		return v, bad
	}
	major, minor, ok := strings.Cut(parts[1], ":")
	number := func(s string) bool { return s == "*" || s != "" && strings.Trim(s, "0123456789") == "" }
	access := parts[2]
	if !ok || len(parts[0]) != 1 || !strings.Contains("acb", parts[0]) || !number(major) || !number(minor) ||
		len(access) < 1 || len(access) > 3 || strings.Trim(access, "rwm") != "" {
		return v, bad
	}
	return v, nil
}

// StorageOptions reads name=value pairs for the storage driver.
func StorageOptions(values []string) (map[string]string, error) {
	for _, v := range values {
		if !strings.Contains(v, "=") {
			return nil, errors.New("invalid storage option")
		}
	}
	return ToMap(values), nil
}

// Umask is the mask of new files' rights, in octal; nil when it is not given.
type Umask struct{ Value *uint32 }

// String returns the mask for help output.
func (u *Umask) String() string {
	if u.Value == nil {
		return ""
	}
	return fmt.Sprintf("%04o", *u.Value)
}

// Type names the kind of flag in help output.
func (*Umask) Type() string { return "umask" }

// Set reads up to four octal digits.
func (u *Umask) Set(v string) error {
	n, err := strconv.ParseUint(v, 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("invalid umask %q: must be an octal number up to 0777", v)
	}
	mask := uint32(n)
	u.Value = &mask
	return nil
}
