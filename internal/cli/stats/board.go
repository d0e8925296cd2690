package stats

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"berth/internal/cli/engine"

	"github.com/moby/moby/api/types/container"
)

// patience is how long a sample may take before its container's figures are
// told to be unknown.
const patience = 2 * time.Second

// Board has the latest figures of the containers that are watched. Its methods
// may be called from any goroutine.
type Board struct {
	readings engine.Readings
	stream   bool

	first sync.WaitGroup // of those that have neither a sample nor an error yet
	mu    sync.Mutex
	order []*place
}

// place is one container on the board; its fields are the board's lock's.
type place struct {
	asked string
	row   Row
	err   error
	stop  context.CancelFunc
}

// NewBoard returns an empty board. Without stream every container is sampled
// once.
func NewBoard(client *engine.Client, stream bool) *Board {
	return &Board{readings: client.Readings(), stream: stream}
}

// Add begins to watch a container, unless it is watched.
func (b *Board) Add(ctx context.Context, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(b.order, func(p *place) bool { return p.asked == name }) {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	p := &place{asked: name, stop: stop, row: Row{asked: name}}
	b.order = append(b.order, p)
	b.first.Add(1)
	go b.follow(ctx, p)
}

// Remove ends the watch of a container.
func (b *Board) Remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order = slices.DeleteFunc(b.order, func(p *place) bool {
		if p.asked == name {
			p.stop()
		}
		return p.asked == name
	})
}

// WaitFirst waits until every container has been heard of.
func (b *Board) WaitFirst() { b.first.Wait() }

// Rows are the latest figures, in the order in which the containers came.
func (b *Board) Rows(trunc bool) []*Row {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]*Row, 0, len(b.order))
	for _, p := range b.order {
		row := p.row
		row.trunc = trunc
		rows = append(rows, &row)
	}
	return rows
}

// Err is what went wrong with the containers.
func (b *Board) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, p := range b.order {
		errs = append(errs, p.err)
	}
	return errors.Join(errs...)
}

// follow takes a container's samples until they end.
func (b *Board) follow(ctx context.Context, p *place) {
	defer p.stop()
	heard := sync.OnceFunc(b.first.Done)
	defer heard()
	samples, err := b.readings.Stats(ctx, p.asked, b.stream)
	if err != nil {
		b.fail(p, err)
		return
	}
	defer samples.Close()
	next := make(chan container.StatsResponse)
	failed := make(chan error, 1)
	go func() {
		for {
			s, err := samples.Next()
			if err != nil {
				failed <- err
				return
			}
			select {
			case next <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case s := <-next:
			b.set(p, s)
		case err := <-failed:
			if !errors.Is(err, io.EOF) || b.stream {
				b.fail(p, err)
			}
			return
		case <-time.After(patience):
			b.fail(p, errors.New("timeout waiting for stats"))
		case <-ctx.Done():
			return
		}
		heard()
		if !b.stream {
			return
		}
	}
}

func (b *Board) set(p *place, s container.StatsResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.row, p.err = Row{asked: p.asked, name: s.Name, id: s.ID, use: UseOf(s)}, nil
}

func (b *Board) fail(p *place, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.row.use, p.row.lost, p.err = Use{}, true, err
}
