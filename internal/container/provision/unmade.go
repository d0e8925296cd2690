package provision

import (
	"errors"
	"os"
	"strings"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/failpoint"
	"berth/internal/fault"
)

// unmade is the file in the directory of a container that is being made which names its
// anonymous volumes, a line each, for as long as no record does: they are its own, and a create that
// the daemon's end interrupts takes them along.
func (p Paths) unmade(id string) string { return p.Dir(id) + "/volumes" }

// nameVolumes gives the volumes without a name one, and writes those names down before there
// is anything of that name. The file need not be synced: after a power failure it is there with what came later.
func (h Storage) nameVolumes(id string, mounts []config.Mount) error {
	var names strings.Builder
	for i := range mounts {
		if m := &mounts[i]; m.Type == "volume" && m.Source == "" {
			m.Source, m.Anonymous = record.NewID(), true
			names.WriteString(m.Source + "\n")
		}
	}
	if names.Len() == 0 {
		return nil
	}
	err := os.WriteFile(h.deps.Paths.unmade(id), []byte(names.String()), 0o600)
	failpoint.At("create.volumes-named")
	return fault.Wrap(fault.Internal, err, "the container's volumes cannot be written down")
}

// Recorded tells that a container is recorded: its volumes are of a record now.
func (h Storage) Recorded(id string) {
	if err := os.Remove(h.deps.Paths.unmade(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.deps.Warn("container %s: %v", id, err)
	}
}

// unmakeVolumes removes the volumes of a container that never came to be recorded.
func (h Storage) unmakeVolumes(id string) {
	text, err := os.ReadFile(h.deps.Paths.unmade(id))
	if err != nil {
		return // it has none
	}
	for name := range strings.FieldsSeq(string(text)) {
		if err := h.deps.Volumes.Remove(name); err != nil && !fault.Is(err, fault.NotFound) {
			h.deps.Warn("volume %s: %v", name, err)
		}
	}
}
