package opts

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// blanks are what a key may not hold.
const blanks = " \t"

// Env checks an environment variable; a bare name takes the client's own value,
// or stays bare, which unsets it in the container.
func Env(v string) (string, error) {
	name, _, hasValue := strings.Cut(v, "=")
	if name == "" {
		return "", errors.New("invalid environment variable: " + v)
	}
	if !hasValue {
		if value, ok := os.LookupEnv(name); ok {
			return name + "=" + value, nil
		}
	}
	return v, nil
}

// Label checks a label, key[=value].
func Label(v string) (string, error) {
	key, _, _ := strings.Cut(v, "=")
	key = strings.TrimLeft(key, blanks)
	if key == "" {
		return "", fmt.Errorf("invalid label '%s': empty name", v)
	}
	if strings.ContainsAny(key, blanks) {
		return "", fmt.Errorf("label '%s' contains whitespaces", key)
	}
	return v, nil
}

// Sysctl checks that a kernel setting belongs to a namespace of the container.
func Sysctl(v string) (string, error) {
	key, _, ok := strings.Cut(v, "=")
	namespaced := []string{
		"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
		"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
	}
	if ok && (slices.Contains(namespaced, key) || strings.HasPrefix(key, "net.") || strings.HasPrefix(key, "fs.mqueue.")) {
		return v, nil
	}
	return "", fmt.Errorf("sysctl '%s' is not allowed", v)
}

// AttachStream checks a stream's name, in any case.
func AttachStream(v string) (string, error) {
	s := strings.ToLower(v)
	if slices.Contains([]string{"stdin", "stdout", "stderr"}, s) {
		return s, nil
	}
	return v, errors.New("valid streams are STDIN, STDOUT and STDERR")
}

// IPAddress checks and normalizes an address.
func IPAddress(v string) (string, error) {
	ip, err := netip.ParseAddr(strings.TrimSpace(v))
	if err != nil || ip.Zone() != "" {
		return "", fmt.Errorf("IP address is not correctly formatted: %s", v)
	}
	return ip.String(), nil
}

// ExtraHost checks name:ip or name=ip, where ip may be host-gateway, and
// returns the form with a colon and without brackets that the daemon reads.
func ExtraHost(v string) (string, error) {
	name, ip, ok := strings.Cut(v, "=")
	if !ok {
		name, ip, ok = strings.Cut(v, ":")
	}
	if !ok || name == "" || strings.Contains(name, ":") {
		return "", fmt.Errorf("bad format for add-host: %q", v)
	}
	if ip != "host-gateway" {
		if len(ip) > 2 && ip[0] == '[' && ip[len(ip)-1] == ']' {
			ip = ip[1 : len(ip)-1]
		}
		if _, err := IPAddress(ip); err != nil {
			return "", fmt.Errorf("invalid IP address in add-host: %q", ip)
		}
	}
	return name + ":" + ip, nil
}

// DNSSearch checks a search domain; a dot alone means none.
func DNSSearch(v string) (string, error) {
	v = strings.Trim(v, " ")
	if v == "." {
		return v, nil
	}
	domain := strings.TrimSuffix(v, ".")
	letter := false
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "", fmt.Errorf("%s is not a valid domain", v)
		}
		for _, c := range []byte(label) {
			alpha := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			letter = letter || alpha
			if !alpha && (c < '0' || c > '9') && c != '-' {
				return "", fmt.Errorf("%s is not a valid domain", v)
			}
		}
	}
	if !letter || len(domain) >= 255 {
		return "", fmt.Errorf("%s is not a valid domain", v)
	}
	return domain, nil
}

// ParseCPUs reads a number of processors and returns billionths of one.
func ParseCPUs(v string) (int64, error) {
	r, ok := new(big.Rat).SetString(v)
	if !ok {
		return 0, fmt.Errorf("failed to parse %v as a rational number", v)
	}
	nano := r.Mul(r, big.NewRat(1e9, 1))
	if !nano.IsInt() {
		return 0, errors.New("value is too precise")
	}
	return nano.Num().Int64(), nil
}
