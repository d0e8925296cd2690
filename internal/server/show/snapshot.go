package show

import (
	"time"

	store "berth/internal/snapshot"
)

// Snapshot is a snapshot as the API has it.
type Snapshot struct {
	ID         string
	Name       string
	Volume     string `json:",omitempty"` // of which it is,
	Container  string `json:",omitempty"` // or that: its ID
	CreatedAt  string
	Labels     map[string]string
	Reason     string // why the engine took it; "" when a user asked for it
	Size       int64  // bytes in its files
	Entries    int64  // files, directories and all else
	UniqueSize *int64 `json:",omitempty"` // bytes that nothing else has; only when asked for
	Frozen     int64  // nanoseconds for which those who use the files stood still
}

// SnapshotOf shows one.
func SnapshotOf(x store.Snapshot) Snapshot {
	out := Snapshot{
		ID: x.ID, Name: x.Name, CreatedAt: x.Created.Format(time.RFC3339Nano), Labels: x.Labels, Reason: x.Reason,
		Size: x.Bytes, Entries: x.Entries, Frozen: int64(x.Frozen),
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	return out
}
