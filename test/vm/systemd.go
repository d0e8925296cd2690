//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"berth/test/vm/plan"
)

// The second machine has systemd for its first process, and is otherwise the same: nothing
// else of a distribution is needed to have scopes made. Its only service does the jobs.

// systemdJobs are the packages that have something to say to systemd.
func systemdJobs() []packageJob {
	return []packageJob{
		{name: "internal/linux/cgroup/systemd"},
		{name: "test/oci", run: "Systemd", peers: true},
	}
}

// systemdFiles are the host's, which the machine gets; none if it has no systemd.
func systemdFiles() []string {
	for _, file := range []string{plan.Systemd, "/usr" + plan.Systemd} {
		if _, err := os.Stat(file); err == nil {
			return []string{file}
		}
	}
	return nil
}

// initArgs tells the machine's init to make way for systemd.
func (l *lane) initArgs() string {
	if !l.systemd {
		return ""
	}
	return " " + plan.SystemdWord + " systemd.unit=jobs.service systemd.show_status=0 systemd.log_target=console systemd.log_level=notice"
}

const jobsService = `[Unit]
Description=the jobs of the test machine
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/guest service
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Environment=PATH=/bin
TimeoutStartSec=infinity
`

func (l *lane) putSystemd(ctx context.Context, tree string) error {
	files := systemdFiles()
	for _, file := range files {
		err := errors.Join(os.MkdirAll(tree+filepath.Dir(plan.Systemd), 0o755), copyFile(file, tree+plan.Systemd), libraries(ctx, tree, file))
		if err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"/etc/machine-id": "00000000000000000000000000000001\n", "/etc/systemd/system/jobs.service": jobsService} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(tree+name), 0o755), os.WriteFile(tree+name, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	return command(ctx, goEnv(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", tree+"/bin/guest", "./test/vm/guest")
}
