package remote

import (
	"berth/internal/fault"

	"github.com/pelletier/go-toml/v2"
)

// checkHostsFile makes sure that a hosts.toml can be read (containerd's docs/hosts.md).
func checkHostsFile(path string, text []byte) error {
	var any map[string]any
	if err := toml.Unmarshal(text, &any); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be read", path)
	}
	return nil
}
