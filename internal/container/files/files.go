// Package files is what goes in and out of containers' file systems: copies, exports, the
// list of changes, and images made of them.
package files

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"berth/internal/archive"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Container is one container, as those who copy its files need it.
type Container interface {
	Snapshot() record.Container
	// Lock keeps every verb from changing it, or gives up with ctx.
	Lock(ctx context.Context) error
	Unlock()
	// Running is what its run holds and what is closed at the run's end; nil when it does not run.
	Running() (held *provision.Holdings, down <-chan struct{})
	Views() *Views
	Pause(ctx context.Context) error
	Unpause(ctx context.Context) error
}

// Service is what goes in and out of the containers' file systems.
type Service struct {
	host    *provision.Host
	find    func(ref string) (Container, error)
	publish func(event.Message)
	commits Committer
	mark    func(id string) string // see provision.Paths.Committing
}

// New returns the files of the containers that find finds.
func New(host *provision.Host, deps provision.Deps, commits Committer, find func(ref string) (Container, error)) *Service {
	return &Service{host: host, find: find, publish: deps.Publish, commits: commits, mark: deps.Paths.Committing}
}

func (s *Service) tell(c record.Container, action string, more ...string) {
	s.publish(notice.Of(&c, action, more...))
}

// StatPath tells what a path of a container is. NotFound in Docker's wording.
func (s *Service) StatPath(ctx context.Context, ref, name string) (archive.Stat, error) {
	e, err := s.find(ref)
	if err != nil {
		return archive.Stat{}, err
	}
	_, v, release, err := s.look(ctx, e, true)
	if err != nil {
		return archive.Stat{}, err
	}
	defer release()
	r, st, err := locate(v, ref, name)
	if err == nil {
		r.Close()
	}
	return st, err
}

// locate finds what a path of a container is.
func locate(v *mount.View, ref, name string) (*archive.Resource, archive.Stat, error) {
	r, err := archive.Locate(v.Root, name)
	if err != nil {
		return nil, archive.Stat{}, noFile(err, ref, name)
	}
	st, err := r.Stat(v.Root, name)
	if err != nil {
		r.Close()
		return nil, archive.Stat{}, noFile(err, ref, name)
	}
	return r, st, nil
}

// noFile puts it in Docker's words that a container has no such file.
func noFile(err error, ref, name string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "Could not find the file %s in container %s", name, ref)
	}
	return err
}

// pour copies what produce writes to w. When ctx ends produce does, and then release is
// called, even while a client does not take what has been written.
func pour(ctx context.Context, w io.Writer, produce func(io.Writer) error, release func()) error {
	r, pipe := io.Pipe()
	stop := context.AfterFunc(ctx, func() { pipe.CloseWithError(fault.As(fault.Cancelled, context.Cause(ctx))) })
	go func() {
		out := bufio.NewWriterSize(pipe, 256<<10)
		err := produce(out)
		if err == nil {
			err = out.Flush()
		}
		stop() // before the release, which ends ctx
		release()
		pipe.CloseWithError(err)
	}()
	_, err := io.Copy(w, r)
	r.CloseWithError(io.ErrClosedPipe)
	return err
}

// gone says of files that are missing that the container has just been removed.
func gone(err error, id string) error {
	if errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.NotFound, "No such container: %s", id)
	}
	return err
}
