package provision

import (
	"context"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/linux/mount"
)

// Between the answer to a create and the request to start the client has work of
// its own, and the daemon has none. What it can get ready for the start
// meanwhile it does: of a container that has its sandbox, all but the ports.

// ahead is the getting ready of one container.
type ahead struct {
	c    record.Container // as it was then
	p    *Prepared
	done chan struct{}
	ok   bool // valid once done is closed
}

// sourceTree is a bind's source among a program's descriptors.
type sourceTree struct {
	at    int
	mount specs.Mount
}

// begin gets a container ready that has just been made with the ID of a sandbox. What
// has to be mounted for its volumes waits for the start, which may never come.
func (w Warmth) begin(b *sandbox, c record.Container) {
	for _, m := range c.HostConfig.Mounts {
		if m.Type == "volume" && !w.deps.Volumes.Plain(m.Source) {
			return
		}
		if _, err := os.Stat(m.Source); m.Type == "bind" && err != nil {
			return // a start makes it, or says what is wrong
		}
	}
	a := &ahead{c: c, p: &Prepared{io: &stdio.Streams{}, box: b}, done: make(chan struct{})}
	b.ahead.Store(a)
	began := w.Later(func() {
		defer close(a.done)
		if w.pool.Reserved(b.id) { // else it is not ours any more; who drops it later waits for us
			a.ok = w.getReady(a) == nil && a.p.sandbox != ""
		}
	})
	if !began {
		close(a.done)
	}
}

func (w Warmth) getReady(a *ahead) error {
	a.p.endpoints = []record.Endpoint{{Network: "none"}}
	if place := a.p.box.place; place != nil {
		a.p.endpoints = []record.Endpoint{place.Endpoint()}
	}
	err := w.furnish(context.Background(), a.c, a.p)
	if err == nil {
		err = w.wiring().writeFiles(a.c, a.p)
	}
	if err == nil {
		err = w.makePlaces(a.c, a.p)
	}
	if err == nil {
		err = a.p.openStreams(a.c)
	}
	if err == nil {
		w.resume(a.c, a.p)
	}
	return err
}

// makePlaces makes the places for our files in the container's root, as Docker has
// them in a layer of every container: the start finds them.
func (w Warmth) makePlaces(c record.Container, p *Prepared) error {
	for _, m := range p.spec.Mounts {
		if !w.ours(c, m) {
			continue
		}
		if err := mount.MakePlace(p.rootfs, m.Destination, false); err != nil {
			return err
		}
	}
	return nil
}

// ours reports whether a bind mount's source is a file of the engine's.
func (h *Host) ours(c record.Container, m specs.Mount) bool {
	return strings.HasPrefix(m.Source, h.deps.Paths.Dir(c.ID)+"/")
}

// take is what is ready for a container's start: all, a sandbox, or nothing.
func (w Warmth) take(c record.Container) *Prepared {
	b, ok := w.pool.Take(c.ID)
	if !ok {
		return &Prepared{io: &stdio.Streams{}}
	}
	if a := b.ahead.Load(); a != nil {
		if !a.ended() { // a source that does not answer: without all that, it finds the words
			w.Later(func() { w.drop(b) })
			return &Prepared{io: &stdio.Streams{}}
		}
		b.ahead.Store(nil)
		if a.ok && a.c.Name == c.Name && reflect.DeepEqual(a.c.Config, c.Config) && reflect.DeepEqual(a.c.HostConfig, c.HostConfig) {
			return a.p
		}
		a.p.giveBack()
	}
	return &Prepared{io: &stdio.Streams{}, box: b}
}

// aheadPatience bounds the wait for a container that is being got ready: a bind's
// source may be on a file system that does not answer.
const aheadPatience = 5 * time.Second

// ended waits, and reports that nothing is under way any more.
func (a *ahead) ended() bool {
	select {
	case <-a.done:
		return true
	case <-time.After(aheadPatience):
		return false
	}
}

// isReady reports that everything is ready by now.
func (a *ahead) isReady() bool {
	select {
	case <-a.done:
		return a.ok
	default:
		return false
	}
}

// giveBack returns what has been got ready, perhaps later.
func (a *ahead) giveBack() {
	if a.ended() {
		a.p.giveBack()
		return
	}
	go func() {
		<-a.done
		a.p.giveBack()
	}()
}

// Forget drops the sandbox of a container that is not to be started.
func (w Warmth) Forget(id string) {
	if b, ok := w.pool.Take(id); ok {
		w.drop(b)
	}
}

// refresh looks again at what may have changed since a start was got ready. It is
// false when the sandbox is of no use any more.
func (p *Prepared) refresh(h *Host, c record.Container) bool {
	if !p.box.waits(h.deps.Keeper) {
		return false
	}
	if h.wiring().writeFiles(c, p) != nil {
		return false
	}
	for _, t := range p.trees {
		if h.ours(c, t.mount) {
			continue
		}
		tree, err := h.wiring().openTree(c, t.mount)
		if err != nil {
			return false
		}
		p.ours = append(p.ours, tree)
		p.fds[t.at] = tree
	}
	return true
}

// giveBack returns what was taken, but for the network.
func (p *Prepared) giveBack() {
	p.CloseChildEnds()
	p.undo.Run()
}

// Waiting is a sandbox that waits for its container.
type Waiting struct {
	ID    string
	Pid   int
	Ready bool // its container's start has been got ready
}

// Waiting returns the sandboxes that wait.
func (w Warmth) Waiting() []Waiting {
	var list []Waiting
	for _, b := range w.pool.Things() {
		a := b.ahead.Load()
		list = append(list, Waiting{ID: b.id, Pid: b.pid, Ready: a != nil && a.isReady()})
	}
	return list
}
