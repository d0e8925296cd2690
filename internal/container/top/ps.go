package top

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Ask runs the host's ps with the arguments and keeps the lines of the processes, which it finds
// by the column PID.
func Ask(ctx context.Context, args string, pids []int) (Table, error) {
	if err := check(args); err != nil {
		return Table{}, err
	}
	words := strings.Split(args, " ")
	out, err := ps(ctx, append(slices.Clone(words), "-q"+join(pids)))
	if err != nil { // some options do not go with -q, so all processes are looked through
		out, err = ps(ctx, words)
	}
	if err != nil {
		return Table{}, err
	}
	return parse(out, pids)
}

func join(pids []int) string {
	var words []string
	for _, pid := range pids {
		words = append(words, strconv.Itoa(pid))
	}
	return strings.Join(words, ",")
}

// ps runs ps. What it complains of is its first line.
func ps(ctx context.Context, args []string) (string, error) {
	out, err := exec.CommandContext(ctx, "ps", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if line, _, _ := bytes.Cut(exit.Stderr, []byte{'\n'}); len(line) > 0 {
			return "", fault.New(fault.Internal, "ps: %s", line)
		}
	}
	return string(out), fault.Wrap(fault.Internal, err, "ps")
}

// check refuses arguments that call another column PID, and what cannot be an argument.
func check(args string) error {
	if strings.ContainsRune(args, 0) {
		return fault.New(fault.Invalid, "the arguments of ps have a NUL byte in them")
	}
	for _, m := range regexp.MustCompile(`\s+([^\s]*)=\s*(PID[^\s]*)`).FindAllStringSubmatch(args, -1) {
		if m[1] != "pid" {
			return fault.New(fault.Internal, "specifying %q is not allowed", m[1]+"="+m[2])
		}
	}
	return nil
}

// parse reads what ps printed. Lines without a number in the column PID are of threads, and belong to
// the process above.
func parse(text string, pids []int) (Table, error) {
	lines := strings.Split(text, "\n")
	t := Table{Titles: words(lines[0]), Rows: [][]string{}}
	column := slices.Index(t.Titles, "PID")
	if column < 0 {
		return Table{}, fault.New(fault.Internal, "Couldn't find PID field in ps output")
	}
	ours := false
	for _, line := range lines[1:] {
		f := words(line)
		if len(f) == 0 {
			continue
		}
		if len(f) <= column {
			return Table{}, fault.New(fault.Internal, "Unexpected line of ps: %q", line)
		}
		if f[column] == "-" {
			if ours {
				t.Rows = append(t.Rows, fit(f, len(t.Titles)))
			}
			continue
		}
		pid, err := strconv.Atoi(f[column])
		if err != nil {
			return Table{}, fault.New(fault.Internal, "Unexpected pid '%s': %s", f[column], err)
		}
		if ours = slices.Contains(pids, pid); ours {
			t.Rows = append(t.Rows, fit(f, len(t.Titles)))
		}
	}
	return t, nil
}

// fit puts the words that are too many into the last column.
func fit(f []string, columns int) []string {
	if len(f) <= columns {
		return f
	}
	return append(f[:columns-1:columns-1], strings.Join(f[columns-1:], " "))
}

// words splits at the blanks of ASCII alone: others are parts of command lines.
func words(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("\t\n\f\r ", r) })
}
