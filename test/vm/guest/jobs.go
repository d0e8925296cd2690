//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"berth/test/vm/plan"
)

// runPlan does the jobs one after the other and returns 0 when all have passed.
func runPlan() int {
	text, err := os.ReadFile(plan.File)
	var jobs []plan.Job
	if err == nil {
		err = json.Unmarshal(text, &jobs)
	}
	if err != nil {
		fmt.Println("guest: the plan:", err)
		return 1
	}
	code := 0
	for _, j := range jobs {
		answer(plan.Start + " " + j.Name)
		fmt.Println("\n" + plan.Heading(j.Name))
		if err := run(j); err != nil {
			code = 1
			fmt.Println(j.Name+":", err)
			answer(plan.Fail + " " + j.Name + ": " + strings.ReplaceAll(err.Error(), "\n", "; "))
			continue
		}
		answer(plan.Pass + " " + j.Name)
	}
	return code
}

// lastWords is how long a job that takes too long has for telling where it is.
const lastWords = 10 * time.Second

// run runs a job, and looks for what it leaves behind.
func run(j plan.Job) error {
	before, err := traces()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.Args[0], j.Args[1:]...)
	cmd.Dir, cmd.Env = j.Dir, j.Env
	// Not the console itself: that is a terminal, which tests are not used to.
	out := struct{ io.Writer }{os.Stdout}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGQUIT) }
	cmd.WaitDelay = lastWords
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it has not ended within %s", j.Timeout)
	}
	return errors.Join(err, settle(before))
}

// settle waits until all is as it was before.
func settle(before []string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		after, err := traces()
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
		gone := slices.DeleteFunc(slices.Clone(before), func(s string) bool { return slices.Contains(after, s) })
		switch {
		case len(left)+len(gone) == 0:
			return nil
		case time.Now().Before(deadline):
		case len(left) > 0:
			return errors.New("left behind: " + strings.Join(left, ", "))
		default:
			return errors.New("taken away: " + strings.Join(gone, ", "))
		}
	}
}
