//go:build linux

package keeper

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// ParkRequest says what a sandbox is made of. The files stay the caller's.
type ParkRequest struct {
	ID      string     // unique among the sandboxes; 256 bytes at most
	Program []byte     // the first program, encoded
	Fds     []*os.File // its descriptors, in the order of Program.Fds
}

// Sandbox is a child that waits for the rest of its program (StartRequest.Sandbox).
type Sandbox struct {
	ID    string
	Pid   int
	Pidfd *os.File // the caller's; it goes on to stand for the process that the sandbox becomes
}

// Park runs a program up to where its process waits to become a container. Failures
// are those of Start; Unavailable: the keeper holds as many as it takes. A
// sandbox lives until a start takes it, Discard, or the end of this connection.
func (c *Client) Park(ctx context.Context, q ParkRequest) (Sandbox, error) {
	fds, _, err := descriptors(&StartRequest{ID: q.ID, Program: q.Program, Fds: q.Fds})
	if err != nil {
		return Sandbox{}, err
	}
	defer unix.Close(fds[0])
	body := parkBody{id: q.ID, programFds: len(q.Fds)}
	r, err := c.exchange(ctx, request{kind: askPark, fill: body.write, fds: fds, late: func(r reply) {
		closeAll(r.fds)
		if r.err == nil {
			_ = c.Discard(context.Background(), q.ID) // it may have ended
		}
	}})
	if err != nil {
		return Sandbox{}, err
	}
	box := Sandbox{ID: q.ID, Pid: int(r.body.u32())}
	if r.body.done() != nil || len(r.fds) != 1 {
		closeAll(r.fds)
		return Sandbox{}, errAnswer()
	}
	box.Pidfd = os.NewFile(uintptr(r.fds[0]), "pidfd")
	return box, nil
}

// Discard ends a sandbox and returns when nothing of it is left. NotFound: it
// has ended by itself, or has been started.
func (c *Client) Discard(ctx context.Context, id string) error {
	_, err := c.askFor(ctx, askDiscard, id)
	return err
}

// Sandboxes lists those that wait.
func (c *Client) Sandboxes(ctx context.Context) ([]string, error) {
	r, err := c.exchange(ctx, request{kind: askParked})
	if err != nil {
		return nil, err
	}
	ids := r.body.strs()
	if err := r.body.done(); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	return ids, nil
}
