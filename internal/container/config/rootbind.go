package config

import (
	"cmp"
	"strings"

	"berth/internal/fault"
)

// AroundRoot decides how a bind of the daemon's root, of something in it or of what it is in follows the host's
// mounts: as a slave, so that no container keeps mounted what the daemon unmounts. Docker's words, and what it lets a user choose.
func AroundRoot(m *Mount, root string) error {
	if m.Type != "bind" || !Related(m.Source, root) {
		return nil
	}
	switch m.Propagation = cmp.Or(m.Propagation, "rslave"); m.Propagation {
	case "rslave", "rshared":
		return nil
	}
	return fault.New(fault.Invalid, `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: %q, bind mount source: %q, propagation: %q`, root, m.Source, m.Propagation)
}

// Related reports that one of two clean paths is the other, or lies in it.
func Related(a, b string) bool { return lies(a, b) || lies(b, a) }

func lies(in, dir string) bool {
	return in == dir || strings.HasPrefix(in, strings.TrimSuffix(dir, "/")+"/")
}
