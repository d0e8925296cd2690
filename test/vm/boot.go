//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"berth/test/vm/plan"
)

// console is where the kernel's messages and the jobs' output of the latest
// run can be read.
func (l *lane) console() string { return filepath.Join(l.cache, "console.log") }

// qemu is the machine. It has no network device: what tests need of networks
// they make inside.
func (l *lane) qemu() ([]string, error) {
	kernels, err := filepath.Glob(l.kernel + "/boot/vmlinuz-*")
	if err != nil || len(kernels) != 1 {
		return nil, fmt.Errorf("%s is not one unpacked kernel package (%v)", l.kernel, err)
	}
	return []string{
		"-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "2", "-m", "2048",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", kernels[0], "-initrd", l.initramfs(),
		// A panic restarts at once, which ends QEMU.
		"-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic mitigations=off" + l.initArgs(),
		"-drive", "if=none,id=root,format=raw,cache=unsafe,discard=unmap,file=" + l.disk(), "-device", "virtio-blk-pci,drive=root",
		"-device", "virtio-rng-pci",
		"-serial", "file:" + l.work + "/console", "-serial", "stdio",
	}, nil
}

// boot runs the machine and believes nothing but its explicit answer.
func (l *lane) boot(ctx context.Context, todo []plan.Job) error {
	args, err := l.qemu()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.limit, fmt.Errorf("the machine has not ended within %s", l.limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.Stderr = os.Stderr
	// The machine ends with us. The kernel means the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	a := l.listen(answers)
	err = cmd.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return errors.Join(l.verdict(a, err, len(todo)), l.keepConsole())
}

// answer is what the machine has said.
type answer struct {
	running string // the job under way
	passed  int
	failed  []string
	exit    string // "" until it has said so
}

// listen reads the machine's answer to its end and tells the user about it.
func (l *lane) listen(r io.Reader) (a answer) {
	begin := time.Now()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		word, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch word {
		case plan.Start:
			a.running = rest
			begin = time.Now()
			continue
		case plan.Pass:
			a.passed++
		case plan.Fail:
			name, _, _ := strings.Cut(rest, ":")
			a.failed = append(a.failed, name)
		case plan.Exit:
			a.exit, a.running = rest, ""
			continue
		default: // QEMU's or the firmware's noise
			continue
		}
		fmt.Printf("vm: %s %s (%.1f s)\n", word, rest, time.Since(begin).Seconds())
		a.running = ""
		begin = time.Now()
	}
	return a
}

// verdict says what the answer means, with the output that explains a failure.
func (l *lane) verdict(a answer, ended error, jobs int) error {
	text, err := os.ReadFile(l.work + "/console")
	if err != nil {
		return errors.Join(ended, err)
	}
	console := strings.ReplaceAll(string(text), "\r", "")
	if l.verbose {
		fmt.Println(console)
	}
	switch {
	case a.exit == "":
		if ended == nil {
			ended = errors.New("the machine ended without an answer")
		}
		if a.running != "" {
			ended = fmt.Errorf("%w, while it ran %s", ended, a.running)
		}
		fmt.Println(tail(console, 150))
	case a.exit == "0" && len(a.failed) == 0 && a.passed == jobs:
		return nil // QEMU's own end no longer matters
	case a.exit == "0":
		ended = fmt.Errorf("%d of %d jobs passed", a.passed, jobs)
	default:
		ended = fmt.Errorf("%d of %d jobs failed", len(a.failed), jobs)
	}
	for _, name := range a.failed {
		fmt.Println(section(console, name))
	}
	return fmt.Errorf("%w; everything that the console showed is in %s", ended, l.console())
}

// section is the console's text from a job's heading to the next.
func section(console, name string) string {
	_, after, found := strings.Cut(console, plan.Heading(name))
	if !found {
		return tail(console, 50)
	}
	text, _, _ := strings.Cut(after, plan.Heading("")[:len("=== JOB ")])
	return "--- " + name + tail(text, 300)
}

func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (l *lane) keepConsole() error { return os.Rename(l.work+"/console", l.console()) }
