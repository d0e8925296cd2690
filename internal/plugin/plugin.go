// Package plugin speaks with programs that extend the engine, by Docker's protocol of
// legacy plugins: JSON over HTTP at a socket in /run/docker/plugins, or at an address
// that a file in /etc/docker/plugins or /usr/lib/docker/plugins says. What the methods of a
// kind of plugin mean is in the room of that kind.
//
// A plugin may hang. Whoever asks one waits for it, to a limit; the registry's lock is
// never held meanwhile.
package plugin

import (
	"context"
	"slices"
	"sync"
	"time"

	"berth/internal/fault"
)

// Limits are how long plugins are waited for.
type Limits struct {
	Connect time.Duration // for a plugin that is being started; what fails is tried again until then
	Look    time.Duration // by somebody who only looks: once, and no longer than this
	Back    time.Duration // before the second try; doubled before each further one
}

// DockerLimits are those that Docker's documentation promises, and that of a look.
func DockerLimits() Limits {
	return Limits{Connect: 30 * time.Second, Look: 10 * time.Second, Back: time.Second}
}

// Registry is the plugins of a host. A plugin is greeted when it is first used.
type Registry struct {
	root   string
	limits Limits
	ctx    context.Context // ends with the daemon, and every call with it
	end    context.CancelFunc

	mu      sync.Mutex
	known   map[string]*Plugin
	flights map[string]*greeting
}

// Plugin is a program that has said what it is.
type Plugin struct {
	Name       string
	Implements []string
	client     *client
}

// greeting is a plugin that is being asked what it is.
type greeting struct {
	done   chan struct{}
	plugin *Plugin
	err    error
}

// New returns the plugins that are described below root, "/" but for tests and for
// daemons beside others.
func New(root string, limits Limits) *Registry {
	ctx, end := context.WithCancel(context.Background())
	return &Registry{root: root, limits: limits, ctx: ctx, end: end, known: map[string]*Plugin{}, flights: map[string]*greeting{}}
}

// Close ends every call that is under way.
func (r *Registry) Close() { r.end() }

// Find returns a plugin that implements a kind. With patience one that does not answer
// yet is tried again for as long as Docker does it.
func (r *Registry) Find(name, kind string, patient bool) (*Plugin, error) {
	p := r.active(name)
	if p == nil {
		var err error
		if p, err = r.greet(name, patient); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(p.Implements, kind) {
		return nil, fault.New(fault.NotFound, "plugin %q does not implement %s", name, kind)
	}
	return p, nil
}

// All returns the plugins of a kind that answer, and why others do not. One that has been
// used and whose description is gone is among these.
func (r *Registry) All(kind string) (there []*Plugin, silent map[string]error) {
	silent = map[string]error{}
	names := r.scan()
	for _, name := range r.Active(kind) {
		if !slices.Contains(names, name) {
			silent[name] = fault.New(fault.Unavailable, "plugin %q not found", name)
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			p, err := r.Find(name, kind, false)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				there = append(there, p)
			} else if !fault.Is(err, fault.NotFound) {
				silent[name] = err
			}
		})
	}
	all.Wait()
	return there, silent
}

// Active is the names of the plugins of a kind that have been used. It asks nobody.
func (r *Registry) Active(kind string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name, p := range r.known {
		if slices.Contains(p.Implements, kind) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *Registry) active(name string) *Plugin {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[name]
}

// forget drops a plugin that does not answer: it may come back at another address.
func (r *Registry) forget(p *Plugin) {
	if _, err := r.find(p.Name); fault.Is(err, fault.NotFound) {
		return // it is known where it was, and that it is missing
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[p.Name] == p {
		delete(r.known, p.Name)
	}
}

// greet asks a plugin what it is. All who want to know that wait for one answer.
func (r *Registry) greet(name string, patient bool) (*Plugin, error) {
	at, err := r.find(name)
	if err != nil {
		return nil, err
	}
	key := name
	if patient {
		key += "\x00"
	}
	r.mu.Lock()
	g := r.flights[key]
	if g == nil {
		g = &greeting{done: make(chan struct{})}
		r.flights[key] = g
		go r.activate(g, key, name, at)
	}
	r.mu.Unlock()
	<-g.done // in time, for the call ends by its own limits
	return g.plugin, g.err
}

// activate is one greeting.
func (r *Registry) activate(g *greeting, key, name string, at address) {
	p := &Plugin{Name: name}
	p.client, g.err = newClient(r, name, at)
	if g.err == nil {
		limit := Call{Method: "Plugin.Activate", For: r.limits.Look}
		if key != name {
			limit.For, limit.Again = r.limits.Connect, true
		}
		g.err = p.Do(limit, nil, p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.err == nil {
		r.known[name], g.plugin = p, p
	}
	delete(r.flights, key)
	close(g.done)
}
