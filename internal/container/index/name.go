package index

import (
	"regexp"
	"strconv"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// Take reserves a name for a container that is about to be: the one that was asked for, or one that is made up.
func (x *Index[E]) Take(name, id string) (string, error) {
	if name != "" {
		return name, x.Reserve(name, id)
	}
	for try := range 6 {
		name = config.GenerateName()
		if try > 0 {
			name += strconv.Itoa(try)
		}
		if x.Reserve(name, id) == nil {
			return name, nil
		}
	}
	return id[:12], x.Reserve(id[:12], id)
}

// CheckName refuses what is no name; "" asks for one that is made up.
func CheckName(name string) error {
	if name == "" || regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(name) {
		return nil
	}
	return fault.New(fault.Invalid, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
}
