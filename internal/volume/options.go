package volume

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
)

// device is what the local driver's options say is mounted as a volume; with an
// empty Type nothing is.
type device struct{ Type, Source, Options string }

// parseOptions reads the options of the local driver: device and type, which
// need each other, and o, the comma-separated options of a mount.
func parseOptions(options map[string]string) (device, error) {
	d := device{options["type"], options["device"], options["o"]}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		switch key {
		case "type", "device", "o":
		case "size":
			return device{}, fmt.Errorf("quota size requested but no quota support")
		default:
			return device{}, fmt.Errorf("invalid option: %q", key)
		}
	}
	for _, need := range []struct{ key, value, of string }{
		{"device", d.Source, d.Type + d.Options}, {"type", d.Type, d.Source + d.Options},
	} {
		if need.of != "" && need.value == "" {
			return device{}, fmt.Errorf("missing required option: %q", need.key)
		}
	}
	return d, nil
}

// mount is what the kernel is asked for. The address of a server of nfs or cifs is
// given by name, and the kernel wants it as a number: resolve finds it.
func (d device) mount(resolve func(string) (*net.IPAddr, error)) (mount.Mount, error) {
	m := mount.Mount{Type: d.Type, Source: d.Source}
	for _, word := range strings.Split(d.Options, ",") {
		if word == "" {
			continue
		}
		if host, ok := strings.CutPrefix(word, "addr="); ok && (d.Type == "nfs" || d.Type == "nfs4" || d.Type == "cifs") {
			addr, err := resolve(host)
			if err != nil {
				return m, fmt.Errorf("error resolving passed in network volume address: %w", err)
			}
			word = "addr=" + addr.String()
		}
		m.Options = append(m.Options, word)
	}
	return m, nil
}
