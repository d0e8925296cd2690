package cgroup

import "github.com/opencontainers/runtime-spec/specs-go"

// Value is what a file of a control group is to hold.
type Value struct{ File, Value string }

// Values are what Create writes for r, devices apart: somebody who manages the
// tree may have to know them too. Errors as for Create.
func (h Hierarchy) Values(r *specs.LinuxResources) ([]Value, error) {
	todo, err := (&planner{on: h.on}).plan(r)
	return todo.values(), err
}

func (s steps) values() []Value {
	list := make([]Value, 0, len(s))
	for _, one := range s {
		list = append(list, Value{one.file, one.value})
	}
	return list
}
