//go:build linux

package life

import (
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/oci/hook"
	"berth/internal/oci/store"
	"berth/internal/runtime"
)

func itoa(n int) string { return strconv.Itoa(n) }

// obey does what the child waits for.
func (j *job) obey(p point) error {
	if err := j.save(); err != nil {
		return err
	}
	switch p.kind {
	case runtime.SyncRecord:
		return nil
	case runtime.SyncMap:
		return mapIDs(j.rec.Pid, j.spec.Linux)
	case runtime.SyncRuntime:
		if err := moveDevices(j.spec.Linux.NetDevices, j.rec.Pid); err != nil {
			return err
		}
		return runtimeHooks(j.rec, j.spec)
	case runtime.SyncCreate:
		return j.r.starter.createHooks(j.rec, j.spec)
	case runtime.SyncListener:
		return sendListener(j.spec.Linux.Seccomp, p.file, j.rec.Pid, hookState(j.rec, j.spec, specs.StateCreating))
	}
	return fault.New(fault.Internal, "The child asks for %q, which nobody knows.", string(rune(p.kind)))
}

// mapIDs gives the child's user namespace its users.
func mapIDs(pid int, l *specs.Linux) error {
	proc := "/proc/" + itoa(pid) + "/"
	for file, list := range map[string][]specs.LinuxIDMapping{"uid_map": l.UIDMappings, "gid_map": l.GIDMappings} {
		var text strings.Builder
		for _, m := range list {
			text.WriteString(strconv.FormatUint(uint64(m.ContainerID), 10) + " " + strconv.FormatUint(uint64(m.HostID), 10) + " " + strconv.FormatUint(uint64(m.Size), 10) + "\n")
		}
		if err := os.WriteFile(proc+file, []byte(text.String()), 0); err != nil {
			return fault.Wrap(fault.Invalid, err, "The user namespace's %s cannot be written", file)
		}
	}
	return nil
}

// runtimeHooks run beside the runtime; the namespaces are there, the root is
// not yet the container's.
func runtimeHooks(rec store.Record, spec *specs.Spec) error {
	h := spec.Hooks
	if h == nil {
		return nil
	}
	state := hookState(rec, spec, specs.StateCreating)
	//lint:ignore SA1019 specs may still have prestart hooks, and nothing is ignored
	if err := hook.Run("prestart", h.Prestart, state); err != nil {
		return err
	}
	return hook.Run("createRuntime", h.CreateRuntime, state)
}
