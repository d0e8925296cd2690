//go:build linux

package integration

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"
)

// fixedTime is the time of the files that these tests copy.
func fixedTime() time.Time { return time.Unix(1500000000, 0) }

// twins are Debian's docker.io and berthd with the same image, and the stock client of each.
type twins struct {
	t            *testing.T
	theirs, ours harness.Client
	places       [2]harness.Place
}

func startTwins(t *testing.T) twins {
	t.Helper()
	stock, own := harness.StartStock(t), harness.Start(t)
	stock.Busybox(t)
	own.Busybox()
	return twins{t, stock.Client(t, "docker"), own.Client(t, "docker"), [2]harness.Place{stock.Place, own.Place}}
}

// sight is what a copy has led to.
type sight struct {
	code int
	says string
	tree string
}

// said takes out of an error what differs by design: host paths, IDs, and the
// names of the system calls that our way needs.
func said(text string) string {
	text = regexp.MustCompile(`/tmp/[^ "]*/(merged|root)`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`/tmp/[^ "]*/host[0-9]`).ReplaceAllString(text, "HOST")
	text = regexp.MustCompile(`(?m)^time=.* msg="Can't (add file|close tar).*\n?`).ReplaceAllString(text, "") // the client's, when it has begun to pack
	text = strings.ReplaceAll(text, "Error processing tar file(exit status 1): ", "")                         // docker.io unpacks in a child
	text = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(text, "ID")
	return strings.TrimSpace(text)
}

// hostTree is what is below a directory of the host, with all that cp carries.
func hostTree(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", strings.TrimPrefix(name, dir), info.Mode())
		if to, err := os.Readlink(name); err == nil {
			line += "->" + to
		}
		if info.Mode().IsRegular() {
			b, _ := os.ReadFile(name)
			line += fmt.Sprintf(" %d:%d %q %d", info.Sys().(*syscall.Stat_t).Uid, info.Sys().(*syscall.Stat_t).Gid, b, info.ModTime().Unix())
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// tarTree is what a tar stream holds, sorted; without the times of what is not a file.
func tarTree(t *testing.T, stream []byte, skip ...string) string {
	t.Helper()
	var out []string
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(skip, func(s string) bool { return strings.HasPrefix(h.Name, s) }) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %c %o %d:%d %s %d %d,%d %q", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, h.Size, h.Devmajor, h.Devminor, h.PAXRecords)
		if len(b) < 100 {
			line += fmt.Sprintf(" %q", b)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// fixture is what the containers of these tests hold at /t.
const fixture = `mkdir -p /t/dir/sub /t/empty /t/ro; echo file >/t/file; echo in >/t/dir/f; echo deep >/t/dir/sub/g
ln -s file /t/tofile; ln -s dir /t/todir; ln -s /t/dir /t/abs; ln -s nowhere /t/dangling; ln -s /t/none/x /t/deepdangling; ln -s loop /t/loop
ln /t/file /t/hard; chmod 4755 /t/file; chown 12:34 /t/dir/f; mkfifo /t/dir/fifo; mknod /t/dir/null c 1 3; chmod 1700 /t/dir/sub
touch -d @1000000000 /t/file /t/dir/f /t/dir/sub/g /t/dir/sub /t/dir /t`

// make makes a container that holds the fixture and does not run any more.
func (w twins) make(c harness.Client, args ...string) string {
	w.t.Helper()
	id := c.Must(append(append([]string{"create", "--net", "none"}, args...), "busybox", "sh", "-c", fixture)...)
	c.Must("start", "-a", id)
	return id
}

func TestCopiesOutAreDockers(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	theirs, ours := w.make(w.theirs), w.make(w.ours)
	// The destination, in a host directory that has the file "f", the directory "d" with a file, and a link to each.
	for _, args := range [][]string{
		{"/t/file", "."}, {"/t/file", "new"}, {"/t/file", "f"}, {"/t/file", "d"}, {"/t/file", "d/"}, {"/t/file", "none/"}, {"/t/file", "none/x"}, {"/t/file", "lf"}, {"/t/file", "ld"},
		{"/t/file/", "."}, {"/t/file/.", "."}, {"/t/file/x", "."}, {"/t/missing", "."}, {"/t/missing/", "."}, {"/t/dir/missing/x", "."},
		{"/t/dir", "."}, {"/t/dir", "new"}, {"/t/dir", "new/"}, {"/t/dir", "d"}, {"/t/dir", "f"}, {"/t/dir", "none/x"}, {"/t/dir/", "d"}, {"/t/dir/.", "d"}, {"/t/dir/.", "new"}, {"/t/dir/.", "f"},
		{"/t/empty", "."}, {"/t/empty/.", "d"}, {"t/dir/sub", "new"}, {"/t/../t/dir/./sub", "."}, {"/../../t/file", "."},
		{"/t/tofile", "."}, {"/t/tofile", "f"}, {"/t/todir", "."}, {"/t/todir", "new"}, {"/t/todir/", "."}, {"/t/todir/.", "new"}, {"/t/todir/f", "."}, {"/t/abs/sub", "."}, {"/t/dangling", "."}, {"/t/loop", "."}, {"/t/loop/x", "."},
		{"-L", "/t/tofile", "."}, {"-L", "/t/tofile", "new"}, {"-L", "/t/todir", "new"}, {"-L", "/t/abs", "."}, {"-L", "/t/dangling", "."}, {"-L", "/t/deepdangling", "."}, {"-a", "/t/dir", "."}, {"-a", "/t/file", "."},
		{"/t", "new"}, {"/", "none/x"}, {"", "."},
	} {
		var sights [2]sight
		for i, c := range []struct {
			harness.Client
			id string
		}{{w.theirs, theirs}, {w.ours, ours}} {
			host := filepath.Join(t.TempDir(), "host"+fmt.Sprint(i))
			for _, err := range []error{os.MkdirAll(host+"/d", 0o755), os.WriteFile(host+"/f", []byte("old"), 0o644), os.WriteFile(host+"/d/f", []byte("old"), 0o644),
				os.Symlink("f", host+"/lf"), os.Symlink("d", host+"/ld"), os.Chtimes(host+"/f", fixedTime(), fixedTime()), os.Chtimes(host+"/d/f", fixedTime(), fixedTime())} {
				if err != nil {
					t.Fatal(err)
				}
			}
			n := len(args)
			line := append(append([]string{"cp", "-q"}, args[:n-2]...), c.id+":"+args[n-2], host+"/"+args[n-1])
			r := c.Run(line...)
			sights[i] = sight{r.Code, said(r.Stderr), hostTree(t, host)}
		}
		w.compare(fmt.Sprintf("cp CONTAINER:%s", strings.Join(args, " ")), sights)
	}
}

func (w twins) compare(what string, s [2]sight) {
	w.t.Helper()
	if s[0].code != s[1].code || s[0].says != s[1].says {
		w.t.Errorf("%s\n docker.io: %d %s\n     berth: %d %s", what, s[0].code, s[0].says, s[1].code, s[1].says)
	}
	if s[0].tree != s[1].tree {
		w.t.Errorf("%s\ndocker.io has\n%s\nberth has\n%s", what, only(s[0].tree, s[1].tree), only(s[1].tree, s[0].tree))
	}
}

// only is the lines of a that b lacks.
func only(a, b string) string {
	lines := strings.Split(b, "\n")
	return strings.Join(slices.DeleteFunc(strings.Split(a, "\n"), func(l string) bool { return slices.Contains(lines, l) }), "\n")
}

func TestCopiesInAreDockers(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	host := filepath.Join(t.TempDir(), "host0")
	for _, dir := range []string{"/dir/sub", "/empty"} {
		if err := os.MkdirAll(host+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"/file": "new", "/dir/f": "new in", "/dir/sub/g": "new deep"} {
		if err := os.WriteFile(host+name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(host+name, 1000, 1001); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(host+name, fixedTime(), fixedTime()); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"/tofile": "file", "/todir": "dir", "/dangling": "nowhere", "/dir/inner": "sub/g"} {
		if err := os.Symlink(to, host+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"file", "/t"}, {"file", "/t/"}, {"file", "/t/new"}, {"file", "/t/file"}, {"file", "/t/new/"}, {"file", "/t/none/x"}, {"file", "/t/tofile"}, {"file", "/t/todir"}, {"file", "/t/abs"}, {"file", "/t/dangling"}, {"file", "/t/deepdangling"}, {"file", "/t/loop"}, {"file", "/t/dir/fifo"}, {"file", "/"},
		{"dir", "/t"}, {"dir", "/t/new"}, {"dir", "/t/new/"}, {"dir", "/t/dir"}, {"dir/.", "/t/dir"}, {"dir/", "/t/dir"}, {"dir/.", "/t/new"}, {"dir", "/t/file"}, {"dir/.", "/t/file"}, {"dir", "/t/none/x"}, {"dir", "/t/todir"}, {"dir/.", "/t/todir"}, {"dir/.", "/t/abs"}, {"dir", "/t/dangling"}, {"dir", "/t/hard"},
		{"empty", "/t/dir/sub"}, {"empty/.", "/t/dir"}, {"tofile", "/t/new"}, {"tofile", "/t"}, {"todir", "/t"}, {"dangling", "/t"}, {"-L", "tofile", "/t/new"}, {"-L", "todir", "/t/new"}, {"-L", "dangling", "/t"},
		{"-a", "file", "/t"}, {"-a", "dir", "/t"}, {"missing", "/t"}, {"file/", "/t"}, {"file", "t/relative"}, {"file", "/t/../t/dir/../new"}, {"file", ""},
	} {
		var sights [2]sight
		for i, c := range []harness.Client{w.theirs, w.ours} {
			id := w.make(c)
			n := len(args)
			line := append(append([]string{"cp", "-q"}, args[:n-2]...), host+"/"+args[n-2], id+":"+args[n-1])
			r := c.Run(line...)
			var out bytes.Buffer
			var says bytes.Buffer
			if code := c.Stream(&out, &says, "export", id); code != 0 {
				t.Fatalf("after %q: export: %d %s", line, code, says.String())
			}
			sights[i] = sight{r.Code, said(r.Stderr), tarTree(t, out.Bytes(), "bin/")}
			c.Must("rm", id)
		}
		w.compare(fmt.Sprintf("cp %s", strings.Join(args, " CONTAINER:")), sights)
	}
}

func TestChangesExportsAndCommitsAreDockers(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	script := fixture + `; rm -r /root; mkdir /root; echo x >/root/new; echo hi >>/etc/passwd; rm /bin/wc; mkdir /data2; rm -rf /data2; chmod 700 /tmp
mv /bin/vi /bin/vim; echo replaced >/bin/od; rmdir /var 2>/dev/null; mkdir -p /var/lib/x; ln -s x /etc/link; echo 1 >/v/in-the-volume`
	var diffs, exports, layers, configs [2]string
	for i, c := range []harness.Client{w.theirs, w.ours} {
		id := c.Must("create", "--net", "none", "-v", "/v", "-e", "A=1", "-l", "own=1", "--expose", "80", "-w", "/work", "--user", "0", "busybox", "sh", "-c", script)
		c.Must("start", "-a", id)
		lines := strings.Split(c.Must("diff", id), "\n")
		slices.Sort(lines)
		diffs[i] = strings.Join(lines, "\n")
		var out bytes.Buffer
		if code := c.Stream(&out, io.Discard, "export", id); code != 0 {
			t.Fatal(code)
		}
		exports[i] = tarTree(t, out.Bytes(), "bin/busybox")
		img := c.Must("commit", "-a", "me <m@x>", "-m", "what was done", "-c", "ENV B=2 A=$A-3", "-c", `CMD ["x","y"]`, "-c", "LABEL l=2", "-c", "EXPOSE 81/udp", "-c", "VOLUME /w",
			"-c", "ONBUILD RUN true", "-c", "WORKDIR sub", "-c", "USER 5", "-c", "HEALTHCHECK --interval=5s --retries=2 CMD true", "-c", `ENTRYPOINT ["/e"]`, id, "made:one")
		again := c.Must("create", "--net", "none", "--entrypoint", "true", "made:one")
		out.Reset()
		if code := c.Stream(&out, io.Discard, "export", again); code != 0 {
			t.Fatal(code)
		}
		layers[i] = tarTree(t, out.Bytes(), "bin/busybox", "work/") // a working directory is made by the start
		configs[i] = inspected(t, c.Must("image", "inspect", img))
		c.Must("rm", again, id)
		c.Must("run", "--rm", "--net", "none", "--user", "0", "--entrypoint", "sh", "made:one", "-c", "cat /root/new /etc/passwd; ! test -e /bin/wc; ! test -e /v/in-the-volume")
	}
	w.compare("diff", [2]sight{{tree: diffs[0]}, {tree: diffs[1]}})
	w.compare("export", [2]sight{{tree: exports[0]}, {tree: exports[1]}})
	w.compare("export of the committed", [2]sight{{tree: layers[0]}, {tree: layers[1]}})
	w.compare("inspect", [2]sight{{tree: configs[0]}, {tree: configs[1]}})
}

// inspected is what of an image's inspect does not depend on how images are kept.
func inspected(t *testing.T, text string) string {
	t.Helper()
	var list []struct {
		RepoTags                          []string
		Comment, Author, Architecture, Os string
		RootFS                            struct{ Layers []string }
		Config                            map[string]any
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v %s", err, text)
	}
	img := list[0]
	out := []string{fmt.Sprint(img.RepoTags, img.Comment, img.Author, img.Architecture, img.Os, len(img.RootFS.Layers))}
	for _, key := range []string{"Env", "Cmd", "Entrypoint", "Labels", "ExposedPorts", "Volumes", "OnBuild", "StopSignal", "WorkingDir", "User", "Healthcheck"} {
		b, err := json.Marshal(img.Config[key])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, key+" "+string(b))
	}
	return strings.Join(out, "\n")
}

// TestRunningContainersAndTheirMountsAreSeenAsByDocker covers: "/proc, /sys, /dev and tmpfs content not
// reachable", "read-only root or volume: 400".
func TestRunningContainersAndTheirMountsAreSeenAsByDocker(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	base := t.TempDir()
	var ids [2]string
	for i, c := range []harness.Client{w.theirs, w.ours} {
		bound := filepath.Join(base, "host"+fmt.Sprint(i))
		for _, err := range []error{os.MkdirAll(bound+"/sub", 0o755), os.WriteFile(bound+"/b", []byte("bound"), 0o644), os.Chtimes(bound+"/b", fixedTime(), fixedTime())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		ids[i] = c.Must("run", "-d", "--net", "none", "-v", "/v", "-v", "roseen:/ro:ro", "-v", bound+":/b", "-v", bound+":/bro:ro", "-v", bound+"/b:/etc/one", "--tmpfs", "/m", "busybox", "sh", "-c",
			"echo in the volume >/v/f; echo in memory >/m/f; echo own >/own; touch -d @1000000000 /v/f /own; sleep 10000")
		harness.Eventually(t, "the container has written its files", func() error {
			if r := c.Run("exec", ids[i], "cat", "/own"); r.Stdout != "own\n" {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
	}
	for _, name := range []string{"/own", "/v", "/v/f", "/b/b", "/b/.", "/bro/b", "/etc/one", "/ro", "/m", "/m/f", "/dev/null", "/proc/self", "/proc/.", "/sys/kernel"} {
		var sights [2]sight
		for i, c := range []harness.Client{w.theirs, w.ours} {
			host := filepath.Join(t.TempDir(), "host"+fmt.Sprint(i))
			if err := os.Mkdir(host, 0o755); err != nil {
				t.Fatal(err)
			}
			r := c.Run("cp", "-q", ids[i]+":"+name, host)
			sights[i] = sight{r.Code, said(r.Stderr), hostTree(t, host)}
		}
		w.compare("cp CONTAINER:"+name, sights)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"/", "/v", "/v/f", "/b", "/b/sub", "/bro", "/bro/sub", "/ro", "/ro/x", "/m", "/m/x", "/proc", "/proc/x", "/dev", "/etc/one", "/etc/hosts"} {
		var sights [2]sight
		for i, c := range []harness.Client{w.theirs, w.ours} {
			r := c.Run("cp", "-q", file, ids[i]+":"+to)
			sees := c.Run("exec", ids[i], "sh", "-c", "cat /file /v/* /b/* /b/sub/* /ro/* /m/* /etc/one 2>/dev/null")
			sights[i] = sight{r.Code, said(r.Stderr), sees.Stdout}
		}
		w.compare("cp file CONTAINER:"+to, sights)
	}
	w.readOnlyRoot(file)
}

func (w twins) readOnlyRoot(file string) {
	w.t.Helper()
	for _, to := range []string{"/", "/tmp", "/v", "/tmp/x"} {
		var sights [2]sight
		for i, c := range []harness.Client{w.theirs, w.ours} {
			id := c.Must("run", "-d", "--net", "none", "--read-only", "-v", "/v", "busybox", "sleep", "10000")
			r := c.Run("cp", "-q", file, id+":"+to)
			sights[i] = sight{r.Code, said(r.Stderr), c.Run("exec", id, "sh", "-c", "ls /v /tmp /file").Stdout}
			c.Must("rm", "-f", id)
		}
		w.compare("cp file READ-ONLY:"+to, sights)
	}
}

func TestRequestsForFilesAreAnsweredAsByDocker(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	var ids [2]string
	for i, c := range []harness.Client{w.theirs, w.ours} {
		ids[i] = w.make(c)
	}
	for _, req := range []string{
		"GET /containers/{id}/archive", "GET /containers/{id}/archive?path=", "GET /containers/{id}/archive?path=/missing", "GET /containers/missing/archive?path=/", "GET /containers/{id}/archive?path=/t/file/x", "GET /containers/{id}/archive?path=/t/file/",
		"PUT /containers/{id}/archive", "PUT /containers/{id}/archive?path=/missing", "PUT /containers/missing/archive?path=/", "PUT /containers/{id}/archive?path=/t", "PUT /containers/{id}/archive?path=/t/todir",
		"GET /containers/missing/export", "GET /containers/missing/changes", "POST /commit", "POST /commit?container=missing",
	} {
		method, path, _ := strings.Cut(req, " ")
		var got [2]string
		for i, p := range w.places {
			a := p.Ask(t, method, "/v1.41"+strings.ReplaceAll(path, "{id}", ids[i]), "")
			got[i] = fmt.Sprint(a.Status, " ", said(a.Body))
		}
		w.compare(req, [2]sight{{says: got[0]}, {says: got[1]}})
	}
	for _, name := range []string{"/", "/t", "/t/", "/t/.", "/t/file", "/t/tofile", "/t/todir", "/t/abs", "/t/dangling", "/t/deepdangling", "/t/dir/null", "/t/dir/fifo", "/t/dir/sub"} {
		var got [2]string
		for i, p := range w.places {
			resp, err := p.HTTP().Head("http://engine/v1.41/containers/" + ids[i] + "/archive?path=" + name)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			text, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Docker-Container-Path-Stat"))
			if err != nil {
				t.Fatal(err)
			}
			got[i] = regexp.MustCompile(`"(mtime":"20[^"]*"|size":4096)`).ReplaceAllString(string(text), "") // of what was made just now, and of directories
		}
		w.compare("HEAD "+name, [2]sight{{says: got[0]}, {says: got[1]}})
	}
}

func TestCopiesAndCommitsAreToldOfAsByDocker(t *testing.T) {
	t.Parallel()
	w := startTwins(t)
	var told [2]string
	for i, c := range []harness.Client{w.theirs, w.ours} {
		since := fmt.Sprint(time.Now().Unix())
		id := c.Must("create", "--net", "none", "--name", "told", "busybox", "true")
		host := t.TempDir()
		c.Must("cp", "-q", id+":/bin/busybox", host)
		c.Must("cp", "-q", host+"/busybox", id+":/copied")
		c.Must("diff", id)
		var out bytes.Buffer
		c.Stream(&out, io.Discard, "export", id)
		img := c.Must("commit", "-m", "why", id, "told:one")
		text := c.Must("events", "--since", since, "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "type=container", "--format", "{{.Type}} {{.Action}} {{json .Actor.Attributes}}")
		told[i] = said(strings.ReplaceAll(text, img, "IMAGE"))
		told[i] = regexp.MustCompile(`sha256:ID`).ReplaceAllString(told[i], "IMAGE")
		c.Must("rm", id)
		c.Must("run", "--rm", "--net", "none", "told:one", "test", "-x", "/copied") // the image outlives its container
	}
	w.compare("events", [2]sight{{tree: told[0]}, {tree: told[1]}})
}

// TestADaemonThatIsKilledInTheMiddleOfACopyOrACommitLeavesNothing kills it while an archive comes in, one goes
// out, and a layer is being read; what the harness finds on the host afterwards fails the test.
func TestADaemonThatIsKilledInTheMiddleOfACopyOrACommitLeavesNothing(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "docker")
	d.Busybox()
	id := c.Must("run", "-d", "--net", "none", "-v", "/v", "busybox", "sh", "-c", "echo old >/f; dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null; echo ready; sleep 10000")
	harness.Eventually(t, "it is ready", func() error {
		if got := c.Run("logs", id).Stdout; got != "ready\n" {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	images := c.Must("images", "-aq")
	r, w := io.Pipe()
	ended := make(chan struct{}, 3)
	ask := func(method, path string, body io.Reader) *http.Response {
		req, err := http.NewRequest(method, "http://engine"+path, body)
		if err != nil {
			t.Error(err)
			return nil
		}
		resp, _ := d.HTTP().Do(req) // the daemon is killed
		return resp
	}
	go func() {
		defer func() { ended <- struct{}{} }()
		ask("PUT", "/containers/"+id+"/archive?path=/", r)
	}()
	out := ask("GET", "/containers/"+id+"/archive?path=/big", nil)
	if out == nil {
		t.Fatal("no answer")
	}
	defer out.Body.Close()
	if _, err := io.ReadFull(out.Body, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(w)
	if err := tw.WriteHeader(&tar.Header{Name: "f", Size: 64 << 20, Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(make([]byte, 1<<20)); err != nil { // it has been taken in when this returns, but for a buffer
		t.Fatal(err)
	}
	committed := make(chan struct{})
	go func() {
		defer func() { close(committed); ended <- struct{}{} }()
		ask("POST", "/commit?container="+id+"&repo=half", nil)
	}()
	harness.Eventually(t, "the commit has begun", func() error {
		select {
		case <-committed: // so fast that nobody saw it
			return nil
		default:
		}
		if got := c.Run("inspect", "-f", "{{.State.Status}}", id).Stdout; got != "paused\n" {
			return fmt.Errorf("the container is %s", got)
		}
		return nil
	})
	d.Kill9()
	w.Close()
	<-ended
	<-ended
	d.StartAgain()
	harness.Eventually(t, "the container runs on", func() error {
		if r := c.Run("exec", id, "cat", "/f"); r.Stdout != "old\n" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	if c.Must("images", "-aq") != images { // the commit was faster than the kill: then its image is whole
		c.Prints("old", "run", "--rm", "half", "cat", "/f")
		c.Must("rmi", "half")
	}
	if got := c.Must("images", "-aq"); got != images {
		t.Errorf("there are the images %s, and there were %s", got, images)
	}
	c.Must("cp", "-q", id+":/f", t.TempDir())
}
