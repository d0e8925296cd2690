package logfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestTheLocalFormIsDockersProtobuf(t *testing.T) {
	f := Local(map[string]string{"b": "2", "a": "1"})
	got := f.Append(nil, &Message{Stream: "stderr", Time: time.Unix(0, 300), Line: []byte("hi"), Part: Part{ID: "x", Ordinal: 2, Last: true}})
	want := "\x00\x00\x00\x2a" + "\x0a\x06stderr" + "\x10\xac\x02" + "\x1a\x02hi" + "\x20\x01" + "\x2a\x07\x08\x01\x12\x01x\x18\x02" +
		"\x32\x06\x0a\x01a\x12\x011" + "\x32\x06\x0a\x01b\x12\x012" + "\x00\x00\x00\x2a"
	if string(got) != want {
		t.Errorf("%q, not %q", got, want)
	}
	e, err := f.Parser().Parse(got)
	if err != nil || e.Stream != "stderr" || string(e.Line) != "hi\n" || !e.Time.Equal(time.Unix(0, 300)) || fmt.Sprint(e.Attrs) != "map[a:1 b:2]" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestALocalLogWithATornEndGoesOnAfterItsLastEntry(t *testing.T) {
	f := Local(nil)
	var whole []byte
	for i := range 50 {
		whole = f.Append(whole, &Message{Stream: "stdout", Time: noon, Line: fmt.Appendf(nil, "line %d", i)})
	}
	for cut := range 40 {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o640); err != nil {
			t.Fatal(err)
		}
		l := open(t, path, Options{Format: f, MaxFile: 1})
		write(t, l, "stdout", "next\n")
		got := read(t, path, f, all)
		if n := len(got); got[n-1] != "next\n" || n < 49 || n > 51 || cut > 0 && n == 51 || got[n-2] != fmt.Sprintf("line %d\n", n-2) {
			t.Errorf("without its last %d bytes it reads %q", cut, got)
		}
	}
}

func TestEntriesBehindRubbishAreFound(t *testing.T) {
	f := Local(nil)
	one := f.Append(nil, &Message{Stream: "stdout", Time: noon, Line: []byte("one")})
	two := f.Append(nil, &Message{Stream: "stdout", Time: noon, Line: []byte("two")})
	for _, rubbish := range []string{"", "x", "\xff\xff\xff\xff", "\x00\x00\x00\x02ab\x00\x00\x00\x03", strings.Repeat("\x00\x0a\x06std", 1000)} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, bytes.Join([][]byte{one, []byte(rubbish), two}, nil), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%q", read(t, path, f, all)); got != `["one\n" "two\n"]` {
			t.Errorf("with %.20q between: %s", rubbish, got)
		}
	}
}

// FuzzLocal reads anything: it comes to an end, and what was written comes back.
func FuzzLocal(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0a\x0a\x06stdout\x10\x01\x00\x00\x00\x0a"), []byte("line"))
	f.Add([]byte("\x00\x0f\x00\x00\x0a\x06std"), []byte(""))
	f.Fuzz(func(t *testing.T, rubbish, line []byte) {
		format := Local(map[string]string{"k": "v"})
		if _, stop, found, err := format.Back(bytes.NewReader(rubbish), int64(len(rubbish)), 3); err != nil || stop < 0 || stop > int64(len(rubbish)) || found > 3 {
			t.Fatalf("%d, %d, %v", stop, found, err)
		}
		parser, r := format.Parser(), records{format: format}
		in := io.MultiReader(bytes.NewReader(rubbish), bytes.NewReader(format.Append(nil, &Message{Stream: "stdout", Time: noon, Line: line})))
		for {
			_, err := r.fill(in)
			for record, ok := r.next(); ok; record, ok = r.next() {
				_, _ = parser.Parse(record)
			}
			if err == io.EOF {
				break
			}
		}
		e, err := parser.Parse(format.Append(nil, &Message{Stream: "stderr", Time: noon, Line: line}))
		if err != nil || !bytes.Equal(e.Line, append(bytes.Clone(line), '\n')) || e.Attrs["k"] != "v" {
			t.Fatalf("%q came back as %q, %v", line, e.Line, err)
		}
	})
}

// FuzzSplit splits anything in any chunks: nothing is lost, and no message is too long.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), 2)
	f.Add(bytes.Repeat([]byte("ü"), 20000), 777)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		size = max(1, size)
		var s Splitter
		var back []byte
		emit := func(m *Message) error {
			if len(m.Line) > partSize || bytes.IndexByte(m.Line, '\n') >= 0 {
				t.Fatalf("a message of %d bytes", len(m.Line))
			}
			back = append(back, m.Line...)
			if m.Ends() {
				back = append(back, '\n')
			}
			return nil
		}
		for rest := text; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			if err := s.Split("stdout", noon, rest[:min(size, len(rest))], emit); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Rest(emit); err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
	})
}

// FuzzMembers steps through anything that calls itself compressed.
func FuzzMembers(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x18\x00BL\x14\x00\x30\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path+".1.gz", b, 0o640); err != nil {
			t.Fatal(err)
		}
		for _, o := range []ReadOptions{all, {Tail: 3}, {Tail: -1, Since: noon}} {
			_ = Read(t.Context(), path, JSON(nil), o, func(Entry) error { return nil })
		}
	})
}
