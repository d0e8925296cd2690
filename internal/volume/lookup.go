//go:build linux

package volume

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"berth/internal/fault"
)

// Lookup is Get for somebody who waits: a plugin's volume is as the plugin says that it is
// now, and one that nobody here knows may be one of a plugin's.
func (s Foreign) Lookup(name string) (Volume, error) {
	v, err := s.Get(name)
	if err != nil {
		if found, ok := s.probe(name); ok {
			return found, nil
		}
		return v, err
	}
	if !v.Foreign() || s.drivers == nil {
		return v, nil
	}
	driver, err := s.drivers.Glance(v.Driver)
	var found Found
	if err == nil {
		found, err = driver.Get(name)
	}
	switch {
	case err == nil && found.Name != "":
		return v.with(found), nil
	case fault.Is(err, fault.Unavailable), driver == nil:
		return v, fault.Wrap(fault.KindOf(err), err, "get %s: error while checking if volume %q exists in driver %q", name, name, v.Driver)
	}
	return v, fault.New(fault.NotFound, "get %s: no such volume", name)
}

// with is a volume as its driver has just said that it is.
func (v Volume) with(f Found) Volume {
	v.Dir, v.Status = cmp.Or(f.Dir, v.Dir), f.Status
	if !f.Created.IsZero() {
		v.Created = f.Created
	}
	return v
}

// probe looks among the plugins for a volume that nobody here knows.
func (s Foreign) probe(name string) (Volume, bool) {
	if s.drivers == nil {
		return Volume{}, false
	}
	there, _ := s.drivers.All()
	for driver, found := range askAll(there, func(d Driver) (Found, error) { return d.Get(name) }) {
		if found.err == nil && found.is.Name != "" {
			return Volume{Name: name, Driver: driver, Scope: there[driver].Scope()}.with(found.is), true
		}
	}
	return Volume{}, false
}

// Survey is List with what the plugins have besides, and why those that do not answer do
// not. Of these, it has what is known.
func (s Foreign) Survey() (list []Volume, warnings []string) {
	list = s.List()
	if s.drivers == nil {
		return list, nil
	}
	there, silent := s.drivers.All()
	for name, err := range silent {
		warnings = append(warnings, "list "+name+": "+err.Error())
	}
	known := map[string]int{}
	for i := range list {
		known[list[i].Name] = i
	}
	gone := map[string]bool{} // of plugins that answer, unless they have it
	for driver, answer := range askAll(there, Driver.List) {
		if answer.err != nil {
			warnings = append(warnings, "list "+driver+": "+answer.err.Error())
			continue
		}
		for i := range list {
			gone[list[i].Name] = gone[list[i].Name] || list[i].Driver == driver
		}
		for _, found := range answer.is {
			if at, ok := known[found.Name]; !ok {
				known[found.Name] = len(list)
				list = append(list, Volume{Name: found.Name, Driver: driver, Scope: there[driver].Scope()}.with(found))
			} else if list[at].Driver == driver {
				gone[found.Name] = false
				list[at] = list[at].with(found)
			}
		}
	}
	list = slices.DeleteFunc(list, func(v Volume) bool { return gone[v.Name] })
	slices.SortFunc(list, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(warnings)
	return list, warnings
}

// answer is what a driver says to a question.
type answer[T any] struct {
	is  T
	err error
}

// askAll asks all drivers at once, so that they are waited for no longer than one is.
func askAll[T any](drivers map[string]Driver, question func(Driver) (T, error)) map[string]answer[T] {
	answers, mu := map[string]answer[T]{}, sync.Mutex{}
	var all sync.WaitGroup
	for _, name := range slices.Sorted(maps.Keys(drivers)) {
		all.Go(func() {
			is, err := question(drivers[name])
			mu.Lock()
			defer mu.Unlock()
			answers[name] = answer[T]{is, err}
		})
	}
	all.Wait()
	return answers
}
