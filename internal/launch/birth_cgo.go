//go:build cgo

package launch

// The C library has the kernel write to its memory (rseq(2)) even when nobody calls
// it, so that memory cannot be given away. What ships is built without it; this
// is for the race detector.
const givesMemoryAway = false
