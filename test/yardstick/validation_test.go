//go:build linux

package yardstick

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/test/harness"
)

const (
	validationModule  = "github.com/opencontainers/runtime-tools"
	validationCount   = 58
	validationGroup   = "/cgrouptest" // of the programs; those that use it run one by one
	validationParent  = "/testdir"
	validationProgram = "runtimetest"
)

// TestTheValidationProgramsPass runs runtime-tools' programs with ours and with
// runc, and says how many pass. What runc passes and ours fails is explained,
// and there are no fewer that pass.
func TestTheValidationProgramsPass(t *testing.T) {
	needRoot(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("runtime-tools has no root file system for " + runtime.GOARCH)
	}
	v := buildValidation(t)
	t.Cleanup(func() { removeGroup(validationGroup); removeGroup(validationParent) })
	results := map[string]map[string]bool{}
	var wait sync.WaitGroup
	var mu, groups sync.Mutex
	for _, r := range []oci{ours(t), runc(t)} {
		dir := v.place(t, r)
		wait.Go(func() { // most of them wait
			passed := v.all(t, r, dir, &groups)
			mu.Lock()
			defer mu.Unlock()
			results[r.name] = passed
		})
	}
	wait.Wait()
	v.again(t, []oci{ours(t), runc(t)}, results)
	mine, theirs, table := 0, 0, "\n"
	for _, name := range v.programs {
		got, want := results["berth-runtime"][name], results["runc"][name]
		mine, theirs = mine+number(got), theirs+number(want)
		table += fmt.Sprintf("%-36s berth-runtime %-5s runc %s\n", name, verdict(got), verdict(want))
		why, known := behind()[name]
		switch {
		case want && !got && !known:
			t.Errorf("runc passes %s and berth-runtime does not", name)
		case known && got:
			t.Errorf("%s passes: take it out of the table (%s)", name, why)
		}
	}
	t.Logf("%sof %d programs %d pass with berth-runtime and %d with runc", table, len(v.programs), mine, theirs)
	if mine < theirs {
		t.Errorf("%d pass, and %d with runc", mine, theirs)
	}
}

// again runs the programs alone that one of the runtimes has failed beside the
// others: several use the same control groups, and none waits for another's.
func (v validation) again(t *testing.T, runtimes []oci, results map[string]map[string]bool) {
	t.Helper()
	for _, r := range runtimes {
		dir := v.place(t, r)
		for _, name := range v.programs {
			differ := results[runtimes[0].name][name] != results[runtimes[1].name][name]
			if !differ || results[r.name][name] {
				continue
			}
			removeGroup(validationGroup)
			removeGroup(validationParent)
			ok, err := v.one(t.Context(), r, dir, name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			results[r.name][name] = ok
		}
	}
}

// behind explains each program that runc passes and ours does not.
func behind() map[string]string {
	return map[string]string{
		"linux_ns_itype": "a container without a mount namespace of its own is refused: it would run on the host's files, with the host's root",
		"mounts":         "the mounts are made in the order of the config, but binds are of trees that were taken first, and since Linux 6.8 mountinfo lists mounts in the order in which they came to be",
	}
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func verdict(yes bool) string {
	if yes {
		return "pass"
	}
	return "FAIL"
}

// validation is the built programs.
type validation struct {
	dir      string // of the programs
	rootTar  string
	programs []string
}

// buildValidation builds the programs where they stay: linking them is most of
// what this test takes, and the go command does not link again what is new enough.
func buildValidation(t *testing.T) validation {
	t.Helper()
	v := validation{dir: filepath.Join(harness.Root(), "bin", "yardstick")}
	tools := filepath.Join(harness.Root(), "test", "yardstick", "tools")
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	goTool(t, tools, "build", "-trimpath", "-ldflags", "-s -w", "-o", v.dir+"/", validationModule+"/validation/...", validationModule+"/cmd/"+validationProgram)
	module := strings.TrimSpace(goTool(t, tools, "list", "-m", "-f", "{{.Dir}}", validationModule))
	v.rootTar = filepath.Join(module, "rootfs-"+runtime.GOARCH+".tar.gz")
	dirs, err := filepath.Glob(filepath.Join(module, "validation", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range dirs {
		if name := filepath.Base(filepath.Dir(file)); name != "util" && !slices.Contains(v.programs, name) {
			v.programs = append(v.programs, name)
		}
	}
	if len(v.programs) != validationCount {
		t.Fatalf("there are %d programs: %s", len(v.programs), v.programs)
	}
	return v
}

func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// place makes the directory that the programs of a runtime run in.
func (v validation) place(t *testing.T, r oci) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"state", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // some programs leave a container that they have made
		left, _ := filepath.Glob(filepath.Join(dir, "state", "*"))
		for _, container := range left {
			_ = r.command(context.Background(), r.path, "--root", filepath.Join(dir, "state"), "delete", "--force", filepath.Base(container)).Run()
		}
	})
	// The programs call $RUNTIME with no more than the verb.
	script := fmt.Sprintf("#!/bin/sh\nexec %s --root %s/state \"$@\"\n", r.path, dir)
	if err := os.WriteFile(filepath.Join(dir, "runtime"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{v.rootTar: filepath.Base(v.rootTar), filepath.Join(v.dir, validationProgram): validationProgram} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// all runs every program with a runtime, and says which passed. Those that
// share a control group take turns, also with another runtime's.
func (v validation) all(t *testing.T, r oci, dir string, groups *sync.Mutex) map[string]bool {
	t.Helper()
	passed, errs := map[string]bool{}, map[string]error{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	turns := make(chan struct{}, 5)
	for _, name := range v.programs {
		wait.Go(func() {
			if strings.HasPrefix(name, "linux_cgroups_") {
				groups.Lock()
				defer groups.Unlock()
			}
			turns <- struct{}{}
			ok, err := v.one(t.Context(), r, dir, name)
			<-turns
			mu.Lock()
			defer mu.Unlock()
			passed[name], errs[name] = ok, err
		})
	}
	wait.Wait()
	for name, err := range errs {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return passed
}

// one runs a program. It has passed when it ends well, says that something is
// right and nothing is wrong.
func (v validation) one(ctx context.Context, r oci, dir, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := r.command(ctx, filepath.Join(v.dir, name))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RUNTIME="+filepath.Join(dir, "runtime"), "TMPDIR="+filepath.Join(dir, "tmp"))
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return false, fmt.Errorf("did not end: %w", ctx.Err())
	}
	wrong := regexp.MustCompile(`(?m)^\s*not ok`).Match(out)
	right := regexp.MustCompile(`(?m)^\s*ok`).Match(out)
	return err == nil && right && !wrong, nil
}
