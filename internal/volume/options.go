//go:build linux

package volume

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
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

// resolved are the options as the kernel wants them: the server of nfs or cifs, which
// is given by name, as a number.
func (d device) resolved(resolve func(string) (*net.IPAddr, error)) (string, error) {
	words := strings.Split(d.Options, ",")
	for i, word := range words {
		if host, ok := strings.CutPrefix(word, "addr="); ok && (d.Type == "nfs" || d.Type == "nfs4" || d.Type == "cifs") {
			addr, err := resolve(host)
			if err != nil {
				return "", fmt.Errorf("error resolving passed in network volume address: %w", err)
			}
			words[i] = "addr=" + addr.String()
		}
	}
	return strings.Join(words, ","), nil
}
