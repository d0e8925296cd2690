// Package order plans in which order containers are started with the machine:
// those that Compose has made wait for what they depend on, as they say in its
// labels. It is pure.
package order

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/fault"
)

// Compose's labels.
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	oneOffLabel  = "com.docker.compose.oneoff"
	dependsLabel = "com.docker.compose.depends_on"
)

// Condition is what a dependency has to have come to.
type Condition string

// The conditions, in Compose's words.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Dependency is one entry of a container's label.
type Dependency struct {
	Service   string
	Condition Condition
}

// Dependencies reads the label: "db:service_healthy:true,cache". What follows the
// condition is about later restarts by Compose. An entry without a condition means Started.
func Dependencies(labels map[string]string) ([]Dependency, error) {
	var list []Dependency
	for word := range strings.SplitSeq(labels[dependsLabel], ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		parts := strings.SplitN(word, ":", 3)
		d := Dependency{parts[0], Started}
		if len(parts) > 1 && parts[1] != "" {
			d.Condition = Condition(parts[1])
		}
		if d.Service == "" || d.Condition != Started && d.Condition != Healthy && d.Condition != Completed {
			return nil, fault.New(fault.Invalid, "the label %s cannot be read at %q", dependsLabel, word)
		}
		list = append(list, d)
	}
	return list, nil
}

// Member is a container, as the plan sees it.
type Member struct {
	ID, Name string
	Labels   map[string]string
	Starts   bool // it waits for its start
	Up       bool // it runs
	Checked  bool // it has a health check
	Done     bool // it has run, and ended well
}

// Step is the start of a container, once all gates are open.
type Step struct {
	ID, Name string
	Gates    []Gate
}

// Gate opens when a container has come to a condition.
type Gate struct {
	ID, Name string
	Until    Condition
}

// Plan is the starts, which go on side by side, and what could not be heeded.
type Plan struct {
	Steps []Step
	Notes []string
}

// String is the plan for tests and logs.
func (p Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString("start " + s.Name)
		for i, g := range s.Gates {
			b.WriteString(map[bool]string{true: " after ", false: " and "}[i == 0] + g.Name + map[Condition]string{Started: " is up", Healthy: " is healthy", Completed: " has ended well"}[g.Until])
		}
		b.WriteByte('\n')
	}
	for _, n := range p.Notes {
		b.WriteString("note: " + n + "\n")
	}
	return b.String()
}

// Starts plans the starts of those members that wait for one, in their order.
// Whatever cannot come to pass is not waited for: a container without its dependency is
// better than none.
func Starts(members []Member) Plan {
	p := planner{members: members, gates: map[string][]Gate{}}
	for _, m := range members {
		if m.Starts {
			p.gates[m.ID] = p.gatesOf(m)
		}
	}
	p.cutCycles()
	for _, m := range members {
		if m.Starts {
			p.plan.Steps = append(p.plan.Steps, Step{m.ID, m.Name, p.gates[m.ID]})
		}
	}
	return p.plan
}

type planner struct {
	members []Member
	gates   map[string][]Gate
	plan    Plan
}

func (p *planner) note(format string, args ...any) {
	p.plan.Notes = append(p.plan.Notes, fmt.Sprintf(format, args...))
}

// gatesOf are what one container waits for.
func (p *planner) gatesOf(m Member) (gates []Gate) {
	deps, err := Dependencies(m.Labels)
	if err != nil {
		p.note("%s: %v", m.Name, err)
	}
	for _, d := range deps {
		there := false
		for _, on := range p.members {
			if on.ID == m.ID || on.Labels[projectLabel] != m.Labels[projectLabel] || on.Labels[serviceLabel] != d.Service || strings.EqualFold(on.Labels[oneOffLabel], "true") {
				continue
			}
			there = true
			if g, ok := p.gate(m, on, d.Condition); ok {
				gates = append(gates, g)
			}
		}
		if !there {
			p.note("%s depends on %s, which is not there", m.Name, d.Service)
		}
	}
	return gates
}

// gate is what one container waits for of another, if there is anything.
func (p *planner) gate(m, on Member, until Condition) (Gate, bool) {
	switch {
	case until == Completed && on.Done && !on.Starts, until == Started && on.Up:
		return Gate{}, false
	case !on.Starts && !on.Up:
		p.note("%s depends on %s, which is not started", m.Name, on.Name)
		return Gate{}, false
	case until == Healthy && !on.Checked:
		p.note("%s waits for %s to be healthy, which has no health check", m.Name, on.Name)
		if on.Up {
			return Gate{}, false
		}
		until = Started
	}
	return Gate{on.ID, on.Name, until}, true
}

// cutCycles takes away the gates that would keep containers waiting for each other.
func (p *planner) cutCycles() {
	const under, through = 1, 2
	seen := map[string]int{}
	var visit func(m Member)
	visit = func(m Member) {
		seen[m.ID] = under
		p.gates[m.ID] = slices.DeleteFunc(p.gates[m.ID], func(g Gate) bool {
			if seen[g.ID] == under {
				p.note("%s and %s wait for each other", m.Name, g.Name)
				return true
			}
			return false
		})
		for _, g := range p.gates[m.ID] {
			if i := slices.IndexFunc(p.members, func(m Member) bool { return m.ID == g.ID }); seen[g.ID] == 0 && i >= 0 {
				visit(p.members[i])
			}
		}
		seen[m.ID] = through
	}
	for _, m := range p.members {
		if seen[m.ID] == 0 {
			visit(m)
		}
	}
}
