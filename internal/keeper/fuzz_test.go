//go:build linux

package keeper

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/program"
)

func TestEveryBodyComesBackAsItWasSent(t *testing.T) {
	at := time.Unix(1732900000, 123456789)
	processes := []Process{
		{ID: "a", Container: "b", Pid: 42, Started: at, Spool: "/run/x", Streams: []string{"stdin", "pty"}},
		{ID: "a", Container: "a", Pid: 1, Started: at, Exit: &Exit{Code: 137, Signal: 9, Time: at}},
	}
	for _, p := range processes {
		w := newWriter(answerOK, 7)
		writeProcess(w, &p)
		k, number, r, err := parseHeader(w.b)
		got := readProcess(r)
		if err != nil || k != answerOK || number != 7 || r.done() != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v came back as %+v", p, got)
		}
	}
	s := &startBody{id: "a", container: "b", sandbox: "e", pidfile: "f", spool: "c", exitFile: "d", programFds: 3, held: []string{"stdin", ""}}
	w := &writer{}
	s.write(w)
	if got, err := readStart(&reader{b: w.b}); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	box := &parkBody{id: "a", programFds: 4}
	w = &writer{}
	box.write(w)
	if got, err := readPark(&reader{b: w.b}); err != nil || *got != *box {
		t.Errorf("came back as %+v, %v", got, err)
	}
	for _, sent := range []error{
		fault.New(fault.Conflict, "no"),
		&program.Failure{Step: -1, Of: 3, Errno: syscall.EPERM},
		&program.Failure{Step: 2, Of: 3},
	} {
		w := &writer{}
		writeFail(w, sent)
		got := readFail(&reader{b: w.b})
		var f *program.Failure
		if fault.KindOf(got) != fault.KindOf(sent) || got.Error() != sent.Error() || errors.As(got, &f) != errors.As(sent, &f) {
			t.Errorf("%v came back as %v", sent, got)
		}
	}
}

func FuzzMessages(f *testing.F) {
	w := newWriter(askStart, 1)
	(&startBody{id: "a", held: []string{"stdin"}}).write(w)
	f.Add(w.b)
	w = newWriter(answerOK, 1)
	writeProcess(w, &Process{ID: "a", Exit: &Exit{}, Streams: []string{"x"}})
	f.Add(w.b)
	w = newWriter(askPark, 2)
	(&parkBody{id: "a", programFds: 3}).write(w)
	f.Add(w.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, r, err := parseHeader(b)
		if err != nil {
			return
		}
		rest := r.b
		if s, err := readStart(&reader{b: rest}); err == nil {
			w := &writer{}
			if s.write(w); !bytes.Equal(w.b, rest) {
				t.Fatalf("%x became %x", rest, w.b)
			}
		}
		if p, err := readPark(&reader{b: rest}); err == nil {
			w := &writer{}
			if p.write(w); !bytes.Equal(w.b, rest) {
				t.Fatalf("%x became %x", rest, w.b)
			}
		}
		_ = readFail(&reader{b: rest})
		_ = readProcess(&reader{b: rest})
	})
}

func FuzzSpool(f *testing.F) {
	frame := make([]byte, frameHeader)
	putFrameHeader(frame, SpoolStderr, time.Unix(1, 2), 3)
	frame = append(frame, "abc"...)
	f.Add(frame)
	f.Add(append(bytes.Clone(frame), frame[:10]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := int64(0)
		err := readFrames(bytes.NewReader(b), func(stream byte, _ time.Time, data []byte) error {
			total += frameHeader + int64(len(data))
			return nil
		})
		whole, err2 := wholeFrames(bytes.NewReader(b), int64(len(b)))
		if err2 != nil || whole != total {
			t.Fatalf("read %d (%v), whole are %d (%v)", total, err, whole, err2)
		}
	})
}

func FuzzExitFile(f *testing.F) {
	f.Add("code=137 signal=9 time=1732900000123456789\n")
	f.Add("code=7 signal=0 time=1")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := decodeExit(text)
		if err != nil {
			return
		}
		if again, err := decodeExit(string(encodeExit(&e))); err != nil || again != e {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
	})
}

func TestATornSpoolFrameIsCutOffBeforeTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	write := func(data string) {
		s, err := openSpoolFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		frame := make([]byte, frameHeader)
		putFrameHeader(frame, SpoolStdout, time.Unix(5, 6), len(data))
		if !s.append(append(frame, data...)) {
			t.Fatal("not written")
		}
	}
	read := func() (all string) {
		err := ReadSpool(path, func(_ byte, at time.Time, data []byte) error {
			if !at.Equal(time.Unix(5, 6)) {
				t.Fatalf("time %v", at)
			}
			all += string(data) + "|"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if read() != "" {
		t.Fatal("a missing file has frames")
	}
	write("one")
	write("torn")
	if err := os.Truncate(path, 2*frameHeader+5); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "one|" {
		t.Fatalf("read %q", got)
	}
	write("three")
	if got := read(); got != "one|three|" {
		t.Fatalf("read %q", got)
	}
}

func TestAStateComesBackAsItWasSaved(t *testing.T) {
	at := time.Unix(1732900000, 123456789)
	r := &record{id: "a", container: "b", spoolPath: "/spool", exitPath: "/exit", pid: 42, pidfd: 7, mounts: -1, started: at, adopted: true}
	r.ends = []*end{newEnd(r, StreamStdout, 9), newEnd(r, StreamStdin, -1)}
	r.ends[0].pending = []byte("a frame")
	w := &stateWriter{}
	for _, v := range []uint32{Version, 4, 5, 6, 77, 1} {
		w.u32(v)
	}
	r.save(w)
	got, err := parseState(w.b)
	want := &restored{lock: 3, listener: 4, link: 5, number: 77, records: []*record{r}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	if !reflect.DeepEqual(w.fds, []int{7, 9}) {
		t.Errorf("the descriptors that go over are %v", w.fds)
	}
}

func FuzzState(f *testing.F) {
	w := &stateWriter{}
	for _, v := range []uint32{Version, 4, 5, 6, 77, 1} {
		w.u32(v)
	}
	r := &record{id: "a", pidfd: 3, mounts: 4}
	r.ends = []*end{newEnd(r, StreamPty, 5)}
	r.save(w)
	f.Add(w.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err == nil && len(s.records) > len(b) {
			t.Errorf("%d records of %d bytes", len(s.records), len(b))
		}
	})
}
