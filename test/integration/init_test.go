//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"berth/test/harness"
)

// Behaviour 65 of Docker.
func TestInitRunsDockerInitAsPid1AndTheDaemonsKeySetsTheDefault(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(config, []byte(`{"init": true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	seen := map[string][]string{}
	for name, c := range map[string]harness.Client{"docker": docker.Client(t), "berth": d.Client(t, "docker")} {
		// Docker's line of fatal errors names its program.
		plain := func(s string) string {
			return regexp.MustCompile(`\[FATAL tini \(\d+\)\]`).ReplaceAllString(s, "[FATAL docker-init]")
		}
		note := func(r harness.Result) {
			seen[name] = append(seen[name], plain(r.Stdout+"|"+r.Stderr), string(rune('0'+r.Code/100%10))+string(rune('0'+r.Code/10%10))+string(rune('0'+r.Code%10)))
		}
		run := func(args ...string) { note(c.Run(append([]string{"run", "--rm", "--init"}, args...)...)) }
		run(busybox, "sh", "-c", "exit 7")
		run(busybox, "sh", "-c", "kill -9 $$")
		run(busybox, "nosuch")
		run(busybox, "/etc")
		run(busybox, "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; ls /sbin/docker-init; touch /sbin/docker-init")
		run("-t", busybox, "sh", "-c", "read -r pid name state parent group session tty front rest </proc/self/stat; [ $group = $front ] && [ $group = $pid ] && echo in front")
		run("--pid", "host", busybox, "sh", "-c", "ls /sbin/docker-init")
		run("--user", "1000", busybox, "id", "-u")
		id := c.Must("run", "-d", "--init", busybox, "sh", "-c", "trap 'echo asked; exit 5' TERM; echo up; sleep 1000 & wait")
		harness.Eventually(t, "it is up", func() error {
			if c.Must("logs", id) != "up" {
				return os.ErrNotExist
			}
			return nil
		})
		c.Must("stop", id)
		note(c.Run("logs", id))
		note(c.Run("inspect", "-f", "{{.State.ExitCode}} {{.Path}} {{.HostConfig.Init}}", id))
	}
	for i, want := range seen["docker"] {
		if got := seen["berth"][i]; got != want {
			t.Errorf("step %d: Docker %q\nberth %q", i/2, want, got)
		}
	}
	byDefault := harness.Start(t, harness.WithArgs("--config-file", config))
	busybox = byDefault.Busybox()
	c := byDefault.Client(t, "docker")
	c.Prints("/sbin/docker-init", "run", "--rm", busybox, "sh", "-c", "ls /sbin/docker-init")
	c.Prints("<nil>", "inspect", "-f", "{{.HostConfig.Init}}", c.Must("create", busybox))
	c.Fails(1, "", "run", "--rm", "--init=false", busybox, "ls", "/sbin/docker-init")
}
