package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
	"berth/internal/program"
)

func TestTheBinaryStartsProgramsWithEitherExecutor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the keeper answers only to root")
	}
	binary := filepath.Join(t.TempDir(), "berth-keeper")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := program.Program{Clone: program.Clone{Cgroup: -1, PidNS: -1}, Steps: []program.Step{{
		Name: "run", Why: "that is all", Call: unix.SYS_EXECVE,
		Args: [6]program.Arg{program.Str("/bin/busybox"), program.Vec([]string{"sh", "-c", "exit 11"}), program.Vec(nil)},
	}}}
	code, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, executor := range []string{"asm", "reexec"} {
		t.Run(executor, func(t *testing.T) {
			t.Setenv("BERTH_EXECUTOR", executor)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c, err := keeper.Ensure(ctx, t.TempDir(), binary)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = syscall.Kill(c.Pid(), syscall.SIGTERM)
				<-c.Done()
				c.Close()
			}()
			_, pidfd, err := c.Start(ctx, keeper.StartRequest{ID: "x", Program: code})
			if err != nil {
				t.Fatal(err)
			}
			pidfd.Close()
			select {
			case e := <-c.Events():
				if e.ID != "x" || e.Exit.Code != 11 {
					t.Fatalf("event %+v", e)
				}
			case <-ctx.Done():
				t.Fatal("no event")
			}
		})
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"--root"}, {"--root", "relative"}, {"--root", "/x", "--linger", "long"}, {"--what", "x"}} {
		if _, _, err := parse(args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	o, _, err := parse([]string{"--root", "/run/x", "--linger", "3s"})
	if err != nil || o.Root != "/run/x" || o.Linger != 3*time.Second {
		t.Errorf("%+v, %v", o, err)
	}
}
