package logfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456000, time.UTC)

func open(t testing.TB, path string, o Options) *Log {
	t.Helper()
	if o.Format == nil {
		o.Format = JSON(nil)
	}
	l, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func write(t testing.TB, l *Log, stream, text string) {
	t.Helper()
	if err := l.Write(stream, noon, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func contents(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// texts are the lines of all entries that are chosen.
func texts(t testing.TB, path string, o ReadOptions) []string {
	t.Helper()
	var list []string
	err := Read(t.Context(), path, JSON(nil), o, func(e Entry) error {
		list = append(list, string(e.Line))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// usual are the options of most logs.
var usual = Options{MaxSize: DefaultMaxSize, MaxFile: DefaultMaxFile}

var all = ReadOptions{Tail: -1}

func TestEntriesAreWrittenAsDockerWritesThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x-json.log")
	o := usual
	o.Format = JSON(map[string]string{"b": "<2>", "a": "1"})
	l := open(t, path, o)
	write(t, l, "stdout", "plain\na\tb \"q\" \\ <&>\r\n\xff \u2028 ünï\n\n")
	write(t, l, "stderr", "x\x00\x7f\n")
	const attrs = `,"attrs":{"a":"1","b":"\u003c2\u003e"},"time":"2026-03-04T12:00:00.123456Z"}` + "\n"
	want := `{"log":"plain\n","stream":"stdout"` + attrs +
		`{"log":"a\u0009b \"q\" \\ \u003c\u0026\u003e\r\n","stream":"stdout"` + attrs +
		`{"log":"\ufffd \u2028 ünï\n","stream":"stdout"` + attrs +
		`{"log":"\n","stream":"stdout"` + attrs +
		`{"log":"x\u0000` + "\x7f" + `\n","stream":"stderr"` + attrs
	if got := contents(t, path); got != want {
		t.Errorf("it wrote\n%s\nnot\n%s", got, want)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestALineInPiecesBecomesOneEntryWithTheTimeOfItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, path, usual)
	write(t, l, "stdout", "one ")
	write(t, l, "stderr", "other ")
	if got := contents(t, path); got != "" {
		t.Errorf("it did not wait: %s", got)
	}
	if err := l.Write("stdout", noon.Add(time.Hour), []byte("line\nnext")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := Read(t.Context(), path, JSON(nil), all, func(e Entry) error {
		got = append(got, fmt.Sprintf("%s %q %d", e.Stream, e.Line, e.Time.Hour()))
		return nil
	})
	want := `[stdout "one line\n" 13 stdout "next" 13 stderr "other " 12]`
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("%v, not %v, %v", got, want, err)
	}
	if err := l.Write("stdout", noon, []byte("x")); !fault.Is(err, fault.Conflict) {
		t.Errorf("a closed log was written to: %v", err)
	}
}

func TestALongLineIsSplitIntoParts(t *testing.T) {
	const part = 16 << 10
	for name, c := range map[string]struct {
		text  string
		sizes []int
	}{
		"just short of a part": {strings.Repeat("x", part-1) + "\n", []int{part}},
		"exactly a part":       {strings.Repeat("x", part) + "\n", []int{part, 1}},
		"two and a half":       {strings.Repeat("x", 5*part/2) + "\n", []int{part, part, part/2 + 1}},
		"a character between":  {strings.Repeat("x", part-1) + "ü\n", []int{part - 1, 3}},
		"without an end":       {strings.Repeat("x", part+5), []int{part, 5}},
	} {
		for _, chunk := range []int{1 << 20, 4096, 777} {
			path := filepath.Join(t.TempDir(), "log")
			l := open(t, path, usual)
			for text := c.text; text != ""; {
				n := min(chunk, len(text))
				write(t, l, "stdout", text[:n])
				text = text[n:]
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			got := texts(t, path, all)
			sizes := make([]int, len(got))
			for i := range got {
				sizes[i] = len(got[i])
			}
			if fmt.Sprint(sizes) != fmt.Sprint(c.sizes) || strings.Join(got, "") != c.text {
				t.Errorf("%s in chunks of %d: parts of %v, not %v", name, chunk, sizes, c.sizes)
			}
		}
	}
}

func TestATornLastLineIsTakenAwayOnOpen(t *testing.T) {
	const whole = `{"log":"a\n","stream":"stdout","time":"2026-03-04T12:00:00Z"}` + "\n"
	for _, torn := range []string{"", `{"log":"b`, strings.Repeat("x", 10000), `{"log":"b\n","stream":"stdout","time":"2026-03-04T12:00:00Z"}`} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(whole+torn), 0o640); err != nil {
			t.Fatal(err)
		}
		l := open(t, path, usual)
		write(t, l, "stdout", "c\n")
		if got := fmt.Sprintf("%q", texts(t, path, all)); got != `["a\n" "c\n"]` {
			t.Errorf("after %.20q: %s", torn, got)
		}
	}
}

func TestAMissingLogReadsAsEmpty(t *testing.T) {
	if got := texts(t, filepath.Join(t.TempDir(), "no", "log"), all); got != nil {
		t.Errorf("%q", got)
	}
	if err := Remove(filepath.Join(t.TempDir(), "no", "log")); err != nil {
		t.Error(err)
	}
}

func TestLinesThatAreNoEntriesArePassedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	text := "garbage\n\n" + `{"time":"2026-03-04T12:00:00+01:00","stream":"stderr","log":"other order\n"}` + "\n{}x\n"
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q", texts(t, path, all)); got != `["other order\n"]` {
		t.Error(got)
	}
}

func TestTailSinceAndUntilChooseEntriesAcrossRotatedFiles(t *testing.T) {
	for _, compress := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		l := open(t, path, Options{MaxSize: 350, MaxFile: 4, Compress: compress})
		const n = 22
		for i := range n {
			if err := l.Write("stdout", noon.Add(time.Duration(i)*time.Hour), fmt.Appendf(nil, "line %d\n", i)); err != nil {
				t.Fatal(err)
			}
		}
		if compress {
			l.compress()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		ext := ""
		if compress {
			ext = ".gz"
		}
		for i := 1; i < 4; i++ {
			if _, err := os.Stat(fmt.Sprintf("%s.%d%s", path, i, ext)); err != nil {
				t.Fatal(err)
			}
		}
		kept := len(texts(t, path, all))
		if kept < 15 || kept > n {
			t.Fatalf("%d of %d entries are kept", kept, n)
		}
		for tail := range kept + 3 {
			got := texts(t, path, ReadOptions{Tail: tail})
			want := min(tail, kept)
			if len(got) != want || want > 0 && (got[0] != fmt.Sprintf("line %d\n", n-want) || got[want-1] != "line 21\n") {
				t.Errorf("the last %d are %q", tail, got)
			}
		}
		got := texts(t, path, ReadOptions{Tail: -1, Since: noon.Add(9 * time.Hour), Until: noon.Add(11 * time.Hour)})
		if fmt.Sprintf("%q", got) != `["line 9\n" "line 10\n" "line 11\n"]` {
			t.Errorf("from 9 to 11: %q", got)
		}
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(path + "*"); left != nil {
			t.Errorf("%v is left", left)
		}
	}
}

func TestTheReadEndsWithTheErrorOfItsCallback(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, path, usual)
	write(t, l, "stdout", "a\nb\n")
	stop := errors.New("enough")
	n := 0
	err := l.Read(context.Background(), all, func(Entry) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

// FuzzParse holds the fast parser against the standard library.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"log":"a\n","stream":"stdout","time":"2026-03-04T12:00:00.1Z"}`))
	f.Add([]byte(`{"log":"\ud83d\ude00 \ud800 \u00e9\/","stream":"stderr","time":"2026-03-04T12:00:00+01:00"}`))
	f.Add([]byte(`{"log":"a","stream":"stdout","attrs":{"a":"b"},"time":"2026-03-04T12:00:00Z"}`))
	f.Add([]byte("{\"log\":\"\xff\",\"stream\":\"stdout\",\"time\":\"x\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p parser
		got, ok := p.fast(b)
		if !ok {
			p.Parse(b)
			return
		}
		var want struct {
			Log, Stream string
			Time        time.Time
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("%q was taken, but %v", b, err)
		}
		if string(got.Line) != want.Log || got.Stream != want.Stream || !got.Time.Equal(want.Time) {
			t.Fatalf("%q is %q %q %v, not %q %q %v", b, got.Line, got.Stream, got.Time, want.Log, want.Stream, want.Time)
		}
	})
}

// FuzzEncode writes any bytes and reads them back.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("a\xff\x00\"\\<\u2028\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		line := append(appendEscaped([]byte(`{"log":"`), b), `","stream":"stdout","time":"2026-03-04T12:00:00Z"}`...)
		var p parser
		e, ok := p.fast(line)
		if want := bytes.ToValidUTF8(b, nil); !ok || bytes.Contains(b, []byte("�")) == false &&
			!bytes.Equal(bytes.ReplaceAll(e.Line, []byte("�"), nil), want) {
			t.Fatalf("%q came back as %q", b, e.Line)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	l := open(b, filepath.Join(b.TempDir(), "log"), Options{MaxSize: DefaultMaxSize, MaxFile: DefaultMaxFile})
	chunk := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 640) // what a pipe holds
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if err := l.Write("stdout", noon, chunk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	l := open(b, path, Options{MaxFile: 1})
	chunk := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 640)
	for range 16 {
		if err := l.Write("stdout", noon, chunk); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(16 * len(chunk)))
	for b.Loop() {
		if err := l.Read(context.Background(), all, func(Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
