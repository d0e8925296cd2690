package proc

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheMachinesProcessorTimeIsTheSumOfSevenFields(t *testing.T) {
	c, err := machine("cpu  1 2 3 4 5 6 7 800 900 1000\ncpu0 1 1 1 1 1 1 1 0 0 0\ncpu1 0 1 2 3 4 5 6 0 0 0\nintr 7\nbtime 1700000000\n")
	if err != nil || c.Total != 280_000_000 || c.Online != 2 || c.Booted.Unix() != 1_700_000_000 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, text := range []string{"", "cpu  a b c d e f g h\n", "cpu 1\n"} {
		if c, err := machine(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
	if c, err := Machine(); err != nil || c.Online == 0 || time.Since(c.Booted) < time.Second {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestInterfacesAreReadInBothDirections(t *testing.T) {
	text := `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        1       2    3    4    0     0       0          0
eth0:18446744073709551615  11 12  13    0     0          0         0       21      22   23   24    0     0       0          0
short: 1 2
`
	got := links(text)
	want := map[string]Link{
		"lo":   {Sent: Traffic{1, 2, 3, 4}},
		"eth0": {Received: Traffic{1<<64 - 1, 11, 12, 13}, Sent: Traffic{21, 22, 23, 24}},
	}
	if len(got) != len(want) || got["lo"] != want["lo"] || got["eth0"] != want["eth0"] {
		t.Errorf("%+v", got)
	}
	if live, err := Links(os.Getpid()); err != nil || len(live) == 0 {
		t.Errorf("%v, %v", live, err)
	}
}

func TestAProcessMayBeCalledAnything(t *testing.T) {
	p, err := parseStat("42 (a) b (c) Z 1 42 42 34816 42 0 0 0 0 0 150 50 0 0 20 0 1 0 7000 0 0\n")
	if err != nil || p.Pid != 42 || p.Name != "a) b (c" || !p.Zombie || p.Parent != 1 || p.Terminal != 34816 || p.Time != 2*time.Second || p.Started != 70*time.Second {
		t.Errorf("%+v, %v", p, err)
	}
	if uid := effectiveUID("Name:\tUid: 9 9\nUid:\t1\t2\t3\t4\n"); uid != 2 {
		t.Errorf("user %d", uid)
	}
}

func TestOneReadsOneself(t *testing.T) {
	p, err := Read(os.Getpid())
	if err != nil || p.Pid != os.Getpid() || p.Parent != os.Getppid() || p.UID != os.Geteuid() || strings.Join(p.Args, " ") != strings.Join(os.Args, " ") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Read(1 << 30); err == nil {
		t.Error("a process that cannot be is read")
	}
}

func FuzzParsersTakeAnything(f *testing.F) {
	f.Add("1 (a) S 1 1 1 0 0 0 0 0 0 0 1 1 0 0 20 0 1 0 7 0")
	f.Add("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16")
	f.Add("cpu 1 2 3 4 5 6 7 8\nbtime 9")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseStat(text); err == nil && !strings.Contains(text, p.Name) {
			t.Errorf("%q has no %q", text, p.Name)
		}
		for name := range links(text) {
			if name == "" || !strings.Contains(text, name) {
				t.Errorf("%q has no interface %q", text, name)
			}
		}
		if c, err := machine(text); err == nil && c.Total == 0 {
			t.Errorf("%q has no time", text)
		}
		effectiveUID(text)
	})
}
