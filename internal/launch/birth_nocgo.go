//go:build !cgo

package launch

// Without the C library nothing needs the memory of a Go program but its code.
const givesMemoryAway = true
