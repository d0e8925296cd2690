package transfer

import (
	"context"
	"io"
)

// Counted tells how far the unpacking of a layer is.
func Counted(open func(context.Context) (io.ReadCloser, error), bar *Bar) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		r, err := open(ctx)
		if err != nil {
			return nil, err
		}
		_, live := r.(interface{ Live() bool })
		return &extracting{ReadCloser: r, bar: bar, live: live}, nil
	}
}

// extracting is a layer that is being unpacked. While it is still arriving, its bar tells of that instead.
type extracting struct {
	io.ReadCloser
	bar  *Bar
	live bool
	read int64
}

// Live tells whether what is read has not been verified.
func (e *extracting) Live() bool { return e.live }

func (e *extracting) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.read += int64(n)
	if n > 0 && (!e.live || e.bar.Arrived()) {
		e.bar.Moved("Extracting", e.read)
	}
	return n, err
}
