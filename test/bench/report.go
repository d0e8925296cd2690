package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// print writes the table: medians, in brackets the p99 where there are enough
// samples for one, berth's share of docker's median, and the targets.
func (b *bench) print(w io.Writer, took time.Duration) {
	fmt.Fprintln(w, b.machine())
	var columns []*engine
	for _, e := range b.engines {
		if e.absent == "" {
			columns = append(columns, e)
			fmt.Fprintf(w, "%s: %s\n", e.name, e.version)
		}
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t")
	for _, e := range columns {
		fmt.Fprintf(t, "%s\t", e.name)
	}
	fmt.Fprint(t, "berth/docker\ttarget\t\n")
	group, met, missed := "", 0, 0
	for _, r := range b.rows {
		if r.group != group {
			group = r.group
			fmt.Fprintf(t, "%s\t%s\n", pad(group+":"), strings.Repeat("\t", len(columns)+2))
		}
		fmt.Fprintf(t, "%s\t", pad("  "+r.name+", "+r.unit))
		for _, e := range columns {
			fmt.Fprintf(t, "%s\t", r.cell(e.name))
		}
		verdict, ok := r.verdict()
		switch {
		case verdict != "" && ok:
			met++
		case verdict != "":
			missed++
		}
		fmt.Fprintf(t, "%s\t%s\t\n", r.ratio("berth", "docker"), verdict)
	}
	t.Flush()
	fmt.Fprintf(w, "\nMedians (p99 in brackets); the engines took turns. %d targets met, %d missed. The run took %.0f s.\n", met, missed, took.Seconds())
	for _, n := range b.notes {
		fmt.Fprintln(w, "note:", n)
	}
}

// labelWidth makes the first column flush left in a table that is flush right.
const labelWidth = 42

func pad(s string) string { return fmt.Sprintf("%-*s", labelWidth, s) }

func (r *row) cell(engine string) string {
	s := r.values[engine]
	switch {
	case len(s) == 0:
		return "-"
	case len(s) >= 6 && r.unit == "ms":
		return fmt.Sprintf("%s (%s)", number(s.at(0.5)), number(s.at(0.99)))
	}
	return number(s.at(0.5))
}

// number gives three significant digits.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *row) ratio(ours, theirs string) string {
	a, b := r.values[ours], r.values[theirs]
	if len(a) == 0 || len(b) == 0 || b.at(0.5) == 0 {
		return "-"
	}
	ratio := a.at(0.5) / b.at(0.5)
	if ratio >= 2 {
		return fmt.Sprintf("%.1f", ratio)
	}
	return fmt.Sprintf("%.3f", ratio)
}

// verdict says what the target is and whether berth meets it; "" when there is
// none or it cannot be told.
func (r *row) verdict() (string, bool) {
	ours := r.values[cmp.Or(r.target.column, "berth")]
	if len(ours) == 0 {
		return "", false
	}
	mark := func(ok bool, text string) (string, bool) {
		if ok {
			return "✓ " + text, true
		}
		return "✗ " + text, false
	}
	median := ours.at(0.5)
	switch t := r.target; {
	case t.atMost > 0:
		return mark(median <= t.atMost, fmt.Sprintf("≤ %g", t.atMost))
	default:
		met, says := true, []string{}
		for _, s := range t.of {
			if theirs := r.values[s.peer]; len(theirs) > 0 {
				met = met && median <= s.times*theirs.at(0.5)
				says = append(says, fmt.Sprintf("≤ 1/%.0f %s", 1/s.times, s.peer))
			}
		}
		if len(says) == 0 {
			return "", false
		}
		return mark(met, strings.Join(says, ", "))
	}
}

// machine says what the run ran on.
func (b *bench) machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if rest, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
			break
		}
	}
	var u unix.Utsname
	unix.Uname(&u)
	groups := "v1"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		groups = "v2"
	}
	var fs unix.Statfs_t
	unix.Statfs(b.dir, &fs)
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s, %d cores, %s; Linux %s; cgroup %s; data on file system %#x; load %s", model, runtime.NumCPU(), runtime.GOARCH,
		unix.ByteSliceToString(u.Release[:]), groups, fs.Type, strings.Join(strings.Fields(string(load))[:3], " "))
}
