//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"berth/test/harness"
	"berth/test/yardstick/bundle"
)

// engine is a daemon that the table is run through.
type engine struct {
	t      *testing.T
	d      *harness.Daemon
	api    *client.Client
	warm   bool
	images map[string]bool
}

// ran is what became of a case: what was seen, and how it was started.
type ran struct {
	sections map[string][]string
	waited   bool // a sandbox had the container's ID
	taken    bool // and it became the container
	shown    bool // the container has told in which PID namespace it is
}

// TestTheTableOfBundlesIsTheSameInAWarmEngineAndAColdOne says each bundle in the words of
// the Engine API, as far as there are any, and compares all that its container sees.
func TestTheTableOfBundlesIsTheSameInAWarmEngineAndAColdOne(t *testing.T) {
	t.Parallel()
	seen := map[string]map[string]ran{"cold": {}, "warm": {}}
	t.Run("table", func(t *testing.T) {
		for name, size := range map[string]string{"cold": "0", "warm": "3"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := harness.Start(t, harness.WithArgs("--warm-sandboxes", size))
				e := &engine{t: t, d: d, api: d.API(), warm: size != "0", images: map[string]bool{}}
				for i, c := range bundle.Table() {
					network := container.NetworkMode("")
					if i%3 == 2 {
						network = "none"
					}
					if r, ok := e.run(c, network); ok { // else there are no words: the yardstick has it, below the API
						seen[name][c.Name] = r
					}
				}
			})
		}
	})
	became, silent, said := 0, 0, len(seen["cold"])
	for name, want := range seen["cold"] {
		got := seen["warm"][name]
		if got.taken {
			became++
		}
		if !got.shown {
			silent++
		}
		if want.waited || got.shown && !got.taken && !startsCold(name) {
			t.Errorf("%s: a sandbox waited for it: %v, and became it: %v", name, got.waited, got.taken)
		}
		compareRuns(t, name, want.sections, got.sections)
	}
	t.Logf("%d of %d bundles have words in the API; %d containers were made of a sandbox, %d told nothing", said, len(bundle.Table()), became, silent)
	if said < 100 || became < 70 {
		t.Error("those are too few")
	}
}

// startsCold names the cases that the engine starts without a sandbox.
func startsCold(name string) bool {
	for _, pattern := range []string{
		"masked-*", "readonly-paths-*", // are made with the sandbox
		"without-*", "ends-by-its-own-signal", "refused-hostname-without-uts", // only what has all namespaces of its own has a sandbox
	} {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

func compareRuns(t *testing.T, name string, want, got map[string][]string) {
	t.Helper()
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, section := range slices.Sorted(maps.Keys(names)) {
		if section == "order of mounts" { // see the yardstick
			slices.Sort(want[section])
			slices.Sort(got[section])
		}
		if !slices.Equal(want[section], got[section]) {
			t.Errorf("%s: %s:%s", name, section, difference(
				harness.Result{Stdout: strings.Join(want[section], "\n")}, harness.Result{Stdout: strings.Join(got[section], "\n")}))
		}
	}
}

const wasIn = "exec 2>&1; echo '== sandbox'; readlink /proc/self/ns/pid; echo '== script'\n"

// run runs a case. It is false when the API has no words for it.
func (e *engine) run(c bundle.Case, network container.NetworkMode) (ran, bool) {
	e.t.Helper()
	dir := e.t.TempDir()
	must(e.t, os.Chmod(dir, 0o755))
	c.Before, c.After, c.Silent = wasIn, bundle.Deep, c.Name == "without-pid" || c.Name == "without-network" // which see the host's
	if c.Name == "seccomp-greater" {
		c.After = "" // it cannot print so much
	}
	b, err := c.Make(dir)
	must(e.t, err)
	request, ok := wishFor(b)
	if _, err := os.Stat(b.Root()); err != nil || !ok || c.Flags != nil {
		return ran{}, false
	}
	if request.HostConfig.NetworkMode == "" {
		request.HostConfig.NetworkMode = network
	}
	request.Config.Image = e.image(c, b)
	if e.warm {
		e.fill(request.Config.Image)
	}
	var r ran
	out, err := e.finish(request, &r)
	clean := func(text string) string { return e.clean(text, dir) }
	if err != nil {
		r.sections = map[string][]string{"refused": {clean(err.Error())}}
		return r, true
	}
	was := bundle.Sections(out)["sandbox"]
	r.shown = len(was) > 0 && !c.Silent
	host, err := bundle.HostNamespaces()
	must(e.t, err)
	code := r.sections["code"]
	r.taken = r.taken || r.waited && r.shown && was[0] == r.sections["pid namespace"][0]
	r.sections = bundle.Exactly(clean(out), bundle.Context{Dir: dir, Namespaces: host})
	r.sections["code"] = code
	delete(r.sections, "sandbox")
	if c.Name == "without-cgroup" { // which sees the groups of all
		delete(r.sections, "groups")
	}
	return r, true
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill waits until a sandbox of each kind waits.
func (e *engine) fill(image string) {
	e.t.Helper()
	c := e.d.Client(e.t, "berth")
	if len(e.images) == 1 && len(e.d.Sandboxes()) == 0 {
		c.Must("run", "--rm", image, "true")
		c.Must("run", "--rm", "--network", "none", image, "true")
	}
	harness.Eventually(e.t, "sandboxes of both kinds", func() error {
		if n := len(e.d.Sandboxes()); n < 5 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
}

// finish creates the container, starts it, waits for its end and removes it.
func (e *engine) finish(request client.ContainerCreateOptions, r *ran) (out string, err error) {
	e.t.Helper()
	ctx := e.t.Context()
	made, err := e.api.ContainerCreate(ctx, request)
	if err != nil {
		return "", err
	}
	defer func() {
		if _, err := e.api.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			e.t.Error(err)
		}
	}()
	r.waited = slices.Contains(e.d.Sandboxes(), made.ID)
	link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", e.d.SandboxPid(made.ID)))
	wait := e.api.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := e.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return "", fmt.Errorf("%s", strings.ReplaceAll(err.Error(), made.ID, "ID"))
	}
	code := result(e.t, wait)
	logs, err := e.api.ContainerLogs(ctx, made.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	must(e.t, err)
	defer logs.Close()
	var text bytes.Buffer
	if request.Config.Tty {
		_, err = io.Copy(&text, logs)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, logs)
	}
	must(e.t, err)
	r.sections = map[string][]string{"code": {fmt.Sprint(code)}, "pid namespace": {link}}
	return strings.ReplaceAll(text.String(), made.ID, "ID"), nil
}

// clean takes out of a text what is the daemon's and not the container's.
func (e *engine) clean(text, dir string) string {
	text = strings.NewReplacer(dir, "BUNDLE", e.d.Dir(), "DAEMON", e.d.CgroupParent(), "PARENT").Replace(text)
	for _, r := range [][2]string{
		{`10\.213\.\d+\.\d+`, "IP"}, {`(lowerdir\+?|upperdir|workdir)=[^ ,\n]*`, "$1"}, {`(?m)^eth0\t.*$`, "a route"}, {`step \d+ of \d+`, "a step"},
		{`,uuid=on`, ""}, // the kernel says that at the first mount of a layer only; what turns out not to fit a sandbox is mounted again
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}

// image is the root file system of a case: one for all that change nothing in it.
func (e *engine) image(c bundle.Case, b *bundle.Bundle) string {
	e.t.Helper()
	name := "plain"
	if listing(e.t, b.Root()) != listing(e.t, plainRoot(e.t)) {
		name = "of-" + c.Name
	}
	if e.images[name] {
		return name
	}
	e.images[name] = true
	tar, err := exec.Command("tar", "-C", b.Root(), "--numeric-owner", "-c", ".").Output()
	must(e.t, err)
	e.d.Import(name, bytes.NewReader(tar))
	return name
}

func plainRoot(t *testing.T) string {
	t.Helper()
	b, err := bundle.Case{}.Make(t.TempDir())
	must(t, err)
	return b.Root()
}

// listing is what a tree has, but for the contents of its files.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var lines strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		size := info.Size()
		if info.IsDir() {
			size = 0
		}
		link, _ := os.Readlink(path) // of links only
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Fprintln(&lines, strings.TrimPrefix(path, dir), info.Mode(), owner.Uid, owner.Gid, size, link)
		return nil
	}))
	return lines.String()
}
