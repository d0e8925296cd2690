//go:build linux

// Package volumedriver has volumes made and mounted by plugins of the kind VolumeDriver.
package volumedriver

import (
	"strings"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/plugin"
	"berth/internal/volume"
)

// Kind is what such plugins implement.
const Kind = "VolumeDriver"

// Limits are how long the calls of a verb may take, as in Docker.
const (
	long  = 2 * time.Minute // what may be work: to create and to mount
	short = time.Minute
)

// Drivers are the plugins of the kind.
type Drivers struct {
	*plugin.Registry
	Look time.Duration // see plugin.Limits

	mu     sync.Mutex
	scopes map[string]string // what they have said of themselves
}

// Lookup finds a driver for a verb. A plugin that is being started is waited for.
func (d *Drivers) Lookup(name string) (volume.Driver, error) { return d.find(name, true) }

// Glance finds a driver for somebody who only looks.
func (d *Drivers) Glance(name string) (volume.Driver, error) { return d.find(name, false) }

func (d *Drivers) find(name string, patient bool) (volume.Driver, error) {
	p, err := d.Find(name, Kind, patient)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "error looking up volume plugin %s", name)
	}
	return d.driver(p, patient), nil
}

// All are the drivers that answer, for a look.
func (d *Drivers) All() (map[string]volume.Driver, map[string]error) {
	plugins, silent := d.Registry.All(Kind)
	there := make(map[string]volume.Driver, len(plugins))
	for _, p := range plugins {
		there[p.Name] = d.driver(p, false)
	}
	return there, silent
}

func (d *Drivers) driver(p *plugin.Plugin, patient bool) *driver {
	return &driver{plugin: p, drivers: d, patient: patient}
}

// driver is one plugin, asked with patience or without.
type driver struct {
	plugin  *plugin.Plugin
	drivers *Drivers
	patient bool
}

// question is what all of them say; which of it, the method says.
type question struct {
	Name string
	ID   string            `json:",omitempty"`
	Opts map[string]string `json:",omitempty"`
}

// creation is question for a volume that is made: it always has its options.
type creation struct {
	Name string
	Opts map[string]string
}

// found is a volume as a plugin tells it.
type found struct {
	Name       string
	Mountpoint string
	CreatedAt  time.Time
	Status     map[string]any
}

func (f *found) volume() volume.Found {
	return volume.Found{Name: f.Name, Dir: f.Mountpoint, Created: f.CreatedAt, Status: f.Status}
}

// answer is what all of them answer.
type answer struct {
	Mountpoint   string
	Volume       *found
	Volumes      []*found
	Capabilities struct{ Scope string }
	Err          string
}

// ask asks a method of the kind. What the plugin says went wrong is returned in its words.
func (d *driver) ask(method string, args any, limit time.Duration) (a answer, err error) {
	if !d.patient {
		limit = min(limit, d.drivers.Look)
	}
	err = d.plugin.Do(plugin.Call{Method: Kind + "." + method, For: limit, Again: d.patient}, args, &a)
	if err == nil && a.Err != "" {
		err = fault.New(fault.Internal, "%s", a.Err)
	}
	return a, err
}

// Create has a volume made.
func (d *driver) Create(name string, options map[string]string) error {
	_, err := d.ask("Create", creation{name, options}, long)
	return err
}

// Remove has one removed.
func (d *driver) Remove(name string) error {
	_, err := d.ask("Remove", question{Name: name}, short)
	return err
}

// Get asks for one.
func (d *driver) Get(name string) (volume.Found, error) {
	a, err := d.ask("Get", question{Name: name}, short)
	switch {
	case fault.Is(err, fault.Unavailable):
		return volume.Found{}, err
	case err != nil:
		return volume.Found{}, fault.As(fault.NotFound, err)
	case a.Volume == nil:
		return volume.Found{}, fault.New(fault.NotFound, "no such volume")
	}
	return a.Volume.volume(), nil
}

// List asks for all. A volume without a name is none.
func (d *driver) List() ([]volume.Found, error) {
	a, err := d.ask("List", struct{}{}, short)
	list := make([]volume.Found, 0, len(a.Volumes))
	for _, v := range a.Volumes {
		if v != nil && v.Name != "" {
			list = append(list, v.volume())
		}
	}
	return list, err
}

// Mount has a volume mounted for an ID. A plugin may leave it to another method to say where.
func (d *driver) Mount(name, id string) (string, error) {
	a, err := d.ask("Mount", question{Name: name, ID: id}, long)
	if err == nil && a.Mountpoint == "" {
		a, err = d.ask("Path", question{Name: name}, short)
	}
	return a.Mountpoint, err
}

// Unmount ends that.
func (d *driver) Unmount(name, id string) error {
	_, err := d.ask("Unmount", question{Name: name, ID: id}, short)
	return err
}

// Scope is what the plugin says once of where its volumes are. A plugin need not know
// the question: then they are the host's own.
func (d *driver) Scope() string {
	d.drivers.mu.Lock()
	scope, known := d.drivers.scopes[d.plugin.Name]
	d.drivers.mu.Unlock()
	if known {
		return scope
	}
	a, err := d.ask("Capabilities", struct{}{}, short)
	if scope = strings.ToLower(a.Capabilities.Scope); err != nil || scope != "global" {
		scope = volume.Local
	}
	if fault.Is(err, fault.Unavailable) {
		return scope
	}
	d.drivers.mu.Lock()
	defer d.drivers.mu.Unlock()
	if d.drivers.scopes == nil {
		d.drivers.scopes = map[string]string{}
	}
	d.drivers.scopes[d.plugin.Name] = scope
	return scope
}
