//go:build linux

package life

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// dropAmbient takes out the ambient capabilities that the kernel would not
// give: they have to be permitted and inheritable too (capabilities(7)). runc's
// own template has such ones, and its runc starts them.
func dropAmbient(c *specs.LinuxCapabilities) {
	if c == nil {
		return
	}
	c.Ambient = slices.DeleteFunc(c.Ambient, func(name string) bool {
		return !slices.Contains(c.Permitted, name) || !slices.Contains(c.Inheritable, name)
	})
}
