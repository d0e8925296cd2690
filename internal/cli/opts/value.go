// Package opts reads what people write after the client's flags: sizes, ports,
// mounts, environment. Every grammar is a pure function with Docker's wording
// in its errors; the types around them are pflag values.
package opts

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
)

// List is a flag that may be repeated. Check, when set, validates and
// normalizes one value.
type List struct {
	Values []string
	Check  func(string) (string, error)
}

// String returns the values for help output.
func (l *List) String() string {
	if len(l.Values) == 0 {
		return ""
	}
	return fmt.Sprint(l.Values)
}

// Type names the kind of flag in help output.
func (*List) Type() string { return "list" }

// Set adds one value.
func (l *List) Set(v string) error {
	if l.Check != nil {
		var err error
		if v, err = l.Check(v); err != nil {
			return err
		}
	}
	l.Values = append(l.Values, v)
	return nil
}

// Map is a repeated flag of key=value pairs.
type Map struct {
	Values map[string]string
	Check  func(string) (string, error)
}

// String returns the values for help output.
func (m *Map) String() string { return fmt.Sprint(m.Values) }

// Type names the kind of flag in help output.
func (*Map) Type() string { return "map" }

// Set adds one pair.
func (m *Map) Set(v string) error {
	if m.Check != nil {
		var err error
		if v, err = m.Check(v); err != nil {
			return err
		}
	}
	if m.Values == nil {
		m.Values = map[string]string{}
	}
	key, value, _ := strings.Cut(v, "=")
	m.Values[key] = value
	return nil
}

// Bytes is a size such as 64m, in bytes.
type Bytes int64

// String returns the size for help output; zero is hidden there.
func (b *Bytes) String() string {
	if *b == 0 {
		return "0"
	}
	return units.BytesSize(float64(*b))
}

// Type names the kind of flag in help output.
func (*Bytes) Type() string { return "bytes" }

// Set reads a size with an optional unit of powers of 1024.
func (b *Bytes) Set(v string) error {
	n, err := units.RAMInBytes(v)
	*b = Bytes(n)
	return err
}

// SwapBytes is a size where -1 means without limit.
type SwapBytes int64

// String returns the size for help output.
func (b *SwapBytes) String() string { return (*Bytes)(b).String() }

// Type names the kind of flag in help output.
func (*SwapBytes) Type() string { return "bytes" }

// Set reads a size or -1.
func (b *SwapBytes) Set(v string) error {
	if v == "-1" {
		*b = -1
		return nil
	}
	return (*Bytes)(b).Set(v)
}

// CPUs is a number of processors in billionths.
type CPUs int64

// String returns the number for help output.
func (c *CPUs) String() string {
	if *c == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", float64(*c)/1e9)
}

// Type names the kind of flag in help output.
func (*CPUs) Type() string { return "decimal" }

// Set reads a decimal number or a fraction.
func (c *CPUs) Set(v string) error {
	n, err := ParseCPUs(v)
	*c = CPUs(n)
	return err
}

// Ulimits is a repeated flag of name=soft[:hard].
type Ulimits struct{ values map[string]*container.Ulimit }

// String returns the limits for help output.
func (u *Ulimits) String() string {
	out := make([]string, 0, len(u.values))
	for _, l := range u.List() {
		out = append(out, l.String())
	}
	return fmt.Sprint(out)
}

// Type names the kind of flag in help output.
func (*Ulimits) Type() string { return "ulimit" }

// Set reads one limit; a later one of the same name wins.
func (u *Ulimits) Set(v string) error {
	l, err := units.ParseUlimit(v)
	if err != nil {
		return err
	}
	if u.values == nil {
		u.values = map[string]*container.Ulimit{}
	}
	u.values[l.Name] = l
	return nil
}

// List returns the limits sorted by name.
func (u *Ulimits) List() []*container.Ulimit {
	out := make([]*container.Ulimit, 0, len(u.values))
	for _, l := range u.values {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *container.Ulimit) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Filters is a repeated flag of key=value, several values a key.
type Filters struct{ Values map[string][]string }

// String returns the filters for help output.
func (f *Filters) String() string {
	if len(f.Values) == 0 {
		return ""
	}
	return fmt.Sprint(f.Values)
}

// Type names the kind of flag in help output.
func (*Filters) Type() string { return "filter" }

// Set adds one filter. Keys are case-insensitive.
func (f *Filters) Set(v string) error {
	if v == "" {
		return nil
	}
	key, value, ok := strings.Cut(v, "=")
	if !ok {
		return errors.New("bad format of filter (expected name=value)")
	}
	f.Add(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value))
	return nil
}

// Add adds a filter that is known to be well formed.
func (f *Filters) Add(key, value string) {
	if f.Values == nil {
		f.Values = map[string][]string{}
	}
	f.Values[key] = append(f.Values[key], value)
}
