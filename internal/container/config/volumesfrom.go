package config

import (
	"slices"
	"strings"

	"berth/internal/fault"
)

// Inherit puts the mounts of other containers (--volumes-from) before a container's own. Of
// several mounts at one place the last counts, and the container's own before all. find gives
// another container's ID and its mounts. Errors are fault.Invalid, in Docker's words.
func Inherit(h *HostConfig, find func(name string) (id string, mounts []Mount, err error)) error {
	var all []Mount
	for _, word := range h.VolumesFrom {
		name, mode, err := parseVolumesFrom(word)
		if err != nil {
			return err
		}
		id, mounts, err := find(name)
		if err != nil {
			return fault.As(fault.Invalid, err) // "not found" would speak of the image
		}
		for _, m := range mounts {
			m.From, m.ReadOnly, m.NoCopy = id, m.ReadOnly || slices.Contains(mode, "ro"), true
			m.ModeWords, m.Said = "", nil // Docker shows none
			all = append(without(all, m.Target), m)
		}
	}
	for _, m := range h.Mounts {
		all = without(all, m.Target)
	}
	for target := range h.Tmpfs {
		all = without(all, target)
	}
	h.Mounts = append(all, h.Mounts...)
	return nil
}

func without(mounts []Mount, target string) []Mount {
	return slices.DeleteFunc(mounts, func(m Mount) bool { return m.Target == target })
}

// parseVolumesFrom reads container[:mode].
func parseVolumesFrom(word string) (name string, mode []string, err error) {
	if word == "" {
		return "", nil, fault.New(fault.Invalid, "volumes-from specification cannot be an empty string")
	}
	name, words, found := strings.Cut(word, ":")
	if !found || words == "" {
		return name, nil, nil
	}
	mode = strings.Split(words, ",")
	for _, sort := range [][]string{{"ro", "rw"}, {"z", "Z"}, {"consistent", "cached", "delegated"}} {
		if len(slices.DeleteFunc(slices.Clone(mode), func(w string) bool { return !slices.Contains(sort, w) })) > 1 {
			return "", nil, fault.New(fault.Invalid, "invalid mode: %s", words)
		}
	}
	for _, w := range mode {
		if !slices.Contains([]string{"ro", "rw", "z", "Z", "consistent", "cached", "delegated"}, w) {
			return "", nil, fault.New(fault.Invalid, "invalid mode: %s", words)
		}
	}
	return name, mode, nil
}
