package logdriver

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/logdriver/fluentd"
	"berth/internal/logdriver/gelf"
	"berth/internal/logdriver/journald"
	"berth/internal/logdriver/source"
	"berth/internal/logdriver/syslog"
	"berth/internal/logfile"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC)

func info(config map[string]string) *source.Info {
	return &source.Info{
		Config: config, ContainerID: strings.Repeat("0123456789abcdef", 4), ContainerName: "/web", ContainerImageID: "sha256:" + strings.Repeat("f", 64),
		ContainerImageName: "shop/web", ContainerEntrypoint: "run", ContainerArgs: []string{"-x"}, ContainerCreated: noon, ContainerLabels: map[string]string{"team": "a"},
	}
}

// subject is a driver under test and what came of it.
type subject struct {
	Driver
	received func(n int) []string // waits for n messages, each as "stream text"
	texts    bool                 // it passes only those on that have a text
}

// subjects are all drivers, each with every way to send.
func subjects() map[string]func(t *testing.T) subject {
	all := map[string]func(t *testing.T) subject{}
	for name, format := range map[string]func() logfile.Format{JSONFile: func() logfile.Format { return logfile.JSON(nil) }, Local: func() logfile.Format { return logfile.Local(nil) }} {
		all[name] = func(t *testing.T) subject { return fileSubject(t, format()) }
	}
	for _, network := range []string{"udp", "tcp", "tcp+tls", "unix", "unixgram"} {
		for _, form := range []string{"", "rfc3164", "rfc5424", "rfc5424micro"} {
			all["syslog "+network+" "+form] = func(t *testing.T) subject {
				r := listenSyslog(t, network, form)
				d, err := syslog.New(info(r.options))
				return remoteSubject(t, d, err, r.received)
			}
		}
	}
	for _, compression := range []string{"", "gzip", "zlib", "none"} {
		all["gelf udp "+compression] = func(t *testing.T) subject {
			r := listenGELF(t, "udp")
			if compression != "" {
				r.options["gelf-compression-type"] = compression
			}
			d, err := gelf.New(info(r.options))
			return remoteSubject(t, d, err, r.received)
		}
	}
	all["gelf tcp"] = func(t *testing.T) subject {
		r := listenGELF(t, "tcp")
		d, err := gelf.New(info(r.options))
		return remoteSubject(t, d, err, r.received)
	}
	for _, network := range []string{"tcp", "unix"} {
		for _, option := range []string{"", "fluentd-async", "fluentd-request-ack", "fluentd-sub-second-precision"} {
			all["fluentd "+network+" "+option] = func(t *testing.T) subject {
				r := listenFluentd(t, network)
				if option != "" {
					r.options[option] = "true"
				}
				d, err := fluentd.New(info(r.options))
				return remoteSubject(t, d, err, r.received)
			}
		}
	}
	all["journald"] = func(t *testing.T) subject {
		r := listenJournal(t)
		d, err := journald.New(info(r.options), r.options["socket"])
		return remoteSubject(t, d, err, r.received)
	}
	return all
}

func fileSubject(t *testing.T, f logfile.Format) subject {
	path := filepath.Join(t.TempDir(), "log")
	l, err := logfile.Open(path, logfile.Options{Format: f, MaxFile: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return subject{Driver: l, received: func(n int) (list []string) {
		err := l.Read(t.Context(), logfile.ReadOptions{Tail: -1}, func(e logfile.Entry) error {
			list = append(list, e.Stream+" "+strings.TrimSuffix(string(e.Line), "\n"))
			return nil
		})
		if err != nil || len(list) < n {
			t.Errorf("%d of %d entries are there, %v", len(list), n, err)
		}
		return list
	}}
}

func remoteSubject(t *testing.T, d remote, err error, received func(int) []string) subject {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Connect(); err != nil {
		t.Fatal(err)
	}
	_, isGELF := d.(*gelf.Driver)
	_, isSyslog := d.(*syslog.Driver)
	return subject{d, received, isGELF || isSyslog}
}

func eachSubject(t *testing.T, test func(t *testing.T, s subject)) {
	for name, open := range subjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func TestEveryDriverPassesOnAllMessagesInOrder(t *testing.T) {
	eachSubject(t, func(t *testing.T, s subject) {
		var want []string
		line := make([]byte, 0, 20000)
		for i := range 60 {
			text := []string{"plain", "", "ünï ☃", `{"json": "<&>"}`, " spaces ", strings.Repeat("x", 1400), strings.Repeat("long ", 3000)}[i%7]
			stream := []string{"stdout", "stderr"}[i/3%2]
			m := logfile.Message{Stream: stream, Time: noon.Add(time.Duration(i) * time.Second), Line: append(line[:0], text...)}
			if i%10 == 4 {
				m.Part = logfile.Part{ID: "p", Ordinal: 1 + i%2, Last: i%2 == 1}
			}
			if err := s.Log(&m); err != nil {
				t.Fatal(err)
			}
			copy(m.Line, strings.Repeat("?", len(m.Line))) // it is not the driver's
			if text != "" || !s.texts {
				want = append(want, stream+" "+text)
			}
			if i%4 == 0 {
				if err := s.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		got := s.received(len(want))
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("of %d messages number %d is %.40q, not %.40q", len(got), i, append(got, "", "")[min(i, len(got))], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d messages came, not %d", len(got), len(want))
		}
	})
}

func TestADriverThatIsClosedTakesNothing(t *testing.T) {
	eachSubject(t, func(t *testing.T, s subject) {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		m := logfile.Message{Stream: "stdout", Time: noon, Line: []byte("late")}
		if s.Log(&m) == nil && s.Flush() == nil {
			t.Error("a message went into a closed driver")
		}
	})
}

func TestFieldsOfTheContainerGoWithItsMessages(t *testing.T) {
	config := func(o, more map[string]string) *source.Info {
		o["labels"], o["tag"] = "team", "{{.Name}}"
		for k, v := range more {
			o[k] = v
		}
		return info(o)
	}
	part := logfile.Part{ID: "id", Ordinal: 2}
	t.Run("fluentd", func(t *testing.T) {
		r := listenFluentd(t, "tcp")
		d, err := fluentd.New(config(r.options, map[string]string{"fluentd-sub-second-precision": "true"}))
		s := remoteSubject(t, d, err, r.received)
		if err := s.Log(&logfile.Message{Stream: "stdout", Time: noon, Line: []byte("x"), Part: part}); err != nil {
			t.Fatal(err)
		}
		s.received(1)
		want := fmt.Sprintf("[web ext0:%x map[container_id:%s container_name:/web log:x partial_id:id partial_last:false partial_message:true partial_ordinal:2 source:stdout team:a] map[]]",
			"\x69\xa8\x1e\xc0\x07\x5b\xcd\x15", info(nil).ContainerID)
		if got := fmt.Sprint(r.raw()[0]); got != want {
			t.Errorf("%s\nis not\n%s", got, want)
		}
	})
	t.Run("gelf", func(t *testing.T) {
		r := listenGELF(t, "tcp")
		d, err := gelf.New(config(r.options, nil))
		s := remoteSubject(t, d, err, r.received)
		if err := s.Log(&logfile.Message{Stream: "stdout", Time: noon, Line: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		s.received(1)
		got := r.raw()[0].(map[string]any)
		for key, want := range map[string]any{"version": "1.1", "_container_name": "web", "_tag": "web", "_team": "a", "_command": "run -x", "_created": "2026-03-04T12:00:00.123456789Z",
			"_image_name": "shop/web", "_container_id": info(nil).ContainerID, "_image_id": info(nil).ContainerImageID, "timestamp": 1772625600.123} {
			if got[key] != want {
				t.Errorf("%s is %v, not %v", key, got[key], want)
			}
		}
	})
	t.Run("journald", func(t *testing.T) {
		r := listenJournal(t)
		d, err := journald.New(config(map[string]string{}, nil), r.options["socket"])
		s := remoteSubject(t, d, err, r.received)
		if err := s.Log(&logfile.Message{Stream: "stderr", Time: noon, Line: []byte("x\ny"), Part: part}); err != nil {
			t.Fatal(err)
		}
		s.received(1)
		got := r.raw()[0].(map[string]string)
		for key, want := range map[string]string{"CONTAINER_ID": "0123456789ab", "CONTAINER_ID_FULL": info(nil).ContainerID, "CONTAINER_NAME": "web", "CONTAINER_TAG": "web", "SYSLOG_IDENTIFIER": "web",
			"IMAGE_NAME": "shop/web", "TEAM": "a", "PRIORITY": "3", "MESSAGE": "x\ny", "CONTAINER_PARTIAL_ID": "id", "CONTAINER_PARTIAL_ORDINAL": "2", "CONTAINER_PARTIAL_LAST": "false",
			"CONTAINER_PARTIAL_MESSAGE": "true", "CONTAINER_LOG_ORDINAL": "1", "SYSLOG_TIMESTAMP": "2026-03-04T12:00:00.123456789Z"} {
			if got[key] != want {
				t.Errorf("%s is %q, not %q", key, got[key], want)
			}
		}
	})
}
