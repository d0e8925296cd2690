package grammar

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// ParseBind reads one -v word: /host:/ctr[:mode], name:/ctr[:mode], or /ctr. Its volume, if
// it is one, is of a driver, "" for any.
func ParseBind(word, driver string) (config.Mount, error) {
	parts := strings.Split(word, ":")
	m := config.Mount{Create: true}
	words := ""
	switch {
	case len(parts) > 3 || parts[0] == "":
		return m, badVolume(word)
	case len(parts) == 1:
		m.Target = parts[0]
	case len(parts) == 2 && validMode(parts[1]):
		return m, badVolume(word) // /foo:rw names no volume
	default:
		m.Source, m.Target = parts[0], parts[1]
		if len(parts) == 3 {
			words = parts[2]
		}
	}
	if !validMode(words) {
		return m, fault.New(fault.Invalid, "invalid mode: %s", words)
	}
	m.Type, m.Driver = "volume", driver
	if path.IsAbs(m.Source) {
		m.Type, m.Driver = "bind", ""
	}
	if err := checkTarget(m.Target, m.Type); err != nil {
		return m, fault.Wrap(fault.Invalid, err, "invalid volume specification: '%s'", word)
	}
	m.Target = path.Clean(m.Target)
	applyMode(&m, words)
	if m.Type == "volume" && words == "" {
		m.ModeWords = volumeMode
	}
	if foreign := foreignWord(&m); foreign != "" {
		return m, fault.Wrap(fault.Invalid, badMount(m.Type, "field %s must not be specified", foreign), "invalid volume specification: '%s'", word)
	}
	return m, finishSource(&m)
}

// volumeMode is what inspect shows of a volume whose user has said nothing, as Docker's does: it is shared.
const volumeMode = "z"

// applyMode sets what the words after the second colon say. The consistency words are for
// Docker Desktop: nothing to do here.
func applyMode(m *config.Mount, words string) {
	for _, w := range strings.Split(words, ",") {
		switch {
		case w == "ro":
			m.ReadOnly = true
		case w == "nocopy":
			m.NoCopy = true
		case w == "z" || w == "Z":
			m.Relabel = true
		case slices.Contains(mount.Propagations, mount.Propagation(w)):
			m.Propagation = w
		}
	}
}

// foreignWord names the field of the --mount that a word for another type stands for, or "".
func foreignWord(m *config.Mount) string {
	switch {
	case m.Type == "bind" && m.NoCopy:
		return "VolumeOptions"
	case m.Type == "volume" && m.Propagation != "":
		return "BindOptions"
	}
	return ""
}

// finishSource cleans a host path, checks a volume name, or makes a volume anonymous.
func finishSource(m *config.Mount) error {
	switch {
	case m.Type == "bind":
		m.Source = path.Clean(m.Source)
		return nil
	case m.Source == "":
		m.Anonymous, m.Create = true, false
		return nil
	}
	m.Create = false
	if m.Driver != "" && m.Driver != "local" {
		return nil // plugins call their volumes what they like
	}
	if len(m.Source) < 2 {
		return fault.New(fault.Invalid, "create %s: volume name is too short, names should be at least two alphanumeric characters", m.Source)
	}
	if !volumeName.MatchString(m.Source) {
		return fault.New(fault.Invalid, "create %s: %q includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path", m.Source, m.Source)
	}
	return nil
}

var volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func badVolume(word string) error {
	return fault.New(fault.Invalid, "invalid volume specification: '%s'", word)
}

// validMode reports whether words is a comma-separated list of -v words with at most
// one of each sort. The empty list is one.
func validMode(words string) bool {
	if words == "" {
		return true
	}
	seen := map[string]bool{}
	for _, w := range strings.Split(words, ",") {
		sort := modeSort(w)
		if sort == "" || seen[sort] {
			return false
		}
		seen[sort] = true
	}
	return true
}

func modeSort(word string) string {
	switch word {
	case "rw", "ro":
		return "access"
	case "z", "Z":
		return "label"
	case "nocopy":
		return "copy"
	case "consistent", "cached", "delegated":
		return "consistency"
	}
	if slices.Contains(mount.Propagations, mount.Propagation(word)) {
		return "propagation"
	}
	return ""
}
