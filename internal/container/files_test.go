package container

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/archive"
	"berth/internal/container/config"
	"berth/internal/container/files"
	"berth/internal/fault"
)

// out is what a copy out of a container holds: names and contents of files.
func (e *engine) out(id, name string) (string, error) {
	e.t.Helper()
	var b bytes.Buffer
	err := Files(e.Service).CopyOut(context.Background(), id, name, func(archive.Stat) (io.Writer, error) { return &b, nil })
	return e.listed(b.Bytes()), err
}

func (e *engine) listed(stream []byte) string {
	e.t.Helper()
	var list []string
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(list, " ")
		}
		e.must(err)
		text, err := io.ReadAll(r)
		e.must(err)
		line := h.Name
		if h.Typeflag == tar.TypeReg {
			line += "=" + strings.TrimSpace(string(text))
		}
		list = append(list, line)
	}
}

// in copies one file into a directory of a container.
func (e *engine) in(id, dir, name, text string) error {
	e.t.Helper()
	return Files(e.Service).CopyIn(context.Background(), id, dir, bytes.NewReader(e.tarOf(name, text)), files.CopyInOptions{})
}

func (e *engine) tarOf(name, text string) []byte {
	e.t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	e.must(w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg, Uid: 7, Gid: 8}))
	_, err := io.WriteString(w, text)
	e.must(err)
	e.must(w.Close())
	return b.Bytes()
}

// unseen waits until nobody holds a view.
func (e *engine) unseen(id string) {
	e.t.Helper()
	x, err := e.index.Find(id)
	e.must(err)
	x.views.End(0)
}

// noVolume removes what volume the containers had, with the containers.
func (e *engine) noVolume() {
	e.t.Helper()
	e.must(e.removeAll())
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

// everyMount gives a container a volume, a bind mount of a directory and of a file, all of which may be
// read-only, and a tmpfs.
func everyMount(e *engine, readOnly bool) func(*config.CreateRequest) {
	e.must(os.MkdirAll(e.dir+"/bound/sub", 0o755))
	e.must(os.WriteFile(e.dir+"/bound/b", []byte("bound"), 0o644))
	e.must(os.WriteFile(e.dir+"/onefile", []byte("one"), 0o644))
	return func(r *config.CreateRequest) {
		r.HostConfig.Mounts = []config.Mount{
			{Type: "volume", Source: "shared", Target: "/v", ReadOnly: readOnly}, {Type: "bind", Source: e.dir + "/bound", Target: "/b", ReadOnly: readOnly},
			{Type: "bind", Source: e.dir + "/onefile", Target: "/etc/one", ReadOnly: readOnly}, {Type: "tmpfs", Target: "/memory"},
		}
	}
}

func TestFilesAreCopiedOfARunningContainerAsItSeesThemButForWhatIsInMemory(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create("echo volume >/v/f; echo secret >/memory/f; echo own >/own; echo up; sleep 1000", everyMount(e, false))
	e.start(id)
	e.logged(id, "up")
	check := func(when string) {
		t.Helper()
		for name, want := range map[string]string{"/own": "own=own", "/v": "v/ v/f=volume", "/b/b": "b=bound", "/etc/one": "one=one", "/memory": "memory/", "/proc": "proc/", "/dev": "dev/", "/sys/.": "./"} {
			if got, err := e.out(id, name); got != want || err != nil {
				t.Errorf("%s: %s: %s %v", when, name, got, err)
			}
		}
		if got, err := e.out(id, "/etc/hostname"); !strings.HasPrefix(got, "hostname="+id[:12]) || err != nil {
			t.Errorf("%s: %s %v", when, got, err)
		}
	}
	check("running")
	for _, dir := range []string{"/v", "/b/sub", "/new"} {
		if dir == "/new" {
			if err := e.in(id, dir, "f", "x"); !fault.Is(err, fault.NotFound) || err.Error() != "Could not find the file /new in container "+id {
				t.Error(err)
			}
			continue
		}
		e.must(e.in(id, dir, "copied", "came in"))
	}
	e.must(e.in(id, "/", "copied", "came in"))
	if code, text, err := e.exec(id, "sh", "-c", "cat /v/copied /b/sub/copied /copied; rm /v/copied /b/sub/copied /copied; stat -c %u:%g /own"); code != 0 || strings.Count(text, "came in") != 3 || err != nil {
		t.Errorf("the container sees %d %q %v", code, text, err)
	}
	e.crash()
	e.boot()
	check("of another daemon")
	e.must(e.Stop(context.Background(), id, StopOptions{Timeout: new(int)}))
	e.becomes(id, Exited)
	check("stopped")
	e.must(e.in(id, "/", "copied", "while stopped"))
	e.start(id)
	if code, text, err := e.exec(id, "cat", "/copied"); code != 0 || text != "while stopped" || err != nil {
		t.Errorf("it sees %q %v", text, err)
	}
	e.unseen(id)
}

func TestACopyTakesNoMountAwayFromTheContainer(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create("echo volume >/v/f; echo up; sleep 1000", everyMount(e, false))
	e.start(id)
	e.logged(id, "up")
	for at, name := range map[string]string{"/": "v", "/etc": "one", "/./": "b"} {
		if err := e.in(id, at, name, "instead"); err == nil || !strings.HasSuffix(err.Error(), "/"+name+": device or resource busy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, text, err := e.exec(id, "cat", "/v/f", "/b/b", "/etc/one"); code != 0 || text != "volume\nboundone" || err != nil {
		t.Errorf("the container sees %d %q %v", code, text, err)
	}
}

func TestWhatIsReadOnlyIsRefusedInDockersWords(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create("echo up; sleep 1000", everyMount(e, true), func(r *config.CreateRequest) { r.HostConfig.ReadonlyRootfs = true })
	for _, state := range []string{"created", "running"} {
		if state == "running" {
			e.start(id)
		}
		for dir, want := range map[string]string{
			"/": "container rootfs is marked read-only", "/etc": "container rootfs is marked read-only", "/memory": "container rootfs is marked read-only",
			"/v": "mounted volume is marked read-only", "/b/sub": "mounted volume is marked read-only", "/etc/one": "extraction point is not a directory",
		} {
			if state == "created" && dir == "/memory" {
				continue // it is made by the start
			}
			if err := e.in(id, dir, "f", "x"); !fault.Is(err, fault.Invalid) || err.Error() != want {
				t.Errorf("%s: %s: %v", state, dir, err)
			}
		}
	}
	for _, left := range []string{"/bound/f", "/bound/sub/f", "/volumes/shared/_data/f"} {
		if _, err := os.Lstat(e.dir + left); err == nil {
			t.Errorf("%s was written", left)
		}
	}
}

func TestAllThatIsCopiedInIsTheContainersUsersWhenThatIsAskedFor(t *testing.T) {
	e := newEngine(t)
	user := e.create("true", func(r *config.CreateRequest) { r.Config.User = "user" })
	none := e.create("true")
	for id, want := range map[string]string{user: "1000:1000", none: "7:8"} {
		e.must(Files(e.Service).CopyIn(context.Background(), id, "/", bytes.NewReader(e.tarOf("f", "x")), files.CopyInOptions{CopyUIDGID: true}))
		e.unseen(id)
		var b bytes.Buffer
		e.must(Files(e.Service).CopyOut(context.Background(), id, "/f", func(archive.Stat) (io.Writer, error) { return &b, nil }))
		h, err := tar.NewReader(&b).Next()
		e.must(err)
		if got := fmt.Sprintf("%d:%d", h.Uid, h.Gid); got != want {
			t.Errorf("it is of %s, want %s", got, want)
		}
	}
}

func TestAContainerThatWasGotReadySeesWhatIsCopiedIntoItBeforeItsStart(t *testing.T) {
	e := newWarmEngine(t)
	e.sandboxesWait()
	for range 5 {
		id := e.create("cat /etc/passwd /new", func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" })
		e.must(e.in(id, "/etc", "passwd", "replaced:x:0:0::/:/bin/sh\n"))
		e.must(e.in(id, "/", "new", "new\n"))
		e.start(id)
		if code := e.wait(id, WaitNotRunning); code != 0 || e.logs(id) != "replaced:x:0:0::/:/bin/sh\nnew\n" {
			t.Errorf("%d %q", code, e.logs(id))
		}
		e.must(e.Remove(context.Background(), id, RemoveOptions{}))
	}
}

// held is a client that takes the beginning of a copy and then nothing until it is let go.
type held struct{ began, letGo chan struct{} }

func (h held) Write(b []byte) (int, error) {
	select {
	case <-h.began:
	default:
		close(h.began)
	}
	<-h.letGo
	return len(b), nil
}

func TestARemovalDoesNotWaitForThoseWhoCopy(t *testing.T) {
	e := newEngine(t)
	id := e.create("dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null")
	e.start(id)
	e.wait(id, WaitNotRunning)
	slow := held{make(chan struct{}), make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- Files(e.Service).CopyOut(context.Background(), id, "/big", func(archive.Stat) (io.Writer, error) { return slow, nil })
	}()
	<-slow.began
	e.must(e.Remove(context.Background(), id, RemoveOptions{}))
	close(slow.letGo)
	if err := <-ended; !fault.Is(err, fault.Cancelled) {
		t.Errorf("the copy that was cut off ended with %v", err)
	}
	if _, err := e.out(id, "/big"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestAStartComesAfterThoseWhoCopy(t *testing.T) {
	e := newEngine(t)
	id := e.create("cat /f")
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		copied <- Files(e.Service).CopyIn(context.Background(), id, "/", r, files.CopyInOptions{})
	}()
	stream := e.tarOf("f", "whole")
	_, err := w.Write(stream[:600])
	e.must(err)
	started := make(chan error, 1)
	go func() { started <- e.Start(context.Background(), id) }()
	_, err = w.Write(stream[600:])
	e.must(err)
	w.Close()
	e.must(<-copied)
	e.must(<-started)
	if e.wait(id, WaitNotRunning); e.logs(id) != "whole" {
		t.Errorf("it saw %q", e.logs(id))
	}
}

func TestAClientThatGoesAwayInTheMiddleLeavesNothing(t *testing.T) {
	e := newEngine(t)
	id := e.create("sleep 1000")
	e.start(id)
	gone := errors.New("connection reset")
	stream := e.tarOf("f", strings.Repeat("x", 1<<20))
	err := Files(e.Service).CopyIn(context.Background(), id, "/", io.MultiReader(bytes.NewReader(stream[:1<<19]), failing{gone}), files.CopyInOptions{})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
	if got, err := e.out(id, "/f"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half a file is there: %.20s %v", got, err)
	}
	if err := Files(e.Service).CopyOut(context.Background(), id, "/bin", func(archive.Stat) (io.Writer, error) { return failing{gone}, nil }); !errors.Is(err, gone) {
		t.Error(err)
	}
	e.unseen(id)
	entries, err := os.ReadDir(filepath.Join(e.dir, "containers", id, "layer/work/work"))
	e.must(err)
	if len(entries) > 0 {
		t.Errorf("the work directory holds %v", entries)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestAHostileContainerLetsNobodyOut exchanges directories and links as fast as it can while
// files are copied in and out of it, its volumes' places among them.
func TestAHostileContainerLetsNobodyOut(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	outside := filepath.Join(e.dir, "outside")
	e.must(os.Mkdir(outside, 0o755))
	e.must(os.WriteFile(outside+"/secret", []byte("of the host"), 0o600))
	script := `mkdir -p /a/b /v/b; echo mine >/a/b/secret; echo mine >/v/b/secret; ln -s ` + outside + ` /l; ln -s ../../../../../../../..` + outside + ` /v/l; echo up
while :; do mv /a/b /a/x; mv /l /a/b; mv /a/b /l; mv /a/x /a/b; mv /v/b /v/x; mv /v/l /v/b; mv /v/b /v/l; mv /v/x /v/b; done`
	id := e.create(script, everyMount(e, false))
	e.start(id)
	e.logged(id, "up")
	mine := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		for _, name := range []string{"/a/b/secret", "/a/b/.", "/v/b/secret", "/v/b/", "/v"} {
			got, _ := e.out(id, name)
			if strings.Contains(got, "of the host") {
				t.Fatalf("%s gave a file of the host", name)
			}
			mine += strings.Count(got, "mine")
		}
		for _, dir := range []string{"/a/b", "/v/b", "/v/b/../b"} {
			_ = e.in(id, dir, "secret", "mine")
			_ = e.in(id, dir, "evil", "mine")
		}
		if _, err := Files(e.Service).StatPath(context.Background(), id, "/a/b"); err != nil && fault.Is(err, fault.Cancelled) {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(outside)
	e.must(err)
	text, err := os.ReadFile(outside + "/secret")
	if len(entries) != 1 || string(text) != "of the host" || err != nil {
		t.Errorf("outside there is %v, %q, %v", entries, text, err)
	}
	if mine == 0 {
		t.Error("the race was never won")
	}
}

// images is a store that gets a layer, and fails or waits as the test wants.
type imagesOfTest struct {
	request files.CommitRequest
	layer   bytes.Buffer
	during  func()
	err     error
}

func (i *imagesOfTest) Commit(_ context.Context, req files.CommitRequest, pack func(io.Writer) error) (files.Committed, error) {
	i.request = req
	err := pack(writerFunc(func(b []byte) (int, error) {
		if i.during != nil {
			i.during()
			i.during = nil
		}
		return i.layer.Write(b)
	}))
	return files.Committed{ID: "sha256:new", Name: "made:one"}, cmp.Or(i.err, err)
}

func (e *engine) commit(id string, store *imagesOfTest, opts files.CommitOptions) (string, error) {
	e.deps.Commits = store
	return Files(e.Service).Commit(context.Background(), id, opts)
}

func TestACommitHoldsWhatTheContainerHasWrittenAndNothingOfItsVolumes(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create("rm /data/seed; echo 1 >/v/f; echo 2 >/memory/f; echo 3 >/made", everyMount(e, false), func(r *config.CreateRequest) {
		r.Config.Labels, r.Config.Env, r.Config.ExposedPorts = map[string]string{"l": "1"}, []string{"A=b"}, []string{"80/tcp"}
	})
	e.start(id)
	e.wait(id, WaitNotRunning)
	store := &imagesOfTest{}
	if got, err := e.commit(id, store, files.CommitOptions{Repo: "made", Tag: "one", Comment: "c"}); got != "sha256:new" || err != nil {
		t.Error(got, err)
	}
	if got, want := e.listed(store.layer.Bytes()), "b/ data/ data/.wh.seed= etc/ etc/one= made=3 memory/ v/"; got != want {
		t.Errorf("the layer is %s", got)
	}
	own := store.request.Own
	if store.request.Parent != "sha256:1" || !slices.Equal(own.Env, []string{"IMAGE=1", "A=b"}) || own.Labels["l"] != "1" || len(own.ExposedPorts) != 1 || !strings.HasPrefix(store.request.CreatedBy, "sh -c rm ") {
		t.Errorf("%+v", store.request)
	}
	if got := e.told(id); !strings.HasSuffix(got, ", commit") {
		t.Errorf("it was told %s", got)
	}
	list, err := Files(e.Service).Changes(context.Background(), id)
	e.must(err)
	var text []string
	for _, c := range list {
		text = append(text, string("CAD"[c.Kind])+c.Path)
	}
	if got, want := strings.Join(text, " "), "A/b C/data D/data/seed C/etc A/etc/one A/made A/memory A/v"; got != want {
		t.Errorf("the changes are %s", got)
	}
	for _, ref := range []string{"", "nobody"} {
		if _, err := e.commit(ref, store, files.CommitOptions{}); err == nil {
			t.Errorf("%q was committed", ref)
		}
	}
}

func TestACommitPausesItsContainerAndLetsItGoOn(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create(beats, withVolume)
	e.start(id)
	e.logged(id, "up")
	store := &imagesOfTest{}
	for pause, want := range map[bool]State{true: Paused, false: Running} {
		store.during = func() {
			if c, err := e.Get(id); c.State != want || err != nil || e.isFrozen(id) != pause {
				t.Errorf("pause %t: in the middle it is %s", pause, c.State)
			}
		}
		store.err = errors.New("the disk is full")
		if _, err := e.commit(id, store, files.CommitOptions{Pause: pause}); err != store.err {
			t.Error(err)
		}
		if c, _ := e.Get(id); c.State != Running || e.isFrozen(id) {
			t.Errorf("pause %t: afterwards it is %s", pause, c.State)
		}
	}
	e.must(e.Changes().Pause(context.Background(), id))
	_, _ = e.commit(id, store, files.CommitOptions{Pause: true})
	if !e.isFrozen(id) {
		t.Error("one that its user had paused runs on")
	}
	e.must(e.Changes().Unpause(context.Background(), id))
	e.must(e.Stop(context.Background(), id, StopOptions{}))
}

func TestADaemonThatIsKilledInTheMiddleOfACommitLeavesNoContainerPaused(t *testing.T) {
	e := newEngine(t)
	defer e.noVolume()
	id := e.create(beats, withVolume)
	e.start(id)
	e.logged(id, "up")
	letGo, began, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	store := &imagesOfTest{during: func() { close(began); <-letGo }}
	go func() {
		defer close(ended)
		_, _ = e.commit(id, store, files.CommitOptions{Pause: true})
	}()
	<-began
	if !e.isFrozen(id) {
		t.Error("it is not paused")
	}
	e.crash()
	e.boot()
	if c, err := e.Get(id); c.State != Running || err != nil || e.isFrozen(id) {
		t.Errorf("it is %s, %v", c.State, err)
	}
	before := e.beat()
	e.eventually("it runs on", func() error {
		if e.beat() == before {
			return errors.New("it stands")
		}
		return nil
	})
	close(letGo)
	<-ended
}
