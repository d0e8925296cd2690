//go:build linux

package data

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"berth/test/harness"
)

// rounds is how often something random is done: few times, unless a campaign asks for more.
func rounds(t *testing.T, usual int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("BERTH_DATA_ROUNDS"))
	if err != nil {
		return usual
	}
	return n
}

// house is a database in a container, with its data in a volume.
type house struct {
	t       *testing.T
	d       *harness.Daemon
	c       harness.Client
	server  server
	sockets string // a directory of the host's
	image   string
	volume  string
	l       *ledger
}

func TestADatabaseKeepsWhatItHasAcknowledgedWhateverHappensToItsContainerAndTheDaemon(t *testing.T) {
	for _, s := range []server{postgresServer(), redisServer()} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, harness.Start(t), s, "data")
			h.runs()
			h.l = keep(t, s, h.sockets)
			h.l.grows(t, "at first")
			for _, e := range events() {
				e.happens(h)
				h.l.holds(t, e.name)
				h.l.grows(t, e.name)
			}
			h.killed(rounds(t, 2))
			h.l.end()
			h.sound()
			t.Logf("%d writes were acknowledged", h.l.count())
		})
	}
}

func newHouse(t *testing.T, d *harness.Daemon, s server, volume string) *house {
	t.Helper()
	h := &house{t: t, d: d, c: d.Client(t, "docker"), server: s, sockets: filepath.Join(d.Dir(), "s-"+volume), image: d.Databases(), volume: volume}
	if err := errors.Join(os.Mkdir(h.sockets, 0o777), os.Chmod(h.sockets, 0o777)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.c.Run("logs", "--tail", "20", h.name()))
		}
	})
	return h
}

// name is the container's.
func (h *house) name() string { return h.server.name + "-" + h.volume }

// runs has the database run in a new container.
func (h *house) runs() {
	h.c.Must("run", "-d", "--name", h.name(), "--network", "none", "--stop-signal", "INT", "-v", h.volume+":/data", "-v", h.sockets+":/s", h.image, "sh", "-c", h.server.run)
}

// event is what happens to a database that is being written to.
type event struct {
	name    string
	happens func(h *house)
}

func events() []event {
	return []event{
		{"after a stop and a start", func(h *house) { h.c.Must("stop", h.name()); h.c.Must("start", h.name()) }},
		{"after a restart", func(h *house) { h.c.Must("restart", h.name()) }},
		{"after a restart of the daemon", func(h *house) { h.d.Restart() }},
		{"after the daemon was killed, and while it is away", func(h *house) {
			h.d.Kill9()
			h.l.grows(h.t, "while there is no daemon")
			h.d.StartAgain()
		}},
		{"after the container was killed", func(h *house) { h.c.Must("kill", h.name()); h.c.Must("start", h.name()) }},
		{"after the container was killed while there was no daemon", func(h *house) {
			pid := h.c.Must("inspect", "-f", "{{.State.Pid}}", h.name())
			h.d.Kill9()
			kill(h.t, pid)
			h.d.StartAgain()
			h.c.Must("start", h.name())
		}},
		{"after a removal of the container by force, and a new one", func(h *house) { h.c.Must("rm", "-f", h.name()); h.runs() }},
		{"after an upgrade of the image", func(h *house) {
			h.c.Must("commit", "-c", "LABEL version=2", h.name(), "databases:2")
			h.c.Must("stop", h.name())
			h.c.Must("rm", "-v", h.name()) // only anonymous volumes go
			h.image = "databases:2"
			h.runs()
		}},
	}
}

// killed kills the container or the daemon at random moments.
func (h *house) killed(times int) {
	h.t.Helper()
	for i := range times {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		if rand.IntN(2) == 0 {
			h.d.Kill9()
			h.d.StartAgain()
		} else {
			h.c.Must("kill", h.name())
			h.c.Must("start", h.name())
		}
		h.l.holds(h.t, "after kill "+strconv.Itoa(i+1))
		h.l.grows(h.t, "after kill "+strconv.Itoa(i+1))
	}
}

// sound has the database's own tools look for damage.
func (h *house) sound() {
	h.t.Helper()
	for _, line := range h.server.running {
		h.c.Must(append([]string{"exec", h.name()}, line...)...)
	}
	h.c.Must("stop", h.name())
	for _, line := range h.server.ended {
		h.c.Must(append([]string{"run", "--rm", "--network", "none", "-v", h.volume + ":/data", h.image}, line...)...)
	}
}

func kill(t *testing.T, pid string) {
	t.Helper()
	if r := harness.Shell(t, "kill -9 "+pid); r.Code != 0 {
		t.Fatal(r)
	}
}
