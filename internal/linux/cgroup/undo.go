package cgroup

import (
	"errors"
	"strings"
)

// WriteOrLeave makes the update, or leaves the limits as they were. With the returned function the
// caller takes it back. Errors as for Write.
func (c *Change) WriteOrLeave() (undo func() error, err error) {
	before := c.before()
	undo = func() error {
		var errs []error
		for i := len(before) - 1; i >= 0; i-- {
			errs = append(errs, write(c.g, before[i:i+1]))
		}
		if errors.Join(errs...) == nil {
			return nil
		}
		// Some of the old limits may only be taken after others, which have been put back now.
		return write(c.g, before)
	}
	if err := c.Write(); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

// before is what to write to have what the group has now. Files that cannot be read
// will not be written either.
func (c *Change) before() steps {
	var out steps
	for _, s := range c.todo {
		for at := &s; at != nil; at = at.instead {
			text, err := writer{c.g}.read(at.controller, at.file)
			if err != nil {
				continue
			}
			old := out.add(at.controller, at.file, previous(at.file, text, at.value))
			old.again = true
			break
		}
	}
	return out
}

// previous is the value by which a file gets back what the text says of it, where a value
// is about to be written.
func previous(file, text, value string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	subject, _, many := strings.Cut(value, " ")
	switch {
	case file == "memory.oom_control":
		_, old, _ := strings.Cut(lines[0], " ") // "oom_kill_disable 0"
		return old
	case !strings.Contains(subject, ":") || !many:
		if lines[0] == "" {
			return "\n" // an empty write would be none
		}
		return lines[0]
	}
	for _, line := range lines {
		if strings.HasPrefix(line, subject+" ") {
			return line
		}
	}
	// There was no word about the device.
	switch file {
	case "io.max":
		return subject + " rbps=max wbps=max riops=max wiops=max"
	case "io.weight", "io.bfq.weight":
		return subject + " default"
	}
	return subject + " 0"
}
