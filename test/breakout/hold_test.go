//go:build linux

package breakout

import (
	"errors"
	"strings"
	"testing"

	"berth/test/harness"
)

// A process that enters a container can be stopped by others there, before it
// has executed its program. Whoever started it waits; nobody else must.
func TestAContainerThatStopsEveryExecHoldsUpNobodyElse(t *testing.T) {
	needRoot(t)
	d := harness.Start(t)
	c, image := d.Client(t, "berth"), importAttacker(t, d)
	id := c.Must("run", "-d", image, "/attacker", "stop-exec")
	harness.Eventually(t, "the attacker watches", func() error {
		if said := c.Run("logs", id).Stdout; !strings.Contains(said, "watching") {
			return errors.New(said)
		}
		return nil
	})
	for range 12 {
		c.Begin("exec", id, "/attacker", "idle")
	}
	for range 3 {
		if r := c.Run("run", "--rm", image, "/attacker", "read", "/nothing"); !strings.HasPrefix(r.Stdout, "refused: ") {
			t.Errorf("another container does not run: %s%s", r.Stdout, r.Stderr)
		}
	}
	c.Must("rm", "-f", id)
}
