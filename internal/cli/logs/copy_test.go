package logs

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/moby/moby/api/pkg/stdcopy"
)

func frame(stream byte, text string) string {
	n := len(text)
	return string([]byte{stream, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + text
}

// writes counts its writes.
type writes struct {
	bytes.Buffer
	n int
}

func (w *writes) Write(p []byte) (int, error) { w.n++; return w.Buffer.Write(p) }

func TestFramesThatComeTogetherAreWrittenAtOnce(t *testing.T) {
	in := strings.Repeat(frame(1, "a line\n"), 1000) + frame(2, "an error\n") + strings.Repeat(frame(1, "b\n"), 10) + frame(1, "") + frame(1, strings.Repeat("x", 2*copySize))
	for _, r := range []io.Reader{strings.NewReader(in), iotest.HalfReader(strings.NewReader(in)), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
		var out, errOut writes
		if err := Copy(&out, &errOut, r); err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("a line\n", 1000) + strings.Repeat("b\n", 10) + strings.Repeat("x", 2*copySize); out.String() != want || errOut.String() != "an error\n" {
			t.Errorf("%d and %d bytes came", out.Len(), errOut.Len())
		}
	}
	var out writes
	if err := Copy(&out, &out, strings.NewReader(in)); err != nil || out.n > 5 {
		t.Errorf("it took %d writes, %v", out.n, err)
	}
}

func TestALineIsShownBeforeTheNextComes(t *testing.T) {
	r, w := io.Pipe()
	shown, show := io.Pipe()
	go Copy(show, io.Discard, r)
	for _, text := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(w, frame(1, text)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, err := shown.Read(b); err != nil || string(b[:n]) != text {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	w.Close()
}

// FuzzCopy holds it against stdcopy.
func FuzzCopy(f *testing.F) {
	f.Add([]byte(frame(1, "a") + frame(2, "b") + frame(0, "c") + frame(3, "d")))
	f.Add([]byte(frame(1, "a")[:5]))
	f.Add([]byte(frame(9, "a")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out, errOut, wantOut, wantErr bytes.Buffer
		err := Copy(&out, &errOut, bytes.NewReader(b))
		if _, want := stdcopy.StdCopy(&wantOut, &wantErr, bytes.NewReader(b)); err == nil && want != nil {
			t.Fatalf("%q: no error, but stdcopy's is %v", b, want)
		}
		if err == nil && (!bytes.Equal(out.Bytes(), wantOut.Bytes()) || !bytes.Equal(errOut.Bytes(), wantErr.Bytes())) {
			t.Fatalf("%q: %q %q, not %q %q", b, out.Bytes(), errOut.Bytes(), wantOut.Bytes(), wantErr.Bytes())
		}
	})
}
