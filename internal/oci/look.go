//go:build linux

package oci

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"berth/internal/fault"
)

func (c *command) pause(args []string) (int, error) {
	id, err := one("pause", args)
	if err == nil {
		err = c.r.Pause(id)
	}
	return 0, err
}

func (c *command) resume(args []string) (int, error) {
	id, err := one("resume", args)
	if err == nil {
		err = c.r.Resume(id)
	}
	return 0, err
}

func (c *command) list(args []string) (int, error) {
	fs := flags("list")
	format := fs.String("format", "table", "")
	fs.StringVar(format, "f", "table", "")
	quiet := fs.Bool("quiet", false, "")
	fs.BoolVar(quiet, "q", false, "")
	if err := parse(fs, args, 0, 0); err != nil {
		return 0, err
	}
	if *format != "table" && *format != "json" {
		return 0, fault.New(fault.Invalid, "invalid format option")
	}
	list, err := c.r.List()
	switch {
	case err != nil:
		return 0, err
	case *quiet:
		for _, s := range list {
			fmt.Println(s.ID)
		}
		return 0, nil
	case *format == "json":
		return 0, printLine(list)
	}
	w := tabwriter.NewWriter(os.Stdout, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created, s.Owner)
	}
	return 0, w.Flush()
}

func (c *command) ps(args []string) (int, error) {
	fs := flags("ps")
	format := fs.String("format", "table", "")
	fs.StringVar(format, "f", "table", "")
	if err := parse(fs, args, 1, 1<<10); err != nil {
		return 0, err
	}
	if *format != "table" && *format != "json" {
		return 0, fault.New(fault.Invalid, "invalid format option")
	}
	pids, err := c.r.Processes(fs.Arg(0))
	if err != nil {
		return 0, err
	}
	if *format == "json" {
		return 0, printLine(pids)
	}
	options := fs.Args()[1:]
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	out, err := exec.Command("ps", options...).Output()
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "ps cannot be run")
	}
	text, err := only(string(out), pids)
	os.Stdout.WriteString(text)
	return 0, err
}

// only keeps the heading and the lines of some processes of what ps printed.
func only(table string, pids []int) (string, error) {
	lines := strings.SplitAfter(table, "\n")
	column := slices.Index(strings.Fields(lines[0]), "PID")
	if column < 0 {
		return "", fault.New(fault.Invalid, "couldn't find PID field in ps output")
	}
	out := lines[0]
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		if len(f) <= column {
			continue
		}
		if pid, err := strconv.Atoi(f[column]); err == nil && slices.Contains(pids, pid) {
			out += line
		}
	}
	return out, nil
}
