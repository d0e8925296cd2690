//go:build linux

package keeper

import (
	"bytes"
	"context"

	"berth/internal/fault"
)

// request is one question to the keeper.
type request struct {
	kind kind
	fill func(*writer)
	fds  []int
	late func(reply) // takes an answer that nobody waited for
	sent func()      // called when the keeper has been asked, or nil
}

// reply is its one answer.
type reply struct {
	body *reader
	list []Process // of a list, whose packets are put together
	fds  []int
	err  error
}

// waiter is who waits for an answer. Exactly one reply comes, so that the
// receiving goroutine never blocks.
type waiter struct {
	kind   kind
	list   []Process
	answer chan reply
}

func errLost() error { return fault.New(fault.Unavailable, "the connection to the keeper is lost") }

// askFor is a request about one process.
func (c *Client) askFor(ctx context.Context, k kind, id string) (reply, error) {
	return c.exchange(ctx, request{kind: k, fill: func(w *writer) { w.str(id) }})
}

// exchange sends a request and waits for its answer or the end of ctx.
func (c *Client) exchange(ctx context.Context, q request) (reply, error) {
	w, err := c.send(ctx, q)
	if err != nil {
		return reply{}, err
	}
	if q.sent != nil {
		q.sent()
	}
	select {
	case r := <-w.answer:
		return r, r.err
	case <-ctx.Done():
		go func() {
			r := <-w.answer
			if q.late != nil {
				q.late(r)
			} else {
				closeAll(r.fds)
			}
		}()
		return reply{}, fault.As(fault.Cancelled, context.Cause(ctx))
	}
}

// send gives a request a number and sends it.
func (c *Client) send(ctx context.Context, q request) (*waiter, error) {
	if ctx.Err() != nil {
		return nil, fault.As(fault.Cancelled, context.Cause(ctx))
	}
	w := &waiter{kind: q.kind, answer: make(chan reply, 1)}
	c.mu.Lock()
	if c.waiting == nil {
		c.mu.Unlock()
		return nil, errLost()
	}
	c.number = max(c.number+1, 1) // 0 is not a request's
	number := c.number
	c.waiting[number] = w
	c.mu.Unlock()
	message := newWriter(q.kind, number)
	if q.fill != nil {
		q.fill(message)
	}
	var err error
	if len(message.b) > maxMessage {
		err = fault.New(fault.Invalid, "the request to the keeper is too long")
	} else {
		err = fault.Wrap(fault.Unavailable, c.sock.send(message.b, q.fds), "the keeper cannot be asked")
	}
	if err != nil {
		c.mu.Lock()
		delete(c.waiting, number)
		c.mu.Unlock()
		return nil, err
	}
	return w, nil
}

// receive hands packets to those who wait until the connection is lost.
func (c *Client) receive() {
	var why error
	for why == nil {
		packet, fds, lost, err := c.sock.receive()
		if err != nil {
			break
		}
		why = c.handle(packet, fds, lost)
	}
	if why == nil {
		why = errLost()
	}
	c.sock.close()
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, w := range waiting {
		w.answer <- reply{err: why}
	}
	close(c.done)
}

// handle takes one packet. An error ends the connection.
func (c *Client) handle(packet []byte, fds []int, lost bool) error {
	k, number, body, err := parseHeader(bytes.Clone(packet))
	if err != nil {
		closeAll(fds)
		return errAnswer()
	}
	if k == eventExit {
		closeAll(fds)
		return c.exited(body)
	}
	r := reply{body: body, fds: fds}
	if k == answerFail {
		r.err = readFail(body)
	} else if lost {
		r.err = fault.New(fault.Unavailable, "an answer lost descriptors on its way from the keeper")
	}
	if r.err != nil {
		closeAll(fds)
		r.fds = nil
		if number == 0 { // about the connection
			return r.err
		}
	}
	return c.deliver(number, r)
}

// deliver gives an answer to who asked, a list when it is whole.
func (c *Client) deliver(number uint32, r reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.waiting[number]
	if w == nil {
		closeAll(r.fds)
		return errAnswer()
	}
	if w.kind == askList && r.err == nil {
		more := r.body.u8()
		for n := r.body.u16(); n > 0 && !r.body.bad; n-- {
			w.list = append(w.list, readProcess(r.body))
		}
		if r.body.done() != nil {
			r.err = errAnswer()
		} else if more != 0 {
			return nil
		}
		r.list = w.list
	}
	delete(c.waiting, number)
	w.answer <- r
	return nil
}

// exited queues an event; the queue never fills.
func (c *Client) exited(body *reader) error {
	e := Event{ID: body.str(), Exit: readExit(body)}
	if body.done() != nil {
		return errAnswer()
	}
	c.mu.Lock()
	c.queue = append(c.queue, e)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// pump delivers events until the connection is lost and the queue empty, or
// the client is closed.
func (c *Client) pump() {
	defer close(c.events)
	for lost := false; ; {
		c.mu.Lock()
		queue := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, e := range queue {
			select {
			case c.events <- e:
			case <-c.closed:
				return
			}
		}
		if lost && len(queue) == 0 {
			return
		}
		if lost {
			continue
		}
		select {
		case <-c.wake:
		case <-c.done:
			lost = true
		case <-c.closed:
			return
		}
	}
}
