//go:build linux

// Command vm runs the engine's tests on cgroup v2 in a small virtual machine
// of its own: QEMU emulates it in software, so that it needs neither KVM nor
// privileges. The machine has a kernel of the distribution's, a root file
// system made here, and nothing of the host's network.
//
//	vm -kernel DIR [-cache DIR] [-bin DIR] [-systemd] [-run PATTERN] [-count N] [JOB ...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var l lane
	flag.StringVar(&l.kernel, "kernel", "", "directory of the unpacked kernel package")
	flag.StringVar(&l.cache, "cache", ".cache/vm", "directory for what is kept between runs, and the console's text")
	flag.StringVar(&l.bin, "bin", "bin", "directory of berth, berthd and berth-keeper")
	flag.BoolVar(&l.verbose, "v", os.Getenv("V") != "", "show the output of jobs that pass, too")
	flag.DurationVar(&l.limit, "limit", 15*time.Minute, "how long the machine may run")
	flag.StringVar(&l.pattern, "run", "", "run those tests of the jobs only that a pattern names")
	flag.BoolVar(&l.systemd, "systemd", false, "boot systemd, and run what is about it")
	flag.IntVar(&l.count, "count", 1, "run each test so many times")
	flag.Parse()
	if err := l.run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// lane is one run of the machine.
type lane struct {
	kernel, cache, bin string
	verbose            bool
	limit              time.Duration
	pattern            string
	count              int
	systemd            bool
	work               string // everything of this run; removed at its end
}

func (l *lane) run(ctx context.Context, names []string) (err error) {
	if err := os.MkdirAll(l.cache, 0o755); err != nil {
		return err
	}
	if l.systemd && len(systemdFiles()) == 0 {
		fmt.Println("skipped: there is no systemd to copy into the machine (Debian: apt-get install systemd).")
		return nil
	}
	if l.work, err = os.MkdirTemp(l.cache, "run-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.work)) }()
	// QEMU and mke2fs are started elsewhere.
	if l.work, err = filepath.Abs(l.work); err != nil {
		return err
	}
	jobs := jobs()
	if l.systemd {
		jobs = systemdJobs()
	}
	if len(names) > 0 {
		jobs = slices.DeleteFunc(jobs, func(j packageJob) bool { return !slices.Contains(names, j.name) })
		if len(jobs) != len(names) {
			return fmt.Errorf("there is no such job among those asked for: %v", names)
		}
	}
	for i := range jobs {
		if l.pattern != "" {
			jobs[i].run = l.pattern
		}
		jobs[i].count = l.count
	}
	begin := time.Now()
	plan, err := l.buildRoot(ctx, jobs)
	if err != nil {
		return err
	}
	if err := l.buildInitramfs(ctx); err != nil {
		return err
	}
	built := time.Now()
	err = l.boot(ctx, plan)
	fmt.Printf("vm: %d jobs, %.0f s to build and %.0f s in the machine\n", len(plan), built.Sub(begin).Seconds(), time.Since(built).Seconds())
	return err
}
