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
		var says []string
		for _, v := range r.verdicts() {
			says = append(says, v.String())
			if v.met {
				met++
			} else {
				missed++
			}
		}
		fmt.Fprintf(t, "%s\t%s\t\n", r.ratio("berth", "docker"), strings.Join(says, ", "))
	}
	t.Flush()
	fmt.Fprintf(w, "\nMedians (p99 in brackets); the engines took turns. %d targets met, %d missed. The run took %.0f s.\n", met, missed, took.Seconds())
	for _, n := range b.notes {
		fmt.Fprintln(w, "note:", n)
	}
}

// labelWidth makes the first column flush left in a table that is flush right.
const labelWidth = 52

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

// verdict is one promise of a row and whether berth keeps it.
type verdict struct {
	met  bool
	text string
}

func (v verdict) String() string {
	if v.met {
		return "✓ " + v.text
	}
	return "✗ " + v.text
}

// verdicts say what the targets are and which berth meets; none when there are none or it cannot be told.
func (r *row) verdicts() (list []verdict) {
	ours := r.values[cmp.Or(r.target.column, "berth")]
	if len(ours) == 0 {
		return nil
	}
	median := ours.at(0.5)
	if most := r.target.atMost; most > 0 {
		list = append(list, verdict{median <= most, fmt.Sprintf("≤ %g", most)})
	}
	if least := r.target.atLeast; least > 0 {
		list = append(list, verdict{median >= least, fmt.Sprintf("≥ %g", least)})
	}
	for _, s := range r.target.of {
		theirs := r.values[s.peer]
		switch {
		case len(theirs) == 0:
		case r.moreIsBetter:
			list = append(list, verdict{median >= s.times*theirs.at(0.5), fmt.Sprintf("≥ %g %s", s.times, s.peer)})
		case s.times == 1:
			list = append(list, verdict{median <= theirs.at(0.5), "≤ " + s.peer})
		default:
			list = append(list, verdict{median <= s.times*theirs.at(0.5), fmt.Sprintf("≤ 1/%.0f %s", 1/s.times, s.peer)})
		}
	}
	return list
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
