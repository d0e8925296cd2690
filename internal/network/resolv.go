package network

import (
	"net/netip"
	"slices"
	"strings"
)

// Resolver says what a container's resolv.conf is to hold beside what the
// host's has. Every list that is set replaces the host's.
type Resolver struct {
	Servers []string // --dns
	Search  []string // --dns-search; a single "." means none at all
	Options []string // --dns-option
	IPv6    bool     // whether the container can reach IPv6 servers
}

// ResolvConf makes the resolv.conf(5) of a container on the default bridge,
// or without a network, from the host's. Servers on the host's loopback are left out as nobody answers
// there in the container; if none is left, Google's public ones stand in, as in Docker.
func ResolvConf(host []byte, r Resolver) []byte {
	servers, search, options := parseResolvConf(host)
	if len(r.Servers) > 0 {
		servers = r.Servers
	} else {
		servers = slices.DeleteFunc(servers, func(s string) bool { return !reachable(s, r.IPv6) })
		if len(servers) == 0 {
			servers = []string{"8.8.8.8", "8.8.4.4"}
			if r.IPv6 {
				servers = append(servers, "2001:4860:4860::8888", "2001:4860:4860::8844")
			}
		}
	}
	if len(r.Search) > 0 {
		search = slices.DeleteFunc(slices.Clone(r.Search), func(s string) bool { return s == "." })
	}
	if len(r.Options) > 0 {
		options = r.Options
	}
	var out strings.Builder
	for _, s := range servers {
		out.WriteString("nameserver " + s + "\n")
	}
	if len(search) > 0 {
		out.WriteString("search " + strings.Join(search, " ") + "\n")
	}
	if len(options) > 0 {
		out.WriteString("options " + strings.Join(options, " ") + "\n")
	}
	return []byte(out.String())
}

// parseResolvConf reads what resolv.conf(5) defines: the last search or
// domain line wins, options add up.
func parseResolvConf(text []byte) (servers, search, options []string) {
	for line := range strings.Lines(string(text)) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			servers = append(servers, words[1])
		case "search", "domain":
			search = words[1:]
		case "options":
			options = append(options, words[1:]...)
		}
	}
	return servers, search, options
}

func reachable(server string, ipv6 bool) bool {
	ip, err := netip.ParseAddr(server)
	return err == nil && !ip.IsLoopback() && !ip.IsUnspecified() && (ip.Unmap().Is4() || ipv6)
}

// Hosts makes the /etc/hosts of a container. extra holds --add-host values as
// "name:IP" or "name=IP"; "host-gateway" as IP stands for gateway. addresses are the
// container's own, and names go behind each of them (hostname first).
// A value of extra that has no IP is left out: the border has refused it.
func Hosts(extra []string, gateway netip.Addr, addresses []netip.Addr, names ...string) []byte {
	var out strings.Builder
	for _, l := range [][2]string{
		{"127.0.0.1", "localhost"},
		{"::1", "localhost ip6-localhost ip6-loopback"},
		{"fe00::", "ip6-localnet"},
		{"ff00::", "ip6-mcastprefix"},
		{"ff02::1", "ip6-allnodes"},
		{"ff02::2", "ip6-allrouters"},
	} {
		out.WriteString(l[0] + "\t" + l[1] + "\n")
	}
	for _, e := range extra {
		// The first separator ends the name: an IPv6 address has colons of its own.
		i := strings.IndexAny(e, "=:")
		if i <= 0 {
			continue
		}
		ip := strings.Trim(e[i+1:], "[]")
		if ip == "host-gateway" {
			if !gateway.IsValid() {
				continue
			}
			ip = gateway.String()
		}
		if ip != "" {
			out.WriteString(ip + "\t" + e[:i] + "\n")
		}
	}
	if len(names) > 0 {
		for _, a := range addresses {
			out.WriteString(a.String() + "\t" + strings.Join(names, " ") + "\n")
		}
	}
	return []byte(out.String())
}
