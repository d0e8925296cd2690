package container

import (
	"strings"
	"testing"

	"berth/internal/container/config"
)

func TestAHostnameWithADomainIsAlsoKnownByItsFirstWord(t *testing.T) {
	for _, c := range []struct{ hostname, domain, want string }{
		{"a", "", "a"}, {"a", "b.org", "a.b.org a"}, {"a.b.org", "", "a.b.org a"}, {"a.b", "c", "a.b.c a"},
	} {
		got := strings.Join(names(Container{Config: config.Config{Hostname: c.hostname, Domainname: c.domain}}), " ")
		if got != c.want {
			t.Errorf("%q in %q: %q, not %q", c.hostname, c.domain, got, c.want)
		}
	}
}
