package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"berth/internal/fault"
)

// LayerSize is what the container's own layer may hold, in bytes: as --storage-opt size= says, or else the daemon's
// default; 0 is no bound. The words of errors are Docker's.
func (h *HostConfig) LayerSize(byDefault int64) (size int64, err error) {
	size = byDefault
	for _, key := range slices.Sorted(maps.Keys(h.StorageOpt)) {
		if strings.ToLower(key) != "size" {
			return 0, fault.New(fault.Invalid, "Unknown option %s", key)
		}
		if size, err = units.RAMInBytes(h.StorageOpt[key]); err != nil {
			return 0, fault.As(fault.Invalid, err)
		}
	}
	return size, nil
}
