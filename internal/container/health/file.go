package health

import (
	"encoding/json"
	"os"

	"berth/internal/fault"
)

// Save keeps a state in a file, by rename: it outlives the daemon. It is not synced:
// after a loss of power a container begins anew anyway.
func Save(path string, s State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, b, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// Load reads a state that was saved, nil when there is none or it is torn: it is found
// out anew then.
func Load(path string) *State {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	s := &State{}
	if json.Unmarshal(b, s) != nil {
		return nil
	}
	return s
}
