//go:build !cgo

package launch_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/program"
)

func TestWhatIsBornHasNoMemoryOfOurs(t *testing.T) {
	x := executors(t)["asm"]
	r, w, err := os.Pipe() // on which the child waits before it executes its program
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := says(birth(), step("wait", unix.SYS_READ, program.Fd(1), program.Bytes(make([]byte, 1)), program.Imm(1)), sh("true"))
	p.AddFd("wait")
	var maps, line []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		maps, line = waiting(t)
	}()
	child, err := start(t, x, p, 1, int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	<-done
	reap(t, child)
	if len(line) > 0 {
		t.Errorf("it shows our command line: %q", line)
	}
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); f[1] == "r-xp" || strings.Contains(line, "[v") || strings.Contains(line, "/dev/zero") {
			continue // our code, the kernel's, and the page that says how it goes
		} else if size := sizeOf(t, f[0]); f[1] != "rw-p" || size > 64<<10 {
			t.Errorf("it has %s", line)
		}
	}
}

// waiting finds our child that waits in read(2), and looks at its memory.
func waiting(t *testing.T) (maps, line []byte) {
	for range 100000 {
		children, _ := filepath.Glob("/proc/self/task/*/children")
		for _, path := range children {
			b, _ := os.ReadFile(path)
			for _, pid := range strings.Fields(string(b)) {
				call, _ := os.ReadFile("/proc/" + pid + "/syscall")
				if !bytes.HasPrefix(call, []byte("0 ")) && !bytes.HasPrefix(call, []byte("63 ")) {
					continue
				}
				maps, err := os.ReadFile("/proc/" + pid + "/maps")
				if err != nil {
					t.Error(err)
				}
				line, err := os.ReadFile("/proc/" + pid + "/cmdline")
				if err != nil {
					t.Error(err)
				}
				return maps, line
			}
		}
	}
	t.Error("there is no child that waits")
	return nil, nil
}

func sizeOf(t *testing.T, span string) uint64 {
	t.Helper()
	first, last, _ := strings.Cut(span, "-")
	from, err := strconv.ParseUint(first, 16, 64)
	to, err2 := strconv.ParseUint(last, 16, 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return to - from
}
