package frames

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
)

func TestFramesOfSeveralWritersAreNotMixed(t *testing.T) {
	var all bytes.Buffer
	out, errs := Outputs(&all, false)
	done := make(chan struct{})
	big := strings.Repeat("e", smallFrame+1)
	go func() {
		defer close(done)
		for range 50 {
			_, _ = io.WriteString(errs, big)
		}
	}()
	for range 500 {
		if n, err := io.WriteString(out, "o"); n != 1 || err != nil {
			t.Error(n, err)
		}
	}
	<-done
	var o, e bytes.Buffer
	if _, err := stdcopy.StdCopy(&o, &e, &all); err != nil || o.Len() != 500 || e.Len() != 50*len(big) {
		t.Error(o.Len(), e.Len(), err)
	}
}
