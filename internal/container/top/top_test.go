package top

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/linux/proc"
)

func TestProcessesAreShownAsPsShowsThem(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	n := now{booted: at.AddDate(-1, 0, 0), at: at, name: func(uid int) string { return fmt.Sprint("u", uid) }}
	ago := func(d time.Duration) time.Duration { return at.Add(-d).Sub(n.booted) }
	got := n.table([]proc.Process{
		{Pid: 7, Parent: 1, UID: 33, Terminal: 136<<8 | 3, Started: ago(10 * time.Minute), Time: 5 * time.Minute, Name: "sh", Args: []string{"sh", "-c", "a\tb"}},
		{Pid: 8, Parent: 7, Started: ago(30 * time.Hour), Time: 26*time.Hour + 3*time.Second, Name: "kworker"},
		{Pid: 9, Parent: 7, Started: ago(364 * 24 * time.Hour), Name: "dead", Zombie: true},
		{Pid: 10, Parent: 7, Terminal: 4<<8 | 65, Started: ago(0), Time: time.Hour, Name: "new", Args: []string{"new", ""}},
	})
	want := [][]string{
		{"u33", "7", "1", "50", "11:50", "pts/3", "00:05:00", "sh -c a?b"},
		{"u0", "8", "7", "86", "Nov27", "?", "01-02:00:03", "[kworker]"},
		{"u0", "9", "7", "0", "2025", "?", "00:00:00", "[dead] <defunct>"},
		{"u0", "10", "7", "0", "12:00", "ttyS1", "01:00:00", "new "},
	}
	for i, row := range want {
		if !slices.Equal(got.Rows[i], row) {
			t.Errorf("%q, want %q", got.Rows[i], row)
		}
	}
}

func TestTerminalsHaveTheirNames(t *testing.T) {
	for number, want := range map[int]string{0: "?", 34816: "pts/0", 136<<8 | 255: "pts/255", 137 << 8: "pts/256", 4<<8 | 1: "tty1", 5<<8 | 1: "console", 5 << 8: "?", 200 << 8: "?", 136<<8 | 1<<20: "pts/256"} {
		if got := terminal(number); got != want {
			t.Errorf("%#x is %s, want %s", number, got, want)
		}
	}
}

// TestTheUsualTableIsThatOfPs compares with the host's ps: of a process that waits, so that
// nothing changes in between.
func TestTheUsualTableIsThatOfPs(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skip("needs ps: install procps")
	}
	cmd := exec.Command("sh", "-c", "read x", "ü  x")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pids := []int{cmd.Process.Pid}
	for range 100 { // until it has become sh
		if p, err := proc.Read(pids[0]); err == nil && p.Name == "sh" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	ours, err := Read(pids)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := Ask(t.Context(), Usual, pids)
	if err != nil {
		t.Fatal(err)
	}
	// ps puts the columns apart by blanks, so that two in the command line are one.
	ours.Rows[0][7] = strings.Join(strings.Fields(ours.Rows[0][7]), " ")
	theirs.Rows[0][7] = strings.ReplaceAll(theirs.Rows[0][7], "??", "ü") // ps in the locale C
	if !slices.Equal(ours.Titles, theirs.Titles) || !slices.Equal(ours.Rows[0], theirs.Rows[0]) {
		t.Errorf("ours:\n%q\nps:\n%q", ours, theirs)
	}
}

func TestWhatPsPrintsIsFilteredByItsPids(t *testing.T) {
	got, err := parse("UID PID CMD\na 1 init\nb 22 sh -c  x y\n\nb - thread\nc 3 other\nc - thread\n", []int{22})
	want := "[[b 22 sh -c x y] [b - thread]]"
	if err != nil || fmt.Sprint(got.Rows) != want || !slices.Equal(got.Rows[0], []string{"b", "22", "sh -c x y"}) {
		t.Errorf("%q, %v", got.Rows, err)
	}
	for text, want := range map[string]string{
		"":                 "Couldn't find PID field in ps output",
		"UID CMD\n1 x\n":   "Couldn't find PID field in ps output",
		"CMD PID\nx abc\n": `Unexpected pid 'abc': strconv.Atoi: parsing "abc": invalid syntax`,
		"CMD PID\nx\n":     `Unexpected line of ps: "x"`,
	} {
		if _, err := parse(text, nil); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNoOtherColumnMayBeCalledPid(t *testing.T) {
	for args, want := range map[string]string{
		"-o pid,comm": "", "-o pid=PID": "", "-e -o x=PID": `specifying "x=PID" is not allowed`, "-o pid -o ppid= PIDX": `specifying "ppid=PIDX" is not allowed`, "aux": "", "a\x00b": "the arguments of ps have a NUL byte in them",
	} {
		err := check(args)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestWhatPsComplainsOfIsTold(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Skip("needs ps: install procps")
	}
	if _, err := Ask(t.Context(), "--bogus", []int{os.Getpid()}); err == nil || !strings.Contains(err.Error(), "unknown gnu long option") {
		t.Errorf("%v", err)
	}
	if got, err := Ask(t.Context(), "axf", []int{os.Getpid()}); err != nil || len(got.Rows) != 1 {
		t.Errorf("an option that does not go with -q: %q, %v", got.Rows, err)
	}
}

func FuzzTablesAreNeverWiderThanTheirTitles(f *testing.F) {
	f.Add("PID CMD\n1 a b c\n")
	f.Add("A PID\n1\n- -\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse(text, []int{0, 1, 2})
		for _, row := range got.Rows {
			if err == nil && len(row) > len(got.Titles) {
				t.Errorf("%q under %q", row, got.Titles)
			}
		}
	})
}
