package cgroup

import "github.com/opencontainers/runtime-spec/specs-go"

// Value is what a file of a control group is to hold.
type Value struct{ File, Value string }

// Values are what Create writes for r, devices apart: somebody who manages the
// tree may have to know them too. Errors as for Create.
func (h Hierarchy) Values(r *specs.LinuxResources) ([]Value, error) {
	return (&planner{on: h.on}).values(r)
}

// Values are what Update writes for r, devices apart.
func (g *Group) Values(r *specs.LinuxResources) ([]Value, error) {
	return (&planner{on: g.h.on, now: writer{g}.holds}).values(r)
}

func (p *planner) values(r *specs.LinuxResources) ([]Value, error) {
	todo, err := p.plan(r)
	if err != nil {
		return nil, err
	}
	var list []Value
	for _, s := range todo {
		list = append(list, Value{s.file, s.value})
	}
	return list, nil
}
