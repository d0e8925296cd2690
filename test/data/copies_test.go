//go:build linux

package data

import (
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

// What is copied while a database writes is what a crash at that moment would have left: it has all that
// was acknowledged before, and the database's own tools find nothing wrong with it.
func TestSnapshotsClonesAndBackupsOfADatabaseThatWritesHaveAllThatItHadAcknowledged(t *testing.T) {
	for _, s := range []server{postgresServer(), redisServer()} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t)
			h := newHouse(t, d, s, "data")
			h.runs()
			h.l = keep(t, s, h.sockets)
			h.l.grows(t, "at first")
			berth := d.Client(t, "berth")
			early := h.l.sofar()
			berth.Must("volume", "snapshot", "--name", "early", "data")
			h.l.grows(t, "after a snapshot")
			cloned := h.l.sofar()
			berth.Must("volume", "clone", "data", "cloned")
			place := filepath.Join(t.TempDir(), "backups")
			berth.Must("volume", "backup", "data", place)
			h.l.grows(t, "after a backup")
			saved := h.l.sofar()
			berth.Must("volume", "backup", "data", place) // now only what is new
			h.l.grows(t, "after another")

			newHouse(t, d, s, "cloned").proves(cloned, "in a clone")
			other := newHouse(t, harness.Start(t), s, "restored")
			other.d.Client(t, "berth").Must("volume", "restore", place+":data", "restored")
			other.proves(saved, "in a backup on another data root")
			h.rollsBack(early)
		})
	}
}

// proves runs a database on what has been copied.
func (h *house) proves(want []int64, where string) {
	h.t.Helper()
	h.runs()
	h.l = &ledger{socket: filepath.Join(h.sockets, h.server.socket), dial: h.server.dial}
	h.l.has(h.t, want, where)
	h.sound()
	h.c.Must("rm", h.name())
}

// rollsBack goes back to a snapshot, and back from there.
func (h *house) rollsBack(early []int64) {
	h.t.Helper()
	berth := h.d.Client(h.t, "berth")
	h.l.end()
	h.c.Must("stop", h.name())
	undo := berth.Must("volume", "rollback", "data", "early")
	h.c.Must("start", h.name())
	h.l.has(h.t, early, "after a rollback")
	h.sound()
	berth.Must("volume", "rollback", "data", strings.TrimSpace(undo))
	h.c.Must("start", h.name())
	h.l.holds(h.t, "after a rollback was undone")
	h.sound()
}
