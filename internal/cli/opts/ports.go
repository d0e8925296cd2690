package opts

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"
	"github.com/moby/moby/api/types/network"
)

// Ports reads -p and --expose values. Published ports are exposed too.
func Ports(publish, expose []string) (network.PortSet, network.PortMap, error) {
	short, err := shortNotation(publish)
	if err != nil {
		return nil, nil, err
	}
	_, parsed, err := nat.ParsePortSpecs(short)
	if err != nil {
		return nil, nil, err
	}
	exposed := network.PortSet{}
	bindings := network.PortMap{}
	for port, list := range parsed {
		p, err := network.ParsePort(string(port))
		if err != nil {
			return nil, nil, err
		}
		exposed[p] = struct{}{}
		for _, b := range list {
			var ip netip.Addr
			if b.HostIP != "" {
				if ip, err = netip.ParseAddr(b.HostIP); err != nil {
					return nil, nil, err
				}
			}
			bindings[p] = append(bindings[p], network.PortBinding{HostIP: ip, HostPort: b.HostPort})
		}
	}
	for _, e := range expose {
		if strings.Contains(e, ":") {
			return nil, nil, fmt.Errorf("invalid port format for --expose: %s", e)
		}
		err := checkRange(e)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid range format for --expose: %s, error: %w", e, err)
		}
		r, err := network.ParsePortRange(e)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid range format for --expose: %s, error: %w", e, err)
		}
		for p := range r.All() {
			exposed[p] = struct{}{}
		}
	}
	return exposed, bindings, nil
}

// checkRange says what is wrong with first[-last][/protocol], in the words of
// docker's client.
func checkRange(v string) error {
	ports, _, _ := strings.Cut(v, "/")
	if ports == "" {
		return errors.New("empty string specified for ports")
	}
	from, to, ok := strings.Cut(ports, "-")
	first, err := strconv.ParseUint(from, 10, 16)
	if err != nil || !ok {
		return err
	}
	last, err := strconv.ParseUint(to, 10, 16)
	if err == nil && last < first {
		err = fmt.Errorf("invalid range specified for port: %s", ports)
	}
	return err
}

// shortNotation turns published=8080,target=80,protocol=udp into 8080:80/udp.
func shortNotation(publish []string) ([]string, error) {
	out := make([]string, 0, len(publish))
	for _, p := range publish {
		if !strings.Contains(p, "=") {
			out = append(out, p)
			continue
		}
		params := map[string]string{"protocol": "tcp"}
		for param := range strings.SplitSeq(p, ",") {
			key, value, ok := strings.Cut(param, "=")
			if !ok || key == "" {
				return nil, fmt.Errorf("invalid publish opts format (should be name=value but got '%s')", param)
			}
			params[key] = value
		}
		out = append(out, fmt.Sprintf("%s:%s/%s", params["published"], params["target"], params["protocol"]))
	}
	return out, nil
}
