package server

import (
	"strings"
	"testing"
)

func TestInfoWarnsOfWhatIsMissingAndOfWhatIsOpen(t *testing.T) {
	all := Limits{Memory: true, Swap: true, CPUShares: true, CPUQuota: true, CPUSet: true, Pids: true}
	if got := warnings(&Host{Limits: all, Network: HostNetwork{IPv4Forwarding: true}}); got != nil {
		t.Error(got)
	}
	all.Swap = false
	got := strings.Join(warnings(&Host{Limits: all, Network: HostNetwork{OpenHosts: []string{"0.0.0.0:2375"}}}), "\n")
	for _, want := range []string{"API is accessible on http://0.0.0.0:2375 without encryption.", "No swap limit support", "IPv4 forwarding is disabled"} {
		if !strings.Contains(got, "WARNING: "+want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if got := warnings(&Host{Network: HostNetwork{OpenHosts: []string{"h"}, Encrypted: true}})[0]; !strings.HasPrefix(got, "WARNING: API is accessible on https://h without TLS client verification.") {
		t.Error(got)
	}
}

func TestAProxysPasswordIsNotShown(t *testing.T) {
	for address, want := range map[string]string{
		"http://u:secret@proxy:3128/": "http://xxxxx:xxxxx@proxy:3128/", "http://proxy:3128": "http://proxy:3128", "localhost,.example.org": "localhost,.example.org",
	} {
		if got := WithoutPassword(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
