package daemon

import (
	"net/netip"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// The flag values, in pflag's shape.
type (
	stringValue string
	boolValue   bool
	intValue    int
	listValue   []string
	prefixValue netip.Prefix
	refusal     string // the name of a flag that is not supported yet
)

func (v *stringValue) Set(s string) error { *v = stringValue(s); return nil }
func (v *stringValue) Type() string       { return "string" }
func (v *stringValue) String() string     { return string(*v) }

func (v *boolValue) Set(s string) error {
	b, err := strconv.ParseBool(s)
	*v = boolValue(b)
	return err
}
func (v *boolValue) Type() string   { return "bool" }
func (v *boolValue) String() string { return strconv.FormatBool(bool(*v)) }

func (v *intValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	*v = intValue(n)
	return err
}
func (v *intValue) Type() string   { return "int" }
func (v *intValue) String() string { return strconv.Itoa(int(*v)) }

func (v *listValue) Set(s string) error { *v = append(*v, s); return nil }
func (v *listValue) Type() string       { return "list" }
func (v *listValue) String() string     { return strings.Join(*v, ",") }

func (v *prefixValue) Set(s string) error {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return fault.New(fault.Invalid, "invalid CIDR address: %s", s)
	}
	*v = prefixValue(p)
	return nil
}
func (v *prefixValue) Type() string { return "string" }
func (v *prefixValue) String() string {
	if p := netip.Prefix(*v); p.IsValid() {
		return p.String()
	}
	return ""
}

func (r refusal) Set(string) error {
	if r == "init-path" { // it is written into each container's program: see package pid1
		return fault.New(fault.Unsupported, "init-path is not supported: the init of --init is berth's own, and no other can take its place; give an image's init as its entrypoint instead")
	}
	return fault.New(fault.Unsupported, "%s is not supported yet by berth", string(r))
}
func (r refusal) Type() string   { return "" }
func (r refusal) String() string { return "" }
