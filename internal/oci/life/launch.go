//go:build linux

package life

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/oci/store"
	"berth/internal/program"
	"berth/internal/runtime"
)

// launched is what became of a program.
type launched struct {
	child launch.Child
	err   error
}

// flight is a program that is being walked.
type flight struct {
	prog *program.Program
	end  chan launched
}

// takeOff starts a program beside this goroutine. The descriptors may be
// closed once the flight has landed or the child is ready.
func (x *starter) takeOff(prog *program.Program, c *cargo, talk *conversation) (*flight, error) {
	code, err := prog.Encode()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The start program cannot be encoded")
	}
	asm, err := x.executor()
	if err != nil {
		return nil, err
	}
	f := &flight{prog: prog, end: make(chan launched, 1)}
	fds := c.fds()
	go func() {
		child, err := asm.Start(code, fds)
		f.end <- launched{child, err}
		talk.hangUp()
	}()
	return f, nil
}

// land waits until the program has been executed, or has failed, in which case
// the child is reaped and explain finds the words for the step.
func (f *flight) land(explain func(*program.Failure) error) (launch.Child, error) {
	l := <-f.end
	if l.err == nil {
		return l.child, nil
	}
	reap(l.child.Pid)
	var failed *program.Failure
	if !errors.As(l.err, &failed) {
		return l.child, fault.Wrap(fault.Internal, l.err, "The process cannot be started")
	}
	return l.child, explain(f.prog.Fail(failed.Step, failed.Errno))
}

// explain gives a step of a start the words that engines look for.
func (j *job) explain(f *program.Failure) error {
	j.transient = runtime.Transient(f)
	text, _ := runtime.StartFailure(f, j.spec)
	return &fault.Error{Kind: fault.Invalid, Text: strings.TrimPrefix(text, dockerPrefix), Err: nil}
}

// dockerPrefix is what Docker and its shim put before the runtime's own words.
const dockerPrefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "

func reap(pid int) (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	if pid <= 0 {
		return ws, nil
	}
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err != unix.EINTR {
			return ws, err
		}
	}
}

// launch walks the program. It returns when the child is ready and waits for
// `start` (f is then not nil), or has executed its program.
func (j *job) launch(wait bool) (f *flight, err error) {
	talk, err := newConversation()
	if err != nil {
		return nil, err
	}
	j.cargo.give(runtime.FdSync, talk.theirs)
	if wait {
		fifo, err := j.dir.MakeFifo()
		if err != nil {
			talk.close()
			return nil, err
		}
		j.cargo.give(runtime.FdStart, fifo)
	}
	if err = j.compile(); err == nil {
		f, err = j.r.starter.takeOff(j.prog, j.cargo, talk)
	}
	if err != nil {
		talk.close()
		return nil, err
	}
	ready, err := j.serve(talk)
	talk.close() // a child that waits for an answer fails
	if ready && err == nil {
		return f, nil
	}
	child, landErr := f.land(j.explain)
	switch {
	case err != nil:
		if landErr == nil { // it went on all the same
			unix.PidfdSendSignal(child.PidFd, unix.SIGKILL, nil, 0)
			reap(child.Pid)
		}
		return nil, err
	case landErr != nil:
		return nil, landErr
	}
	unix.Close(child.PidFd)
	j.rec.Pid = child.Pid
	return nil, nil
}

// serve answers the child's points until it is ready or gone.
func (j *job) serve(talk *conversation) (ready bool, err error) {
	for {
		p, ok, err := talk.next()
		if !ok || err != nil {
			return false, err
		}
		if p.pid > 0 {
			j.rec.Pid = p.pid
		}
		if p.kind == runtime.SyncReady {
			return true, nil
		}
		err = j.obey(p)
		if p.file != nil {
			p.file.Close()
		}
		if err == nil && p.kind != runtime.SyncListener { // for that it does not wait
			err = talk.goOn()
		}
		if err != nil {
			return false, err
		}
	}
}

// save writes down who the first process is.
func (j *job) save() error {
	ticks, lives := store.StartTime(j.rec.Pid)
	if !lives && ticks == 0 {
		return fault.New(fault.Internal, "The container's process ended at once.")
	}
	j.rec.StartTime = ticks
	return j.dir.Save(j.rec)
}

// writePidFile tells the caller the first process.
func writePidFile(path string, pid int) error {
	if path == "" {
		return nil
	}
	return fault.Wrap(fault.Internal, store.Replace(path, []byte(itoa(pid)), os.FileMode(0o666)), "The pid file cannot be written")
}
