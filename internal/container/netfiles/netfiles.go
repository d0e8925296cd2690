// Package netfiles has a container's hosts, hostname and resolv.conf.
package netfiles

import (
	"bytes"
	"os"
	"strings"

	"berth/internal/fault"
)

// Files are the texts.
type Files struct{ Hosts, Hostname, ResolvConf []byte }

// Paths are where they lie on the host.
type Paths struct{ Hosts, Hostname, ResolvConf string }

// Write writes the texts that are not there already.
func (f Files) Write(to Paths, there Files) error {
	for _, one := range []struct {
		path       string
		text, have []byte
	}{{to.Hosts, f.Hosts, there.Hosts}, {to.Hostname, f.Hostname, there.Hostname}, {to.ResolvConf, f.ResolvConf, there.ResolvConf}} {
		if one.have != nil && bytes.Equal(one.text, one.have) {
			continue
		}
		if err := os.WriteFile(one.path, one.text, 0o644); err != nil {
			return fault.Wrap(fault.Internal, err, "the container's network files cannot be written")
		}
	}
	return nil
}

// Names are what a container calls itself: with a domain (which may be in the
// hostname already), the full name first.
func Names(hostname, domainname string) []string {
	full := hostname
	if domainname != "" {
		full += "." + domainname
	}
	if short, _, found := strings.Cut(full, "."); found {
		return []string{full, short}
	}
	return []string{full}
}
