//go:build linux

package yardstick

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/console"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
	"berth/test/yardstick/bundle"
)

// attempt is one start of a bundle, as the engine does it: at once or by way of a sandbox.
type attempt struct {
	t      *testing.T
	asm    *launch.Asm
	made   *bundle.Bundle
	spec   *specs.Spec
	limits specs.LinuxResources
	group  *cgroup.Group
	groups runtime.Cgroup
	stage  string
	fds    map[string]*os.File
	shared []string // the names of descriptors that a sandbox is parked with
	names  []string // of all others
	out    *os.File // what the container prints
}

// begin makes the bundle and takes everything that a start needs. It is nil with what
// is wrong, when that shows before anything is started.
func begin(t *testing.T, c bundle.Case, way string) (*attempt, error) {
	t.Helper()
	asm, err := launch.NewAsm()
	must(t, err)
	t.Cleanup(func() { asm.Close() })
	dir := filepath.Join(t.TempDir(), way)
	must(t, os.MkdirAll(dir, 0o755))
	c.After, c.Silent = bundle.Deep, c.Name == "without-pid" // it would see the host's processes
	a := &attempt{t: t, asm: asm, stage: t.TempDir(), fds: map[string]*os.File{}}
	a.made, err = c.Make(dir)
	must(t, err)
	text, err := os.ReadFile(a.made.Path("config.json"))
	must(t, err)
	if err := json.Unmarshal(text, &a.spec); err != nil {
		return nil, err
	}
	if a.spec.Process == nil || a.spec.Linux == nil {
		return nil, errors.New("the spec says too little")
	}
	if err := a.root(); err != nil {
		return nil, err
	}
	for i, m := range a.spec.Mounts {
		if isBind(m) && !filepath.IsAbs(m.Source) {
			a.spec.Mounts[i].Source = a.made.Path(m.Source)
		}
	}
	return a, errors.Join(a.namespaces(), a.enter(way, c.Name))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

func (a *attempt) give(name string, f *os.File) {
	a.t.Cleanup(func() { f.Close() })
	a.fds[name] = f
	a.names = append(a.names, name)
}

func (a *attempt) root() error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, a.made.Root(), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	a.give(runtime.FdRootfs, os.NewFile(uintptr(fd), "rootfs"))
	return nil
}

// namespaces opens those that have a path.
func (a *attempt) namespaces() error {
	kinds := map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: runtime.FdNetNS, specs.IPCNamespace: runtime.FdIPCNS, specs.UTSNamespace: runtime.FdUTSNS}
	for _, ns := range a.spec.Linux.Namespaces {
		if ns.Path == "" || kinds[ns.Type] == "" {
			continue
		}
		f, err := os.Open(ns.Path)
		if err != nil {
			return err
		}
		a.t.Cleanup(func() { f.Close() })
		a.fds[kinds[ns.Type]], a.shared = f, append(a.shared, kinds[ns.Type])
	}
	return nil
}

// enter makes the control group: with all limits, or with the devices alone, as a sandbox's.
func (a *attempt) enter(way, name string) error {
	h, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if a.spec.Linux.Resources != nil {
		a.limits = *a.spec.Linux.Resources
	}
	for _, rule := range runtime.DefaultDeviceRules(false) {
		if rule.Allow {
			a.limits.Devices = append(a.limits.Devices, rule)
		}
	}
	first := a.limits
	if way == "warm" {
		first = specs.LinuxResources{Devices: a.limits.Devices}
	}
	if a.group, err = h.Create(group()+"/"+way+"-"+name, &first); err != nil {
		return err
	}
	a.t.Cleanup(func() { _ = errors.Join(a.group.Kill(a.t.Context()), a.group.Remove(a.t.Context())) })
	a.groups = runtime.Cgroup{Join: a.group.JoinFiles(), Unified: h.Version() == cgroup.V2}
	for _, p := range a.group.Places() {
		if !p.Unified {
			a.groups.Hierarchies = append(a.groups.Hierarchies, runtime.Hierarchy{Controllers: p.Controllers, Name: p.Name, Path: p.Dir})
		}
	}
	return nil
}

// streams opens what the container reads and writes.
func (a *attempt) streams() error {
	if a.spec.Process.Terminal {
		master, devpts, slave, err := console.New()
		if err != nil {
			return err
		}
		if size := a.spec.Process.ConsoleSize; size != nil {
			err = console.SetSize(slave, uint16(size.Height), uint16(size.Width))
		}
		a.give(runtime.FdPty, slave)
		a.give(runtime.FdDevpts, devpts)
		a.t.Cleanup(func() { master.Close() })
		a.out = master
		return err
	}
	a.give(runtime.FdStdin, filled(a.t, "from stdin\n"))
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	other, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	a.give(runtime.FdStdout, w)
	a.give(runtime.FdStderr, os.NewFile(uintptr(other), "stderr"))
	a.t.Cleanup(func() { r.Close() })
	a.out = r
	return nil
}

// inputs is what both ways of compiling need.
func (a *attempt) inputs(fds []string) (runtime.Inputs, error) {
	in := runtime.Inputs{Fds: fds, Staging: a.stage, Cgroup: a.groups}
	if a.spec.Linux.Seccomp == nil {
		return in, nil
	}
	var err error
	in.Seccomp, err = seccomp.Compile(a.spec.Linux.Seccomp)
	return in, err
}

func (a *attempt) files(p *program.Program) (code []byte, fds []int, err error) {
	for _, name := range p.Fds {
		fds = append(fds, int(a.fds[name].Fd()))
	}
	code, err = p.Encode()
	return code, fds, err
}

// cold starts the bundle at once.
func (a *attempt) cold() (launch.Child, error) {
	if err := a.streams(); err != nil {
		return launch.Child{}, err
	}
	in, err := a.inputs(slices.Concat(a.shared, a.names))
	if err != nil {
		return launch.Child{}, err
	}
	p, err := runtime.Compile(a.spec, in)
	if err != nil {
		return launch.Child{}, err
	}
	code, fds, err := a.files(p)
	if err != nil {
		return launch.Child{}, err
	}
	child, err := a.asm.Start(code, fds)
	return child, inWords(p, a.spec, err)
}

// warm parks a sandbox and makes the container of it.
func (a *attempt) warm(parked *specs.Spec) (launch.Child, error) {
	p, err := runtime.CompilePark(parked, runtime.Inputs{Fds: a.shared, Staging: a.stage, Cgroup: a.groups})
	must(a.t, err)
	code, fds, err := a.files(p)
	must(a.t, err)
	waits, child, err := a.asm.Park(code, fds)
	if err != nil {
		a.t.Fatal("the sandbox cannot be parked: ", inWords(p, parked, err))
	}
	p, err = a.rest(parked)
	if err != nil {
		waits.Discard()
		return child, err
	}
	code, fds, err = a.files(p)
	must(a.t, err)
	return child, inWords(p, a.spec, waits.Resume(code, fds))
}

// stillborn is an error for which the engine starts at once, and finds the words.
type stillborn struct{ error }

// rest is the program that makes a container of the sandbox.
func (a *attempt) rest(parked *specs.Spec) (*program.Program, error) {
	more := a.limits
	more.Devices = nil
	if err := a.group.Update(&more); err != nil {
		return nil, stillborn{err}
	}
	if err := a.streams(); err != nil {
		return nil, err
	}
	for i, m := range a.spec.Mounts {
		if i < len(parked.Mounts) || !isBind(m) {
			continue
		}
		flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
		if slices.Contains(m.Options, "rbind") {
			flags |= unix.AT_RECURSIVE
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
		if err != nil {
			return nil, stillborn{err}
		}
		a.give(runtime.Tree(i), os.NewFile(uintptr(fd), m.Source))
	}
	in, err := a.inputs(a.names)
	if err != nil {
		return nil, err
	}
	return runtime.CompileResume(parked, a.spec, in)
}

// inWords gives a failed step the words and the code that a user sees.
func inWords(p *program.Program, spec *specs.Spec, err error) error {
	var f *program.Failure
	if !errors.As(err, &f) {
		return err
	}
	text, code := runtime.StartFailure(p.Fail(f.Step, f.Errno), spec)
	return fmt.Errorf("%s (%d)", text, code)
}

// outcome is what became of a start, by sections.
func (a *attempt) outcome(child launch.Child, err error) map[string][]string {
	a.t.Helper()
	for _, name := range []string{runtime.FdStdout, runtime.FdStderr, runtime.FdPty} {
		if f := a.fds[name]; f != nil {
			f.Close()
		}
	}
	var out bytes.Buffer
	if a.out != nil {
		_, _ = io.Copy(&out, a.out) // EIO at a terminal's end
	}
	code := 0
	if child.Pid > 0 {
		code = reap(a.t, child)
	}
	if err != nil {
		return map[string][]string{"refused": {steps().ReplaceAllString(strings.ReplaceAll(err.Error(), a.made.Dir, "BUNDLE"), "a step")}}
	}
	sections := bundle.Exactly(strings.ReplaceAll(out.String(), a.group.Path(), "GROUP"), bundle.Context{Dir: a.made.Dir, Namespaces: hostNamespaces(a.t)})
	sections["code"] = []string{fmt.Sprint(code)}
	return sections
}

// tally counts by name.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name]++
}
