//go:build linux

package life

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Run creates and starts a container, waits for its end and deletes it. The
// answer is the process's exit code.
func (r *Runtime) Run(o CreateOptions) (code int, err error) {
	j, err := r.begin(o, (*job).run)
	if err != nil {
		return 0, err
	}
	if o.Detach {
		// Nobody is beside the container any more.
		j.dir.Unlock()
		return 0, nil
	}
	return r.attend(j)
}

// run brings the container from nothing to running. Without startContainer
// hooks nobody has to be waited for between the two.
func (j *job) run() error {
	twoSteps := j.spec.Hooks != nil && len(j.spec.Hooks.StartContainer) > 0
	f, err := j.launch(twoSteps)
	if err != nil {
		return err
	}
	if err := j.created(); err != nil {
		return err
	}
	if f != nil {
		if err := j.r.starter.startContainer(j.dir, j.spec, j.rec); err != nil {
			return err
		}
		child, err := f.land(j.explain)
		if err != nil {
			return err
		}
		unix.Close(child.PidFd)
	}
	j.cargo.close()
	return poststart(j.spec, j.rec)
}

// attend waits beside a container in the foreground.
func (r *Runtime) attend(j *job) (int, error) {
	// The other verbs may work on it meanwhile.
	j.dir.Unlock()
	pidfd, err := j.rec.PidFd()
	if err == nil {
		defer pidfd.Close()
		defer forward(int(pidfd.Fd()))()
	}
	code, err := wait(j.rec.Pid, j.master)
	if j.o.Keep {
		return code, err
	}
	if lockErr := j.dir.Lock(); lockErr != nil {
		return code, err // somebody has deleted it already
	}
	if endErr := r.forget(j.dir, j.rec, j.spec, j.group); err == nil {
		err = endErr
	}
	return code, err
}

// wait waits for a process, with the terminal that it has, if any, relayed to ours.
func wait(pid int, master *os.File) (int, error) {
	var tty *relay
	if master != nil {
		tty = newRelay(master)
	}
	ws, err := reap(pid)
	if tty != nil {
		tty.finish()
	}
	return exitCode(ws), fault.Wrap(fault.Internal, err, "The process cannot be waited for")
}

func exitCode(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// forward passes on to a process the signals that come to this one.
func forward(pidfd int) (stop func()) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGCONT, unix.SIGTSTP)
	go func() {
		for s := range signals {
			if sig, ok := s.(unix.Signal); ok {
				_ = unix.PidfdSendSignal(pidfd, sig, nil, 0) // when it has ended, so will this process
			}
		}
	}()
	return func() { signal.Stop(signals) }
}
