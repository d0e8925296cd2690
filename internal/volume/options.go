//go:build linux

package volume

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"berth/internal/space"
)

// device is what the local driver's options say is mounted as a volume; with an
// empty Type nothing is. Size, in bytes, is how much the volume holds; 0 is no bound.
type device struct {
	Type, Source, Options string
	Size                  int64
}

// parseOptions reads the options of the local driver: device and type, which
// need each other, o, the comma-separated options of a mount, and size, which is for
// a volume whose data is here. The words of errors are Docker's.
func parseOptions(options map[string]string) (device, error) {
	d := device{Type: options["type"], Source: options["device"], Options: options["o"]}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		switch key {
		case "type", "device", "o", "size":
		default:
			return device{}, fmt.Errorf("invalid option: %q", key)
		}
	}
	if err := d.checkCIFS(); err != nil {
		return device{}, err
	}
	if text, ok := options["size"]; ok {
		var err error
		if d.Size, err = units.RAMInBytes(text); err != nil {
			return device{}, err
		}
		if d.Size > 0 && d.Type+d.Source+d.Options != "" {
			return device{}, fmt.Errorf("quota size requested but no quota support")
		}
		if d.Size > 0 && d.Size < space.Least {
			return device{}, fmt.Errorf("a size of %d bytes is too small: it has to be 1 MiB at least", d.Size)
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

// checkCIFS refuses a share that the kernel would understand in another way than its user.
func (d device) checkCIFS() error {
	if d.Type != cifs || d.Source == "" {
		return nil
	}
	share, err := url.Parse(d.Source)
	if err != nil {
		return fmt.Errorf("error parsing mount device url: %w", err)
	}
	if share.Port() != "" {
		return fmt.Errorf("port not allowed in CIFS device URL, include 'port' in 'o='")
	}
	return nil
}

// cifs is the type of mounts of Windows shares.
const cifs = "cifs"

// Here reports whether a volume's data is on this host, below the data root, and nothing else is mounted as it.
func (v *Volume) Here() bool {
	if v.Driver != Local {
		return false
	}
	for key := range v.Options {
		if key != "size" {
			return false
		}
	}
	return true
}

// resolved is the device as the kernel wants it: the server of nfs or cifs, which
// is given by name in the options, or in a share's URL, as a number.
func (d device) resolved(resolve func(string) (*net.IPAddr, error)) (device, error) {
	if d.Type != "nfs" && d.Type != "nfs4" && d.Type != cifs {
		return d, nil
	}
	number := func(host string) (string, error) {
		addr, err := resolve(host)
		if err != nil {
			return "", fmt.Errorf("error resolving passed in network volume address: %w", err)
		}
		return addr.String(), nil
	}
	words, named := strings.Split(d.Options, ","), false
	for i, word := range words {
		host, ok := strings.CutPrefix(word, "addr=")
		if !ok {
			continue
		}
		addr, err := number(host)
		if err != nil {
			return device{}, err
		}
		words[i], named = "addr="+addr, true
	}
	d.Options = strings.Join(words, ",")
	if d.Type != cifs || named {
		return d, nil
	}
	share, err := url.Parse(d.Source)
	if err != nil {
		return device{}, fmt.Errorf("error parsing mount device url: %w", err)
	}
	if share.Host == "" || net.ParseIP(share.Host) != nil {
		return d, nil
	}
	if share.Host, err = number(share.Host); err != nil {
		return device{}, err
	}
	d.Source = share.String()
	return d, nil
}

// masked is an error without the password that is in the options.
func (d device) masked(err error) error {
	for word := range strings.SplitSeq(d.Options, ",") {
		if secret, ok := strings.CutPrefix(word, "password="); ok && secret != "" && err != nil {
			return errors.New(strings.ReplaceAll(err.Error(), word, "password=********"))
		}
	}
	return err
}
