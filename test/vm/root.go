//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"berth/test/vm/plan"
)

// diskSize is sparse: only what is written takes room.
const diskSize = "3G"

func (l *lane) disk() string { return l.work + "/root.ext4" }

// buildRoot makes the machine's root file system, a disk: overlay mounts need
// one below them that is neither an overlay nor in memory. It returns what the
// machine is going to do.
func (l *lane) buildRoot(ctx context.Context, jobs []packageJob) ([]plan.Job, error) {
	tree := l.work + "/tree"
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "run", "src", "sys", "tests", "tmp", "usr", "var/lib", "var/tmp"} {
		if err := os.MkdirAll(tree+"/"+dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink("../run", tree+"/var/run"); err != nil {
		return nil, err
	}
	if err := os.Chmod(tree+"/tmp", os.ModeSticky|0o777); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "hostname": "vm\n",
		"hosts": "127.0.0.1 localhost vm\n", "resolv.conf": "nameserver 192.0.2.53\n", "os-release": "ID=vm\nPRETTY_NAME=\"test machine\"\n",
	} {
		if err := os.WriteFile(tree+"/etc/"+name, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := l.programs(ctx, tree+"/bin"); err != nil {
		return nil, err
	}
	if err := peers(ctx, tree); err != nil {
		return nil, err
	}
	if l.systemd {
		if err := l.putSystemd(ctx, tree); err != nil {
			return nil, err
		}
	}
	todo, err := testBinaries(ctx, tree, jobs)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(todo)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(tree+plan.File, text, 0o644); err != nil {
		return nil, err
	}
	mke2fs, err := exec.LookPath("mke2fs")
	if err != nil { // only root's PATH leads there
		mke2fs = "/usr/sbin/mke2fs"
	}
	return todo, command(ctx, nil, mke2fs, "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", tree, l.disk(), diskSize)
}

// programs copies ours, and busybox under all of its names.
func (l *lane) programs(ctx context.Context, bin string) error {
	for _, name := range []string{"berth", "berthd", "berth-keeper", "berth-runtime"} {
		if err := copyFile(filepath.Join(l.bin, name), bin+"/"+name); err != nil {
			return fmt.Errorf("%w (make build makes it)", err)
		}
	}
	if err := command(ctx, goEnv(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin+"/attacker", "./test/breakout/attacker"); err != nil {
		return err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := copyFile(busybox, bin+"/busybox"); err != nil {
		return err
	}
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("list busybox's applets: %w", err)
	}
	for _, name := range strings.Fields(string(applets)) {
		if err := os.Symlink("busybox", bin+"/"+name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return os.Symlink("bin", filepath.Dir(bin)+"/sbin")
}

// peersDir is where the host's other runtimes, and programs that make file systems, are in the machine.
const peersDir = "/peers"

// peers copies the other runtimes that the host has, with the libraries that they
// are linked to.
func peers(ctx context.Context, tree string) error {
	if err := os.MkdirAll(tree+peersDir, 0o755); err != nil {
		return err
	}
	for _, name := range append(criuFiles(), "runc", "crun", "mkfs.ext4", "mkfs.xfs") {
		file, err := exec.LookPath(name)
		if err != nil { // only root's PATH leads there
			file, err = exec.LookPath("/usr/sbin/" + name)
		}
		if err != nil {
			continue
		}
		if err := copyFile(file, tree+peersDir+"/"+name); err != nil {
			return err
		}
		if err := libraries(ctx, tree, file); err != nil {
			return err
		}
	}
	return nil
}

// libraries copies what a program is linked to.
func libraries(ctx context.Context, tree, file string) error {
	out, err := exec.CommandContext(ctx, "ldd", file).Output()
	if err != nil {
		return nil // it has none
	}
	for _, field := range strings.Fields(string(out)) {
		if !strings.HasPrefix(field, "/") {
			continue
		}
		if err := errors.Join(os.MkdirAll(tree+filepath.Dir(field), 0o755), copyFile(field, tree+field)); err != nil {
			return err
		}
	}
	return nil
}

// testBinaries compiles the tests of the jobs, and puts each package's testdata
// where the tests look for it. Packages without tests have no job.
func testBinaries(ctx context.Context, tree string, jobs []packageJob) ([]plan.Job, error) {
	var todo []plan.Job
	args := []string{"test", "-c", "-trimpath", "-ldflags=-s -w", "-o", tree + "/tests/"}
	for _, j := range jobs {
		if found, err := filepath.Glob(j.name + "/*_test.go"); err != nil || len(found) == 0 {
			fmt.Printf("vm: %s has no tests\n", j.name)
			continue
		}
		args = append(args, "./"+j.name)
		todo = append(todo, j.job())
		if err := os.MkdirAll(tree+"/src/"+j.name, 0o755); err != nil {
			return nil, err
		}
		if _, err := os.Stat(j.name + "/testdata"); err == nil {
			if err := os.CopyFS(tree+"/src/"+j.name+"/testdata", os.DirFS(j.name+"/testdata")); err != nil {
				return nil, err
			}
		}
	}
	if len(todo) == 0 {
		return nil, errors.New("there is nothing to do")
	}
	// Tests that look for the programs beside the sources find them.
	if err := os.Symlink("/bin", tree+"/src/bin"); err != nil {
		return nil, err
	}
	return todo, command(ctx, goEnv(), "go", args...)
}

// goEnv is for programs that run in the machine.
func goEnv() []string { return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64"} }

// command runs a program whose output is of interest only when it fails.
func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
