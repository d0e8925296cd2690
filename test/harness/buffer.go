//go:build linux

package harness

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Buffer collects output that is looked at while it is being written.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes output in.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is all that has been written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// holds is nil once text has been written; the error shows what was instead.
func (b *Buffer) holds(text string, also ...*Buffer) error {
	all := b.String()
	if strings.Contains(all, text) {
		return nil
	}
	for _, o := range also {
		all += o.String()
	}
	return fmt.Errorf("%q is not there; so far:\n%s", text, all)
}

func closedWithin(done <-chan struct{}) bool {
	t := time.NewTimer(Patience)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
