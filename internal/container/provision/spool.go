package provision

import (
	"errors"
	"os"
	"time"

	"berth/internal/keeper"
	"berth/internal/stream"
)

// TakeSpool gives the log what the keeper took in meanwhile.
func TakeSpool(path string, sink stream.Sink) error {
	if path == "" {
		return nil
	}
	err := keeper.ReadSpool(path, func(st byte, t time.Time, data []byte) error {
		if sink == nil {
			return nil
		}
		return sink(st, t, data)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
