package grammar

import (
	"strings"
	"unicode"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// checkLines refuses control characters in what is written into the container's
// hosts, hostname and resolv.conf: a line break would add lines of somebody
// else's choosing, such as an address for a name.
func checkLines(c *config.Config, h *config.HostConfig) error {
	for _, f := range []struct {
		name  string
		words []string
	}{
		{"Hostname", []string{c.Hostname}}, {"Domainname", []string{c.Domainname}},
		{"HostConfig.ExtraHosts", h.ExtraHosts}, {"HostConfig.DnsSearch", h.DNSSearch}, {"HostConfig.DnsOptions", h.DNSOptions},
	} {
		for _, word := range f.words {
			if strings.ContainsFunc(word, unicode.IsControl) {
				return fault.New(fault.Invalid, "invalid %s %q: it has a control character in it", f.name, word)
			}
		}
	}
	return nil
}
