package compression

import (
	"errors"
	"io"

	"berth/internal/fault"

	"github.com/mikelolasagasti/xz"
)

// xzDictionary is the largest dictionary that a stream may ask for: that of xz -9. A header of a
// few bytes can ask for 4 GiB.
const xzDictionary = 64 << 20

// xzReader is a port of XZ Embedded, which bounds the dictionary before it allocates it (the more usual
// github.com/ulikunitz/xz does not). It says what is wrong in sentences.
type xzReader struct{ z *xz.Reader }

func openXZ(r io.Reader) (io.ReadCloser, error) {
	z, err := xz.NewReader(r, xzDictionary)
	if err != nil {
		return nil, xzFault(err)
	}
	return &xzReader{z}, nil
}

func (r *xzReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	return n, xzFault(err)
}

// Close lets go of the dictionary.
func (r *xzReader) Close() error {
	r.z = new(xz.Reader)
	return nil
}

func xzFault(err error) error {
	switch {
	case errors.Is(err, xz.ErrMemlimit):
		return fault.New(fault.Invalid, "the xz stream needs a dictionary of more than %d MiB, which xz -9 has; pack it with a smaller one", xzDictionary>>20)
	case errors.Is(err, xz.ErrBuf):
		return io.ErrUnexpectedEOF // or garbage that looks like it
	case errors.Is(err, xz.ErrData), errors.Is(err, xz.ErrFormat), errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck):
		return fault.As(fault.Invalid, err)
	}
	return err
}
