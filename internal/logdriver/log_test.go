package logdriver

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
)

func target(t *testing.T, driver string, options opts) Target {
	t.Helper()
	c := Choice{driver, options}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return Target{Choice: c, Dir: t.TempDir(), Info: *info(nil)}
}

func entries(t *testing.T, read func(logfile.ReadOptions, func(logfile.Entry) error) error) (list []string) {
	t.Helper()
	err := read(logfile.ReadOptions{Tail: -1}, func(e logfile.Entry) error {
		list = append(list, fmt.Sprintf("%s %q %v", e.Stream, e.Line, e.Attrs))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEveryLogCanBeReadWhileItIsWrittenAndAfterwards(t *testing.T) {
	syslog, gelf, fluentd := listenSyslog(t, "udp", ""), listenGELF(t, "tcp"), listenFluentd(t, "tcp")
	for driver, options := range map[string]opts{"json-file": {}, "local": {}, "syslog": syslog.options, "gelf": gelf.options, "fluentd": fluentd.options} {
		for _, mode := range []string{blocking, nonBlocking} {
			o := opts{"labels": "team", "mode": mode}
			for k, v := range options {
				o[k] = v
			}
			tg := target(t, driver, o)
			l, err := tg.Open(Opening{Must: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct{ stream, text string }{{"stdout", "one\ntw"}, {"stderr", "three\n"}, {"stdout", "o\nrest"}} {
				if err := l.Write(c.stream, noon, []byte(c.text)); err != nil {
					t.Fatal(err)
				}
			}
			attrs := "map[team:a]"
			if o["tag"] != "" {
				attrs = "map[tag:tag team:a]"
			}
			want := strings.ReplaceAll(`[stdout "one\n" ATTRS stderr "three\n" ATTRS stdout "two\n" ATTRS]`, "ATTRS", attrs)
			if l.ring == nil || l.remote != nil {
				if got := fmt.Sprint(entries(t, func(o logfile.ReadOptions, f func(logfile.Entry) error) error { return l.Read(t.Context(), o, f) })); got != want {
					t.Errorf("%s, %s: %s", driver, mode, got)
				}
			}
			if err := l.Close(); err != nil {
				t.Errorf("%s, %s: %v", driver, mode, err)
			}
			want = strings.TrimSuffix(want, "]") + ` stdout "rest" ` + attrs + "]"
			if got := fmt.Sprint(entries(t, func(o logfile.ReadOptions, f func(logfile.Entry) error) error { return tg.Read(t.Context(), o, f) })); got != want {
				t.Errorf("%s, %s, closed: %s", driver, mode, got)
			}
		}
	}
}

func TestALogThatIsNowhereSaysSoInDockersWords(t *testing.T) {
	const want = "configured logging driver does not support reading"
	r := listenGELF(t, "udp")
	r.options[cacheDisabled] = "true"
	for driver, options := range map[string]opts{"none": nil, "gelf": r.options} {
		tg := target(t, driver, options)
		if err := tg.Readable(); !fault.Is(err, fault.Unsupported) || err.Error() != want {
			t.Errorf("%s: %v", driver, err)
		}
		l, err := tg.Open(Opening{Must: true})
		if err != nil {
			t.Fatal(err)
		}
		if l == nil {
			continue
		}
		if err := l.Read(t.Context(), logfile.ReadOptions{}, nil); err == nil || err.Error() != want {
			t.Errorf("%s: %v", driver, err)
		}
		if err := l.Write("stdout", noon, []byte("x\n")); err != nil {
			t.Error(err)
		}
		if got := r.received(1); got[0] != "stdout x" {
			t.Errorf("%q", got)
		}
		l.Close()
	}
}

// nowhere is an address that refuses.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAReceiverThatIsAwayFailsAStartButNoAdoption(t *testing.T) {
	for driver, options := range map[string]opts{
		"syslog": {"syslog-address": "tcp://" + nowhere(t)}, "gelf": {"gelf-address": "tcp://" + nowhere(t), "gelf-tcp-max-reconnect": "0"}, "fluentd": {"fluentd-address": nowhere(t), "fluentd-max-retries": "0"},
	} {
		tg := target(t, driver, options)
		if _, err := tg.Open(Opening{Must: true}); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: %v", driver, err)
		}
		var mu sync.Mutex
		var said []string
		l, err := tg.Open(Opening{Warn: func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprintf(format, args...))
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 { // none of which is waited for
			if err := l.Write("stdout", noon, fmt.Appendf(nil, "line %d\n", i)); err == nil {
				t.Errorf("%s: line %d was sent to nobody", driver, i)
			}
		}
		if n := len(entries(t, func(o logfile.ReadOptions, f func(logfile.Entry) error) error { return l.Read(t.Context(), o, f) })); n != 1000 {
			t.Errorf("%s: %d entries are in the cache", driver, n)
		}
		mu.Lock()
		if len(said) != 1 || !strings.Contains(said[0], "are lost") {
			t.Errorf("%s: it was told %q", driver, said)
		}
		mu.Unlock()
		l.Close()
	}
}

func TestFluentdWithAsyncWaitsForNobody(t *testing.T) {
	tg := target(t, "fluentd", opts{"fluentd-address": nowhere(t), "fluentd-async": "true", "fluentd-buffer-limit": "10"})
	l, err := tg.Open(Opening{Must: true})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 20 {
		if err := l.Write("stdout", noon, []byte("x\n")); err != nil {
			failed++
		}
	}
	if failed < 9 || failed > 10 { // the sender may hold one
		t.Errorf("%d of 20 messages found no place", failed)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestClosingALogEndsAWriteThatWaitsForItsReceiver(t *testing.T) {
	tg := target(t, "fluentd", opts{"fluentd-address": nowhere(t), "fluentd-retry-wait": "1h"})
	l, err := tg.Open(Opening{})
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan error)
	go func() { end <- l.Write("stdout", noon, []byte("x\n")) }()
	for l.mu.TryLock() { // until it is in it
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	l.Close()
	if err := <-end; err == nil {
		t.Error("it says that it was sent")
	}
	if got := entries(t, func(o logfile.ReadOptions, f func(logfile.Entry) error) error { return tg.Read(t.Context(), o, f) }); len(got) != 1 {
		t.Errorf("the cache has %q", got)
	}
}

// stuck is a driver that waits until it is let go.
type stuck struct {
	let  chan struct{}
	once sync.Once
	got  []string
}

func (s *stuck) Log(m *logfile.Message) error {
	<-s.let
	s.got = append(s.got, string(m.Line))
	return nil
}
func (s *stuck) Flush() error { return nil }
func (s *stuck) Close() error { s.once.Do(func() { close(s.let) }); return nil }

func TestTheRingNeverWaitsAndDropsTheOldest(t *testing.T) {
	s := &stuck{let: make(chan struct{})}
	r := newRing(1000, s)
	line := []byte(strings.Repeat("x", 100))
	for i := range 50 {
		line[0] = byte('A' + i)
		if err := r.put(&logfile.Message{Line: line}); err != nil {
			t.Fatal(err)
		}
	}
	r.mu.Lock()
	if len(r.held) != 10 || r.bytes != 1000 {
		t.Errorf("%d messages of %d bytes are held", len(r.held), r.bytes)
	}
	r.mu.Unlock()
	if err := r.put(&logfile.Message{Line: make([]byte, 5000)}); err != nil {
		t.Fatal(err)
	}
	for range 10000 { // empty lines take room too
		if err := r.put(&logfile.Message{}); err != nil {
			t.Fatal(err)
		}
	}
	r.mu.Lock()
	if len(r.held) != 1000/64 {
		t.Errorf("%d empty messages are held", len(r.held))
	}
	r.mu.Unlock()
	s.Close()
	r.close()
	if n := len(s.got); n < 1000/64 || n > 1000/64+1 {
		t.Errorf("the driver got %d", n)
	}
	if err := r.put(&logfile.Message{}); err == nil {
		t.Error("a closed ring takes messages")
	}
}

func TestARingWhoseDriverIsStuckIsClosedAllTheSame(t *testing.T) {
	s := &stuck{let: make(chan struct{})}
	r := newRing(1000, s)
	if err := r.put(&logfile.Message{Line: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	r.close()
}

// flaky is a driver that fails while it is told to.
type flaky struct {
	stuck
	err error
}

func (f *flaky) Log(*logfile.Message) error { return f.err }

func TestLossesAreToldOfOnceAndTheirEndToo(t *testing.T) {
	var said []string
	f := &flaky{err: fault.New(fault.Unavailable, "away")}
	o := &outlet{Driver: f, driver: "x", warn: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	round := func(n int) {
		for range n {
			o.Log(&logfile.Message{Line: []byte("x")})
		}
		o.Flush()
	}
	round(3)
	round(0)
	round(2)
	f.err = nil
	round(0) // says nothing of it
	if want := `["log entries for x are lost: away"]`; fmt.Sprintf("%q", said) != want {
		t.Errorf("%q, not %s", said, want)
	}
	round(1)
	round(1)
	if want := `["log entries for x are lost: away" "x takes log entries again, after at least 5 that were lost"]`; fmt.Sprintf("%q", said) != want {
		t.Errorf("%q, not %s", said, want)
	}
}

func TestWhatWasWrittenWithoutADaemonWaitsForNoReceiver(t *testing.T) {
	r := listenFluentd(t, "unix")
	tg := target(t, "fluentd", opts{"fluentd-address": r.options["fluentd-address"]})
	l, err := tg.Open(Opening{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := l.WriteBehind("stdout", noon, fmt.Appendf(nil, "line %d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Write("stdout", noon, []byte("line 100\n")); err != nil {
		t.Fatal(err)
	}
	for i, got := range r.received(101) {
		if want := fmt.Sprintf("stdout line %d", i); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	l.Close()

	away := target(t, "fluentd", opts{"fluentd-address": nowhere(t), "fluentd-retry-wait": "1h"})
	if l, err = away.Open(Opening{}); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteBehind("stdout", noon, []byte("kept\n")); err != nil {
		t.Fatal(err)
	}
	end := make(chan error)
	go func() { end <- l.Write("stdout", noon, []byte("waits\n")) }()
	l.LetGo()
	if err := <-end; err == nil {
		t.Error("it says that it was sent")
	}
	l.Close()
	if got := entries(t, func(o logfile.ReadOptions, f func(logfile.Entry) error) error { return away.Read(t.Context(), o, f) }); len(got) != 2 {
		t.Errorf("the cache has %q", got)
	}
}
