package health

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// told is the states and actions that a run of exit codes leads to, one a second.
func told(c *Check, s State, codes ...int) string {
	var b strings.Builder
	for i, code := range codes {
		s = c.After(s, Result{Start: began.Add(time.Duration(i+1) * time.Second), ExitCode: code}, began)
		fmt.Fprintf(&b, "%d %s %d %s\n", code, s.Status, s.FailingStreak, c.Action(s))
	}
	return b.String()
}

func TestAStreakOfFailuresMakesUnhealthyAndOneSuccessHealthy(t *testing.T) {
	want := `0 healthy 0 none
1 healthy 1 none
2 healthy 2 none
0 healthy 0 none
1 healthy 1 none
-1 healthy 2 none
1 unhealthy 3 restart
1 unhealthy 4 restart
0 healthy 0 none
`
	if got := told(&Check{OnFailure: Restart}, State{}.Begun(), 0, 1, 2, 0, 1, -1, 1, 1, 0); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestFailuresInTheStartPeriodDoNotCountUntilThereWasASuccess(t *testing.T) {
	for name, c := range map[string]struct {
		codes []int
		want  string
	}{
		"it never was healthy": {[]int{1, 1, 1, 1}, "1 starting 0 none\n1 starting 0 none\n1 starting 1 none\n1 unhealthy 2 kill\n"},
		"it was":               {[]int{0, 1, 1}, "0 healthy 0 none\n1 healthy 1 none\n1 unhealthy 2 kill\n"},
	} {
		if got := told(&Check{StartPeriod: 3 * time.Second, Retries: 2, OnFailure: Kill}, State{}.Begun(), c.codes...); got != c.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestTheLastFiveResultsAreKept(t *testing.T) {
	c, s := &Check{}, State{}
	for i := range 7 {
		s = c.After(s, Result{ExitCode: i}, began)
	}
	if len(s.Log) != 5 || s.Log[0].ExitCode != 2 || s.Log[4].ExitCode != 6 {
		t.Errorf("%+v", s.Log)
	}
	earlier := s.Log[0]
	c.After(s, Result{ExitCode: 9}, began)
	if s.Log[0] != earlier || len(s.Log) != 5 {
		t.Error("a state that somebody may be reading was changed")
	}
	if again := s.Begun(); again.Status != Starting || again.FailingStreak != 0 || len(again.Log) != 5 {
		t.Errorf("a run that begins: %+v", again)
	}
	if halted := (State{Status: Healthy, FailingStreak: 1}).Halted(); halted.Status != Unhealthy || halted.FailingStreak != 1 {
		t.Errorf("while nobody probes: %+v", halted)
	}
}

func TestProbesComeEveryIntervalAndMoreOftenWhileStarting(t *testing.T) {
	plain, eager := &Check{}, &Check{Interval: time.Minute, StartPeriod: 10 * time.Second, StartInterval: time.Second}
	for _, c := range []struct {
		check  *Check
		status Status
		after  time.Duration
		want   time.Duration
	}{
		{plain, Starting, 0, 30 * time.Second}, {plain, Healthy, 0, 30 * time.Second},
		{eager, Starting, 0, time.Second}, {eager, Starting, 10 * time.Second, time.Minute}, {eager, Healthy, 0, time.Minute},
		{&Check{StartPeriod: time.Minute}, Starting, 0, 5 * time.Second},
	} {
		if got := c.check.Next(State{Status: c.status}, began, began.Add(c.after)); got != c.want {
			t.Errorf("%+v, %s after %s: %s", c.check, c.status, c.after, got)
		}
	}
}

func TestTheImageFillsWhatTheUserLeftOutOfACheck(t *testing.T) {
	image := &Check{Test: []string{"CMD", "true"}, Interval: 1e9, Timeout: 2e9, StartPeriod: 3e9, StartInterval: 4e9, Retries: 5, OnFailure: Stop}
	for want, user := range map[string]*Check{
		"{[CMD true] 1s 2s 3s 4s 5 stop}": nil,
		"{[CMD true] 9s 2s 3s 4s 7 kill}": {Interval: 9e9, Retries: 7, OnFailure: Kill},
		"{[NONE] 1s 2s 3s 4s 5 stop}":     {Test: []string{"NONE"}},
	} {
		if got := fmt.Sprint(*Merge(user, image)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if Merge(nil, nil) != nil || Merge(&Check{Retries: 1}, nil).Retries != 1 {
		t.Error("there is nothing to merge")
	}
	if image.Retries != 5 || image.Interval != 1e9 {
		t.Error("the image was changed")
	}
}

func TestAContradictionInACheckIsRefused(t *testing.T) {
	test := func(words ...string) *Check { return &Check{Test: words} }
	for want, c := range map[string]*Check{
		"Interval in Healthcheck cannot be less than 1ms":                                                     {Interval: 1},
		"Timeout in Healthcheck cannot be less than 1ms":                                                      {Timeout: -1},
		"StartPeriod in Healthcheck cannot be less than 1ms":                                                  {StartPeriod: 1000},
		"StartInterval in Healthcheck cannot be less than 1ms":                                                {StartInterval: 999_999},
		"Retries in Healthcheck cannot be negative":                                                           {Retries: -1},
		"invalid action on failure in Healthcheck: 'reboot'; use one of 'none', 'restart', 'stop', or 'kill'": {OnFailure: "reboot"},
		"Unknown healthcheck type 'FOO' (expected 'CMD', 'CMD-SHELL', 'HTTP', 'TCP' or 'NONE')":               test("FOO"),
		"the test in Healthcheck has no command":                                                              test("CMD"),
		"the test in Healthcheck takes one address behind TCP":                                                test("TCP", "a:1", "b:2"),
		`invalid address in Healthcheck: "5432" is not host:port`:                                             test("TCP", "5432"),
		`invalid port in Healthcheck: "0"`:                                                                    test("TCP", ":0"),
		`invalid port in Healthcheck: "65536"`:                                                                test("HTTP", "http://localhost:65536/"),
		`invalid host in Healthcheck: "db" is neither an IP address nor localhost`:                            test("TCP", "db:5432"),
		`invalid host in Healthcheck: "fe80::1%eth0" is neither an IP address nor localhost`:                  test("TCP", "[fe80::1%eth0]:1"),
		`invalid URL in Healthcheck: "ftp://localhost/"`:                                                      test("HTTP", "ftp://localhost/"),
		`invalid URL in Healthcheck: "/health"`:                                                               test("HTTP", "/health"),
		`invalid URL in Healthcheck: "http://%zz/"`:                                                           test("HTTP", "http://%zz/"),
	} {
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, c := range []*Check{
		nil, {}, test("NONE"), test("CMD", "a"), test("CMD-SHELL", "a || b"), test("TCP", ":80"), test("TCP", "[::1]:80"),
		test("HTTP", "http://localhost"), test("HTTP", "https://127.0.0.1:8443/x?y=z"), {Interval: 1e6, OnFailure: None},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for c, want := range map[*Check]bool{nil: false, {}: false, test("NONE"): false, test("CMD", "x"): true} {
		if c.Enabled() != want {
			t.Errorf("%+v", c)
		}
	}
}

func FuzzAnAddressOfAProbeIsAnAddressOrRefused(f *testing.F) {
	for _, word := range []string{"localhost:80", "[::1]:1", "http://127.0.0.1:8080/x", "https://[::1]", "http://user:pass@localhost/", ":", "http://localhost:99999"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, kind := range []string{"HTTP", "TCP"} {
			p, err := (&Check{Test: []string{kind, word}}).probe(nil)
			if (p == nil) == (err == nil) {
				t.Errorf("%s %q: %v", kind, word, err)
			}
		}
	})
}
