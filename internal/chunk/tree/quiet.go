package tree

import (
	"reflect"
	"time"
)

// Quiet tells whether nothing was changed between the beginning of a scan and the end of a later one of the same directory: then both
// are what was there at one moment, though nobody was stopped.
//
// Everything is what it was, by its times too, and those are older than the first scan. A write through a shared mapping may
// leave the time of one shortly before; but a scan writes back what was written to a file before it reads that, and
// from then on the next write to a page sets a new time.
func Quiet(earlier, later *Manifest) bool {
	if len(earlier.Entries) != len(later.Entries) {
		return false
	}
	for i := range earlier.Entries {
		a, b := &earlier.Entries[i], &later.Entries[i]
		if a.Name != b.Name || a.Depth != b.Depth || a.Kind != b.Kind || a.Target != b.Target || a.Size != b.Size ||
			a.Seen != b.Seen || !reflect.DeepEqual(a.Attr, b.Attr) {
			return false
		}
		if a.Kind != Link && !settled(b.Seen.Changed, earlier.Started) {
			return false
		}
	}
	return true
}

// Settling is how long before a scan a file has to have been changed for its time to tell a change from a later one: more than a
// tick of the kernel's clock, which is 10 ms at most.
const Settling = 100 * time.Millisecond

// settled tells whether a change was long enough before a scan that a later one has another time. File systems that keep no
// parts of seconds keep every other second at the worst.
func settled(changed, scanned Time) bool {
	if changed.Nsec == 0 {
		return changed.Sec < scanned.Sec-2
	}
	return time.Unix(changed.Sec, int64(changed.Nsec)).Add(Settling).Before(time.Unix(scanned.Sec, int64(scanned.Nsec)))
}
