//go:build linux

package life

import "berth/internal/fault"

// Create makes a container whose first process waits for Start.
func (r *Runtime) Create(o CreateOptions) error {
	o.Detach = true
	j, err := r.begin(o, (*job).create)
	if err != nil {
		return err
	}
	j.dir.Unlock()
	return nil
}

// tries is how often a start is tried whose failure was nobody's fault.
const tries = 5

// begin brings a container as far as act does. Nothing is left when it fails.
func (r *Runtime) begin(o CreateOptions, act func(*job) error) (*job, error) {
	for try := 1; ; try++ {
		j, err := r.newJob(o)
		if err != nil {
			return nil, err
		}
		if err = j.prepare(); err == nil {
			err = act(j)
		}
		j.leavePlace()
		if err == nil {
			return j, nil
		}
		j.fail()
		// Hooks are not run twice.
		if !j.transient || j.spec.Hooks != nil || try == tries {
			return nil, err
		}
	}
}

func (j *job) create() error {
	if _, err := j.launch(true); err != nil {
		return err
	}
	return j.created()
}

// created tells everybody that the container is there. It comes last, since
// a caller may act as soon as the pid file appears.
func (j *job) created() error {
	j.rec.Creating = false
	// From here on a failure has a living child to end.
	j.onFailure(j.kill)
	if j.rec.Pid <= 0 {
		return fault.New(fault.Internal, "The container's process did not say who it is.")
	}
	if err := j.save(); err != nil {
		return err
	}
	if j.o.ConsoleSocket != "" {
		if err := sendFile(j.o.ConsoleSocket, "/dev/ptmx", j.master); err != nil {
			return err
		}
		j.master.Close()
	}
	if j.o.PidfdSocket != "" {
		f, err := j.rec.PidFd()
		if err != nil {
			return err
		}
		defer f.Close()
		if err := sendFile(j.o.PidfdSocket, "pidfd", f); err != nil {
			return err
		}
	}
	return writePidFile(j.o.PidFile, j.rec.Pid)
}

// kill ends the first process of a creation that failed at its end.
func (j *job) kill() {
	if j.rec.Signal(sigKill) == nil {
		reap(j.rec.Pid)
	}
}
