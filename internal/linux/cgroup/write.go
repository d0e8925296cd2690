package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// writer writes values into a group's files.
type writer struct{ *Group }

// write puts the values where they belong.
func write(g *Group, todo steps) error { return writer{g}.write(todo) }

func (w writer) write(todo steps) error {
	var later steps
	for _, s := range todo {
		err := w.put(s)
		if s.again && errors.Is(err, unix.EINVAL) {
			s.again = false
			later = append(later, s)
			continue
		}
		if err != nil {
			return w.refused(s, err)
		}
	}
	if len(later) == 0 {
		return nil
	}
	return w.write(later)
}

// put writes one value. Where a hybrid host has the controller in its version 2
// tree, it is handed down to the group when it is first asked for.
func (w writer) put(s step) error {
	p, ok := w.place(s.controller)
	if !ok {
		return missingController(s)
	}
	file := filepath.Join(p.Dir, s.file)
	err := put(file, s.value)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if p.Unified && w.handDown(p, s.controller) {
		if err = put(file, s.value); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch {
	case s.optional:
		return nil
	case s.instead != nil:
		return w.put(*s.instead)
	case p.Unified && s.controller != "cgroup" && !w.h.Has(s.controller):
		return missingController(s)
	}
	return fault.New(fault.Unsupported, "This host's kernel has no %s for the control group %s.", s.file, w.path)
}

// handDown gives a group a controller that its parents have and it has not.
func (w writer) handDown(p Place, controller string) bool {
	have, err := controllers(p.Dir, "cgroup.controllers")
	root, _ := unified(w.h.mounts)
	if err != nil || !distributed(controller) || slices.Contains(have, controller) {
		return false
	}
	return enableAll(root, filepath.Dir(p.Dir)) == nil
}

func missingController(s step) error {
	return fault.New(fault.Unsupported, "This host has no %s controller, so %s cannot be set.", s.controller, s.file)
}

// refused explains why the kernel did not take a value.
func (w writer) refused(s step, err error) error {
	if k := fault.KindOf(err); k == fault.Unsupported {
		return err
	}
	switch {
	case s.file == "memory.limit_in_bytes" && errors.Is(err, unix.EBUSY):
		used, peak := strings.TrimSpace(w.holds("memory", "memory.usage_in_bytes")), strings.TrimSpace(w.holds("memory", "memory.max_usage_in_bytes"))
		return fault.New(fault.Conflict, "unable to set memory limit to %s (current usage: %s, peak usage: %s)", s.value, used, peak)
	case s.file == "memory.limit_in_bytes" && errors.Is(err, unix.EINVAL):
		return fault.New(fault.Invalid, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
	case s.file == "memory.memsw.limit_in_bytes" && errors.Is(err, unix.EINVAL):
		return swapBelow()
	case s.file == "memory.use_hierarchy" && errors.Is(err, unix.EINVAL):
		return fault.New(fault.Unsupported, "linux.resources.memory.useHierarchy cannot be %s here: the kernel, or the group above, has it otherwise.", map[string]string{"0": "false", "1": "true"}[s.value])
	case s.file == "cpu.rt_runtime_us" && errors.Is(err, unix.EINVAL):
		return fault.New(fault.Invalid, "linux.resources.cpu.realtimeRuntime = %s is more than the groups above %s have left in their cpu.rt_runtime_us, which is nothing until an administrator writes it.", s.value, w.path)
	}
	return explain(err, s.file+" = "+s.value)
}

// holds is what a file has, or "" when it cannot be read.
func (w writer) holds(controller, file string) string {
	text, err := w.read(controller, file)
	if err != nil {
		return ""
	}
	return text
}

// read reads a file of the group. Without the controller the error is fault.Unsupported.
func (w writer) read(controller, file string) (string, error) {
	p, ok := w.place(controller)
	if !ok {
		return "", fault.New(fault.Unsupported, "This host has no %s controller.", controller)
	}
	return p.read(file)
}
