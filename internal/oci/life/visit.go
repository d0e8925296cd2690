//go:build linux

package life

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/linux/seccomp"
	"berth/internal/oci/store"
	"berth/internal/program"
	"berth/internal/runtime"
)

// launch walks the program. A seccomp filter with a listener has its agent told.
func (v *visit) launch(rec store.Record) (launch.Child, error) {
	none := launch.Child{PidFd: -1}
	var err error
	if v.in.Seccomp, err = seccomp.Compile(v.spec.Linux.Seccomp); err != nil {
		return none, err
	}
	talk, err := v.listen()
	if err != nil {
		return none, err
	}
	v.in.Fds = v.cargo.names
	v.surroundings(rec)
	prog, err := runtime.CompileExec(v.p, v.in)
	if err != nil {
		return none, err
	}
	f, err := v.r.starter.takeOff(prog, v.cargo, talk)
	if err != nil {
		return none, err
	}
	if err := v.serve(talk, rec); err != nil {
		if child, landErr := f.land(v.explain); landErr == nil {
			_ = unix.PidfdSendSignal(child.PidFd, unix.SIGKILL, nil, 0) // it may have ended
			reap(child.Pid)
		}
		return none, err
	}
	return f.land(v.explain)
}

// listen opens the conversation when the filter needs one.
func (v *visit) listen() (*conversation, error) {
	if s := v.spec.Linux.Seccomp; s == nil || s.ListenerPath == "" {
		return nil, nil
	}
	talk, err := newConversation()
	if err == nil {
		v.cargo.give(runtime.FdSync, talk.theirs)
	}
	return talk, err
}

// serve waits for the listener, or until there is nobody to send one.
func (v *visit) serve(talk *conversation, rec store.Record) error {
	if talk == nil {
		return nil
	}
	defer talk.close()
	for {
		p, ok, err := talk.next()
		if !ok || err != nil {
			return err
		}
		if p.kind != runtime.SyncListener {
			return fault.New(fault.Internal, "The child asks for %q, which an exec does not have.", string(rune(p.kind)))
		}
		err = sendListener(v.spec.Linux.Seccomp, p.file, p.pid, hookState(rec, v.spec, specs.StateRunning))
		if p.file != nil {
			p.file.Close()
		}
		if err != nil {
			return err
		}
	}
}

// surroundings tells the compiler where the container lives.
func (v *visit) surroundings(rec store.Record) {
	v.in.UserNS, v.in.TimeNS = otherNS(rec.Pid, "user"), otherNS(rec.Pid, "time")
	v.in.Rootless = noGroups()
	v.in.Modules = modules(v.p)
	v.in.Kernel = runtime.Kernel{Personality: v.spec.Linux.Personality, MemoryPolicy: v.spec.Linux.MemoryPolicy}
}

// otherNS tells whether a process is in another namespace than this one.
func otherNS(pid int, kind string) bool {
	var theirs, ours unix.Stat_t
	return unix.Stat("/proc/"+itoa(pid)+"/ns/"+kind, &theirs) == nil && unix.Stat("/proc/self/ns/"+kind, &ours) == nil && theirs.Ino != ours.Ino
}

func (v *visit) explain(f *program.Failure) error {
	v.transient = runtime.Transient(f)
	text, _ := runtime.ExecFailure(f, v.p)
	return fault.New(fault.Invalid, "%s", strings.TrimPrefix(text, "OCI runtime exec failed: exec failed: "))
}
