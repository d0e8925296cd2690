package explain

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/peer"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return now.Add(-d) }

var docker = &peer.Peer{PID: 4711, UID: 1000, Program: "docker"}

// ended is a container that ran for a minute and ended half a minute ago.
func ended(code int, change ...func(*Facts)) Facts {
	f := Facts{
		ID: "0123456789abcdef", Name: "web", Image: "nginx:1.27", State: "exited", Command: []string{"nginx", "-g", "daemon off;"},
		Created: before(time.Hour), Started: before(90 * time.Second), Finished: before(30 * time.Second), ExitCode: code,
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func cases() map[string]Facts {
	kill := func(verb string, signal int, ago time.Duration, by *peer.Peer) Ask {
		return Ask{before(ago), verb, signal, by}
	}
	return map[string]Facts{
		"ended by itself": ended(0),
		"failed and said why": ended(1, func(f *Facts) {
			f.Log = []Line{{"stdout", "starting"}, {"stderr", "no such file: \x1b[31m/etc/app.conf\x1b[0m\r"}}
		}),
		"out of memory":         ended(137, func(f *Facts) { f.OOMKilled, f.Memory = true, 64<<20 }),
		"out of all memory":     ended(137, func(f *Facts) { f.OOMKilled = true }),
		"killed from elsewhere": ended(137),
		"crashed":               ended(139),
		"stopped":               ended(0, func(f *Facts) { f.Asked = []Ask{kill("stop", 15, 31*time.Second, docker)} }),
		"stopped and killed": ended(137, func(f *Facts) {
			f.Asked = []Ask{kill("stop", 15, 40*time.Second, docker), kill("stop", 9, 30*time.Second, docker)}
			f.Restart = Restart{Policy: "unless-stopped", Stopped: true}
		}),
		"killed over the network": ended(137, func(f *Facts) {
			f.Asked = []Ask{kill("kill", 9, 30*time.Second, &peer.Peer{Address: "192.0.2.7:50000", Subject: "CN=ops"})}
		}),
		"unhealthy and stopped": ended(143, func(f *Facts) {
			f.Asked = []Ask{kill("health", 15, 31*time.Second, nil)}
			f.Health = &Health{"unhealthy", 3, []Probe{{before(32 * time.Second), 22, "curl: (22) The requested URL returned error: 503\n"}}}
		}),
		"given up": ended(1, func(f *Facts) {
			f.Restart = Restart{Policy: "on-failure", Max: 3, Count: 3}
			for i := range 4 {
				f.Ends = append(f.Ends, End{before(time.Duration(10-i) * time.Minute), 1, time.Second})
			}
		}),
		"no failure so not again": ended(0, func(f *Facts) { f.Restart = Restart{Policy: "on-failure"} }),
		"waits for its next start": ended(1, func(f *Facts) {
			f.State, f.Restart = "restarting", Restart{Policy: "always", Count: 5, Due: now.Add(3200 * time.Millisecond)}
			f.Ends = []End{{before(time.Hour), 0, 0}, {before(time.Minute), 1, 0}, {before(30 * time.Second), 1, 0}}
		}),
		"program not found": ended(127, func(f *Facts) {
			f.State, f.Started, f.Finished, f.Command = "created", time.Time{}, time.Time{}, []string{"ngnix"}
			f.StartError = `exec: "ngnix": executable file not found in $PATH`
		}),
		"start failed after a run": ended(126, func(f *Facts) { f.StartError = "exec /start.sh: permission denied" }),
		"made for another machine": ended(126, func(f *Facts) { f.StartError = "exec /start.sh: exec format error" }),
		"not a program":            ended(126, func(f *Facts) { f.StartError = `exec: "/etc": is a directory` }),
		"never started":            ended(0, func(f *Facts) { f.State, f.Started, f.Finished = "created", time.Time{}, time.Time{} }),
		"running":                  ended(0, func(f *Facts) { f.State, f.Restart.Count, f.Restart.Policy = "running", 2, "always" }),
		"running and ill": ended(0, func(f *Facts) {
			f.State, f.Health = "running", &Health{"unhealthy", 7, []Probe{{before(2 * time.Second), -1, ""}}}
		}),
		"paused": ended(0, func(f *Facts) { f.State = "paused" }),
		"dead":   ended(0, func(f *Facts) { f.State = "dead" }),
		"removed": Gone([]event.Message{
			{Time: before(9 * time.Minute), Type: event.Container, Action: event.Create, ID: "c1", Attributes: event.Attributes{"name": "job", "image": "busybox"}},
			{Time: before(9 * time.Minute), Type: event.Container, Action: event.Start, ID: "c1", Attributes: event.Attributes{"name": "job"}},
			{Time: before(4 * time.Minute), Type: event.Container, Action: event.Kill, ID: "c1", Attributes: event.Attributes{"name": "job", "signal": "9"}, By: docker, Verb: "remove"},
			{Time: before(4 * time.Minute), Type: event.Container, Action: event.Die, ID: "c1", Attributes: event.Attributes{"name": "job", "exitCode": "137", "execDuration": "300"}},
			{Time: before(4 * time.Minute), Type: event.Container, Action: event.Destroy, ID: "c1", Attributes: event.Attributes{"name": "job"}, By: docker, Verb: "remove"},
		}),
	}
}

func TestEveryEndIsExplainedInPlainSentences(t *testing.T) {
	for name, f := range cases() {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Sentences(&f, now), "\n") + "\n"
			path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestLengthsOfTimeAreInTheUnitThatPeopleUse(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"less than a second": 999 * time.Millisecond, "1 second": time.Second, "119 seconds": 119 * time.Second, "2 minutes": 2 * time.Minute,
		"90 minutes": 90 * time.Minute, "47 hours": 47 * time.Hour, "3 days": 80 * time.Hour,
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s, not %s", d, got, want)
		}
	}
}

func FuzzNothingForeignBreaksALine(f *testing.F) {
	f.Add("a\nb\x1b[2J\u202e", "x")
	f.Fuzz(func(t *testing.T, text, name string) {
		facts := ended(1, func(f *Facts) { f.Log, f.Name, f.StartError = []Line{{"stdout", text}}, "n", text })
		for _, s := range Sentences(&facts, now) {
			if strings.ContainsAny(s, "\n\r\x1b\u202e") {
				t.Errorf("%q", s)
			}
		}
	})
}
