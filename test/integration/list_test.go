//go:build linux

package integration

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestPsShowsWhatItsFiltersSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	up := c.Must("run", "-d", "--name", "up", "--label", "color=blue", "--label", "size=1", busybox, "sleep", "1000")
	c.Must("create", "--name", "new", "--label", "color=red", "berth/hello")
	c.Run("run", "--name", "ended", busybox, "sh", "-c", "exit 3")
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		for _, at := range []struct{ flags, want string }{
			{"", "up"},
			{"-a", "ended new up"},
			{"-n 1", "ended"},
			{"-l", "ended"},
			{"-a --filter name=e", "ended new"},
			{"-a --filter id=" + up[:12], "up"},
			{"-a --filter status=exited", "ended"},
			{"-a --filter status=created --filter status=running", "new up"},
			{"-a --filter exited=3", "ended"},
			{"-a --filter exited=0", ""},
			{"-a --filter label=color", "new up"},
			{"-a --filter label=color=blue", "up"},
			{"-a --filter label=color=red --filter status=exited", ""},
			{"-a --filter ancestor=busybox", "ended up"},
			{"-a --filter ancestor=berth/hello", "new"},
			{"-a --filter before=ended", "new up"},
			{"-a --filter since=up", "ended new"},
		} {
			args := append([]string{"ps", "--format", "{{.Names}}"}, strings.Fields(at.flags)...)
			got := strings.Fields(c.Must(args...))
			slices.Sort(got)
			if strings.Join(got, " ") != at.want {
				t.Errorf("ps %s shows %v, want %s", at.flags, got, at.want)
			}
		}
		c.Fails(1, "invalid filter", "ps", "--filter", "nonsense=1")
		r := c.Must("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Command}} {{.State}}", "--filter", "name=up")
		if r != up+` busybox "sleep 1000" running` {
			t.Errorf("ps shows %s", r)
		}
	})
}

func TestInspectShowsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		id := c.Must("create", "--name", "seen-"+c.Name, "-e", "A=b", "-w", "/tmp", "-u", "33", "-m", "64m", "--cpus", "0.5", "--pids-limit", "9",
			"-p", "127.0.0.1:8080:80", "-v", "/tmp:/host:ro", "--hostname", "h", "--label", "l=v", "--cap-add", "NET_ADMIN", "--read-only", "-t",
			busybox, "sh", "-c", "true")
		var all []struct {
			ID, Name, Path string
			Args           []string
			State          struct{ Status string }
			Config         struct {
				Env                        []string
				WorkingDir, User, Hostname string
				Image                      string
				Labels                     map[string]string
				Tty                        bool
			}
			HostConfig struct {
				Memory, NanoCpus, PidsLimit int64
				Binds, CapAdd               []string
				ReadonlyRootfs              bool
				PortBindings                map[string][]struct{ HostIp, HostPort string }
			}
		}
		if err := json.Unmarshal([]byte(c.Must("inspect", id)), &all); err != nil || len(all) != 1 {
			t.Fatalf("inspect: %v", err)
		}
		i := all[0]
		for what, ok := range map[string]bool{
			"id": i.ID == id, "name": i.Name == "/seen-"+c.Name, "path": i.Path == "sh", "args": slices.Equal(i.Args, []string{"-c", "true"}),
			"state": i.State.Status == "created", "env": slices.Contains(i.Config.Env, "A=b"), "dir": i.Config.WorkingDir == "/tmp",
			"user": i.Config.User == "33", "hostname": i.Config.Hostname == "h", "image": i.Config.Image == busybox,
			"label": i.Config.Labels["l"] == "v", "tty": i.Config.Tty, "memory": i.HostConfig.Memory == 64<<20,
			"cpus": i.HostConfig.NanoCpus == 5e8, "pids": i.HostConfig.PidsLimit == 9, "binds": slices.Equal(i.HostConfig.Binds, []string{"/tmp:/host:ro"}),
			"caps":     len(i.HostConfig.CapAdd) == 1 && strings.HasSuffix(i.HostConfig.CapAdd[0], "NET_ADMIN"),
			"readonly": i.HostConfig.ReadonlyRootfs,
			"ports":    len(i.HostConfig.PortBindings["80/tcp"]) == 1 && i.HostConfig.PortBindings["80/tcp"][0].HostPort == "8080",
		} {
			if !ok {
				t.Errorf("inspect is wrong about the %s: %+v", what, i)
			}
		}
		c.Must("rm", id)
	})
}

func TestVersionAndInfoAnswer(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		if got := c.Must("version", "--format", "{{.Server.Os}}"); got != "linux" {
			t.Errorf("version says %q", got)
		}
		if got := c.Must("info", "--format", "{{.DockerRootDir}}"); got != d.DataRoot() {
			t.Errorf("info says %q", got)
		}
	})
}
