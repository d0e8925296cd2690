package listing

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// portGroup is a run of neighbouring ports that are published one to one on
// the same address, or not at all.
type portGroup struct{ first, last uint16 }

// displayPorts shows a container's ports as docker's PORTS column: ranges are
// joined, ports with another number on the host come last.
func displayPorts(ports []container.PortSummary) string {
	ports = slices.SortedFunc(slices.Values(ports), func(a, b container.PortSummary) int {
		return cmp.Or(
			cmp.Compare(a.PrivatePort, b.PrivatePort), a.IP.Compare(b.IP),
			cmp.Compare(a.PublicPort, b.PublicPort), cmp.Compare(a.Type, b.Type),
		)
	})
	groups := map[string]*portGroup{}
	var order, result, mapped []string
	for _, p := range ports {
		key := p.Type
		if p.IP.IsValid() {
			if p.PublicPort != p.PrivatePort {
				host := net.JoinHostPort(p.IP.String(), strconv.Itoa(int(p.PublicPort)))
				mapped = append(mapped, fmt.Sprintf("%s->%d/%s", host, p.PrivatePort, p.Type))
				continue
			}
			key = p.IP.String() + "/" + p.Type
		}
		g := groups[key]
		switch {
		case g == nil:
			order = append(order, key)
		case p.PrivatePort == g.last+1:
			g.last = p.PrivatePort
			continue
		default:
			result = append(result, g.text(key))
		}
		groups[key] = &portGroup{p.PrivatePort, p.PrivatePort}
	}
	for _, key := range order {
		result = append(result, groups[key].text(key))
	}
	return strings.Join(append(result, mapped...), ", ")
}

func (g *portGroup) text(key string) string {
	ip, proto, ok := strings.Cut(key, "/")
	if !ok {
		ip, proto = "", key
	}
	ports := strconv.Itoa(int(g.first))
	if g.last != g.first {
		ports += "-" + strconv.Itoa(int(g.last))
	}
	if ip != "" {
		ports = net.JoinHostPort(ip, ports) + "->" + ports
	}
	return ports + "/" + proto
}
