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
)

// formats are both, with attributes.
func formats() map[string]func() Format {
	attrs := map[string]string{"label": "l", "tag": `t"`}
	return map[string]func() Format{
		"json-file":          func() Format { return JSON(nil) },
		"json-file, details": func() Format { return JSON(attrs) },
		"local":              func() Format { return Local(nil) },
		"local, details":     func() Format { return Local(attrs) },
	}
}

func TestTailSinceAndUntilChooseTheSameInEveryFormat(t *testing.T) {
	const n = 3000
	for name, format := range formats() {
		for _, compress := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "log")
			o := Options{Format: format(), MaxSize: 3 << 20, MaxFile: 4, Compress: compress}
			l := open(t, path, o)
			for i := range n {
				text := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x<\n"[:2], i%2000))
				if err := l.Write([]string{"stdout", "stderr"}[i%2], noon.Add(time.Duration(i)*time.Minute), []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			if compress {
				l.compress()
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path + ".1.gz"); compress != (err == nil) {
				t.Errorf("%s, compressed %v: %v", name, compress, err)
			}
			every := read(t, path, o.Format, all)
			first := n - len(every)
			if first < 0 || !strings.HasPrefix(every[len(every)-1], "line 2999 ") {
				t.Fatalf("%s: %d entries, the last is %.20q", name, len(every), every[len(every)-1])
			}
			for _, c := range []struct{ since, until, tail int }{
				{0, -1, -1}, {first + 5, -1, -1}, {1500, 1510, -1}, {2999, -1, -1}, {3001, -1, -1}, {0, 2500, -1}, {2000, 2999, 2000}, {0, -1, 1}, {0, -1, 700}, {0, -1, 2345}, {2990, -1, 100},
			} {
				r := ReadOptions{Tail: c.tail, Since: noon.Add(time.Duration(c.since) * time.Minute)}
				end := n
				if c.until >= 0 {
					r.Until, end = noon.Add(time.Duration(c.until)*time.Minute), c.until+1
				}
				from := max(first, c.since)
				if c.tail >= 0 {
					from = max(from, n-c.tail)
				}
				var want []string
				if from < end {
					want = every[from-first : end-first]
				}
				if got := read(t, path, o.Format, r); !equal(got, want) {
					t.Errorf("%s, compressed %v, %+v: %d entries, not %d", name, compress, c, len(got), len(want))
				}
			}
		}
	}
}

func read(t testing.TB, path string, f Format, o ReadOptions) (list []string) {
	t.Helper()
	if err := Read(t.Context(), path, f, o, func(e Entry) error { list = append(list, string(e.Line)); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func equal(a, b []string) bool { return strings.Join(a, "") == strings.Join(b, "") }

// counting counts what is read.
type counting struct {
	io.ReaderAt
	bytes int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.bytes += int64(n)
	return n, err
}

// repeated is a log of many entries, made when it is read.
type repeated struct {
	size, entry int64
	make        func(b []byte, i int64) []byte
}

func (r repeated) ReadAt(p []byte, off int64) (n int, err error) {
	var b []byte
	for i := off / r.entry; n < len(p); i++ {
		if i*r.entry >= r.size {
			return n, io.EOF
		}
		b = r.make(b[:0], i)
		n += copy(p[n:], b[max(0, off-i*r.entry):])
	}
	return n, nil
}

func TestAGigabyteIsNotReadToFindATime(t *testing.T) {
	for name, format := range formats() {
		f := format()
		begin := time.Date(2026, 1, 1, 0, 0, 0, 100_000_001, time.UTC)
		entry := func(b []byte, i int64) []byte {
			return f.Append(b, &Message{Stream: "stdout", Line: bytes.Repeat([]byte{'x'}, 100), Time: begin.Add(time.Duration(i) * time.Second)})
		}
		length := int64(len(entry(nil, 0)))
		size := length * ((1 << 30) / length)
		for _, want := range []int64{0, 1, 77_777, 3_333_333, size/length - 1, size / length} {
			file := &counting{ReaderAt: repeated{size, length, entry}}
			got, err := seekTime(file, f, 0, size, begin.Add(time.Duration(want)*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if got%length != 0 || got > want*length || want*length-got > 2*seekEnd {
				t.Errorf("%s: entry %d is looked for from %d on", name, want, got/length)
			}
			if file.bytes > 16*seekBlock {
				t.Errorf("%s: %d bytes were read to find entry %d", name, file.bytes, want)
			}
		}
	}
}

func TestACompressedFileIsSteppedThroughWithoutDecompressingIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, path, Options{MaxFile: 2})
	line := []byte(strings.Repeat("x", 999) + "\n")
	for i := range 8000 {
		if err := l.Write("stdout", noon.Add(time.Duration(i)*time.Second), line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := compressFile(in, path+".gz", JSON(nil)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := f.Stat()
	p := part{file: f, gz: true, end: st.Size()}
	members, err := p.members(JSON(nil))
	if err != nil || len(members) < 8 {
		t.Fatalf("%d members, %v", len(members), err)
	}
	entries := 0
	for _, m := range members {
		entries += m.entries
	}
	if entries != 8000 || !members[len(members)-1].latest.Equal(noon.Add(7999*time.Second)) {
		t.Errorf("%d entries to %v", entries, members[len(members)-1].latest)
	}
	if err := p.seek(JSON(nil), noon.Add(7990*time.Second)); err != nil || p.start != members[len(members)-1].offset {
		t.Errorf("the last ten begin at %d, %v", p.start, err)
	}
}

func TestAMemberOfSomebodyElsesIsReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var plain []byte
	for i := range 100 {
		plain = JSON(nil).Append(plain, &Message{Stream: "stdout", Line: fmt.Appendf(nil, "line %d", i), Time: noon.Add(time.Duration(i) * time.Hour)})
	}
	if err := os.WriteFile(path+".1.gz", gzipped(t, plain), 0o640); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path, JSON(nil), ReadOptions{Tail: 3}); fmt.Sprintf("%q", got) != `["line 97\n" "line 98\n" "line 99\n"]` {
		t.Errorf("the last three: %q", got)
	}
	if got := read(t, path, JSON(nil), ReadOptions{Tail: -1, Until: noon.Add(time.Hour)}); len(got) != 2 {
		t.Errorf("the first two: %q", got)
	}
}

func TestPartsOfALineBetweenOthersDoNotMoveTheClockBack(t *testing.T) {
	var s Splitter
	var got []string
	emit := func(m *Message) error {
		got = append(got, fmt.Sprintf("%s %d %d/%v %v", m.Stream, len(m.Line), m.Part.Ordinal, m.Part.Last, m.Time.Sub(noon)))
		return nil
	}
	long := bytes.Repeat([]byte{'x'}, partSize)
	for _, c := range []struct {
		stream string
		at     time.Duration
		text   []byte
	}{
		{"stdout", 0, long}, {"stdout", time.Second, long}, {"stderr", time.Minute, []byte("e\n")}, {"stdout", time.Hour, []byte("end\n")},
		{"stderr", time.Hour - time.Millisecond, []byte("late\n")}, // the streams are read beside each other
		{"stderr", -time.Hour, []byte("clock\n")},                  // somebody has set the clock
	} {
		if err := s.Split(c.stream, noon.Add(c.at), c.text, emit); err != nil {
			t.Fatal(err)
		}
	}
	want := "stdout 16384 1/false 0s,stdout 16384 2/false 0s,stderr 1 0/false 1m0s,stdout 3 3/true 1m0s,stderr 4 0/false 59m59.999s,stderr 5 0/false -1h0m0s"
	if strings.Join(got, ",") != want {
		t.Errorf("%v, not %v", strings.Join(got, ","), want)
	}
}

// FuzzTime holds the clock against the standard library, after each of two times.
func FuzzTime(f *testing.F) {
	f.Add("2026-02-29T00:00:00Z")
	f.Add("2026-03-31T23:59:59.123456789Z")
	f.Add("2026-03-04T12:00:00.5Z")
	f.Add("2026-03-04T12:00:00+01:00")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := time.Parse(time.RFC3339Nano, text)
		var c clock
		for range 2 {
			got, ok := c.read([]byte(text))
			if ok != (err == nil) && ok || ok && !got.Equal(want) {
				t.Fatalf("%q is %v %v, not %v %v", text, got, ok, want, err)
			}
			if got, ok := c.read([]byte("2026-03-04T12:00:00.25Z")); !ok || got.UnixNano() != 1772625600250000000 {
				t.Fatalf("after %q: %v", text, got)
			}
		}
	})
}
