package container

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/netns"
	"berth/internal/state"
	"berth/internal/volume"
)

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// engine is a Service over a real keeper, real control groups and a real
// store, with an image, networks and volumes of the test's own.
type engine struct {
	*Service
	t       *testing.T
	dir     string
	keeper  *keeper.Client
	held    atomic.Pointer[keeper.Client] // what the service sees of it
	store   *state.Store
	events  *event.Log
	net     *fakeNetworks
	cgroups cgroup.Hierarchy
	parent  string
	warm    int  // how many sandboxes wait; from the next boot on
	init    bool // what the daemon has by default
	mu      sync.Mutex
	warned  []string
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	cgroups, err := cgroup.Detect()
	if err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "berth") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := make([]byte, 4)
	rand.Read(b)
	e := &engine{t: t, dir: dir, cgroups: cgroups, parent: "/berth-test-" + hex.EncodeToString(b), net: &fakeNetworks{live: map[string]bool{}}}
	for _, d := range []string{"containers", "exec/exits", "exec/spool", "exec/rootfs", "volumes"} {
		e.must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	makeRoot(t, filepath.Join(dir, "image"))
	e.boot()
	t.Cleanup(e.end)
	return e
}

func (e *engine) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// boot starts a daemon's life: over the store and the keeper of the one before.
func (e *engine) boot() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	e.store, err = state.Open(e.dir + "/state.db")
	e.must(err)
	e.keeper, err = keeper.Ensure(ctx, e.dir+"/exec", keeperProgram(e.t))
	e.must(err)
	client := e.keeper
	e.held.Store(client)
	e.events, err = event.Open(e.dir+"/events", e.warn)
	e.must(err)
	volumes, err := volume.Open(e.dir + "/volumes")
	e.must(err)
	e.Service = New(Deps{Store: e.store, Events: e.events, Deps: provision.Deps{
		Images: fakeImages{e.dir + "/image"}, Networks: e.net, NetFiles: e.net, Volumes: testVolumes{volumes},
		Keeper:  func() (*keeper.Client, error) { return e.held.Load(), nil },
		Cgroups: e.cgroups, Warn: e.warn, Publish: e.events.Publish, Warm: e.warm, Init: e.init,
		Paths: Paths{Data: e.dir + "/containers", Exec: e.dir + "/exec", CgroupParent: e.parent},
	}})
	e.must(e.Recover(ctx, client))
	go (Ends{e.Service}).Follow(client)
}

// crash ends a daemon's life as kill -9 does.
func (e *engine) crash() {
	e.store.Close() // the file lock goes with a process, and so do its readers
	for _, c := range e.index.All() {
		c.hub.Interrupt()
		c.hub.WaitDone(patience)
	}
	e.keeper.Close()
}

// shutDown ends a daemon's life in order.
func (e *engine) shutDown() (running bool) {
	running = e.Service.Close()
	e.keeper.Close()
	e.must(e.store.Close())
	return running
}

func (e *engine) warn(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.warned = append(e.warned, fmt.Sprintf(format, args...))
}

// end removes everything and looks whether anything is left.
func (e *engine) end() {
	for _, c := range e.List() {
		if err := e.Remove(context.Background(), c.ID, RemoveOptions{Force: true, Volumes: true}); err != nil {
			e.t.Errorf("remove %s: %v", c.Name, err)
		}
	}
	e.eventually("the keeper has forgotten all", func() error {
		procs, err := e.keeper.List(context.Background())
		if err == nil && len(procs) > 0 {
			err = fmt.Errorf("%+v", procs)
		}
		return err
	})
	pid := e.keeper.Pid()
	e.shutDown()
	unix.Kill(pid, unix.SIGTERM)
	e.eventually("the keeper has left", func() error {
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	for _, dir := range []string{"containers", "containers/.trash", "exec/exits", "exec/spool", "volumes"} {
		left, _ := os.ReadDir(filepath.Join(e.dir, dir))
		for _, l := range left {
			if l.Name() != ".trash" {
				e.t.Errorf("left behind: %s/%s", dir, l.Name())
			}
		}
	}
	if left := e.net.left(); len(left) > 0 {
		e.t.Errorf("endpoints left: %v", left)
	}
	if g, err := e.cgroups.Open(e.parent); err == nil {
		if procs, _ := g.Procs(); len(procs) > 0 {
			e.t.Errorf("processes left: %v", procs)
		}
		e.must(g.Remove(context.Background()))
	}
	for _, w := range e.warned {
		e.t.Errorf("warned: %s", w)
	}
}

// quiet forgets the warnings so far, which a test has brought about.
func (e *engine) quiet() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.warned = nil
}

func (e *engine) eventually(what string, f func() error) {
	e.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	e.t.Fatalf("waited in vain until %s: %v", what, err)
}

// create makes a container that runs a shell script.
func (e *engine) create(script string, change ...func(*config.CreateRequest)) string {
	e.t.Helper()
	req := config.CreateRequest{Config: config.Config{Image: "busybox", Cmd: []string{"sh", "-c", script}}, HostConfig: config.HostConfig{NetworkMode: "none"}}
	for _, f := range change {
		f(&req)
	}
	r, err := e.Create(context.Background(), req)
	e.must(err)
	return r.ID
}

func (e *engine) start(id string) {
	e.t.Helper()
	e.must(e.Start(context.Background(), id))
}

// result waits for a condition that is registered already.
func (e *engine) result(c <-chan WaitResult) WaitResult {
	e.t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(patience):
		e.t.Fatal("the wait has no end")
	}
	panic("not reached")
}

func (e *engine) wait(id string, cond WaitCondition) int {
	e.t.Helper()
	c, err := e.Wait(context.Background(), id, cond)
	e.must(err)
	return e.result(c).Code
}

func (e *engine) logs(id string) string {
	e.t.Helper()
	var out bytes.Buffer
	e.must((Streams{e.Service}).Logs(context.Background(), id, LogOptions{Stdout: true, Stderr: true, Tail: -1, Open: writes(&out, &out)}))
	return out.String()
}

func (e *engine) logged(id, want string) {
	e.t.Helper()
	e.eventually("the log has "+want, func() error {
		if got := e.logs(id); !strings.Contains(got, want) {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

func (e *engine) exec(id string, cmd ...string) (int, string, error) {
	e.t.Helper()
	x, err := e.Execs().ExecCreate(context.Background(), id, record.ExecConfig{Cmd: cmd, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return 0, "", err
	}
	var out syncBuffer
	if err := e.Execs().ExecStart(context.Background(), x, execs.StartOptions{Open: writes(&out, &out)}); err != nil {
		return 0, out.String(), err
	}
	in, err := e.Execs().ExecInspect(x)
	if err != nil || in.ExitCode == nil {
		return 0, out.String(), fmt.Errorf("%+v, %w", in, errors.Join(err, errors.New("no exit code")))
	}
	return *in.ExitCode, out.String(), nil
}

func writes(out, errs io.Writer) stdio.Opener {
	return func(bool) (io.Reader, io.Writer, io.Writer, error) { return nil, out, errs, nil }
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var buildKeeper = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "berth-keeper")
	if err != nil {
		return "", err
	}
	built := exec.Command("go", "build", "-o", dir+"/berth-keeper", "berth/cmd/berth-keeper")
	built.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := built.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir + "/berth-keeper", nil
})

// keeperProgram is the keeper from BERTH_TEST_BIN, where there is no compiler,
// or one that is made here.
func keeperProgram(t *testing.T) string {
	if dir := os.Getenv("BERTH_TEST_BIN"); dir != "" {
		return filepath.Join(dir, "berth-keeper")
	}
	path, err := buildKeeper()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("BERTH_TEST_BIN") == "" {
		if path, err := buildKeeper(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

// makeRoot makes the image's only layer: busybox and what it needs.
func makeRoot(t *testing.T, root string) {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("needs busybox-static: ", err)
	}
	for _, d := range []string{"bin", "etc", "dev", "proc", "sys", "tmp", "data", "root"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(root+"/bin/busybox", busybox, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, applet := range strings.Fields("sh date true false sleep cat echo id ls kill touch stty head seq yes dd env mount sync") {
		if err := os.Symlink("busybox", root+"/bin/"+applet); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", "etc/group": "root:x:0:\nuser:x:1000:\n",
		"data/seed": "from the image\n", "plain": "not a program\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type fakeImages struct{ root string }

func (f fakeImages) Resolve(_ context.Context, ref, _ string) (config.Image, error) {
	if ref != "busybox" {
		return config.Image{}, fault.New(fault.NotFound, "No such image: %s", ref)
	}
	return config.Image{ID: "sha256:1", Env: []string{"IMAGE=1"}, Cmd: []string{"sh"}}, nil
}

func (f fakeImages) Layers(context.Context, string) ([]string, error) { return []string{f.root}, nil }

// fakeNetworks gives empty namespaces and keeps account of the endpoints.
type fakeNetworks struct {
	mu     sync.Mutex
	next   int
	live   map[string]bool
	refuse error
	full   bool   // only kept places are left
	server string // of names; "" is 8.8.8.8
}

// fakePlace is a namespace that waits.
type fakePlace struct{ ns *os.File }

func (p fakePlace) NetNS() *os.File { return p.ns }
func (p fakePlace) Release()        { p.ns.Close() }

func (p fakePlace) Endpoint() Endpoint {
	return Endpoint{Network: "bridge", Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 16)}
}

func (f *fakeNetworks) Reserve(ctx context.Context) (Place, error) {
	f.mu.Lock()
	full := f.full
	f.mu.Unlock()
	if full {
		return nil, fault.New(fault.Unavailable, "no available IPv4 addresses")
	}
	ns, err := f.ConnectNone(ctx)
	return fakePlace{ns}, err
}

func (f *fakeNetworks) Connect(ctx context.Context, c Container, w Wish) (*Connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	var ns *os.File
	var err error
	if w.At != nil {
		ns = w.At.NetNS()
	} else if f.full {
		return nil, fault.New(fault.Unavailable, "no available IPv4 addresses")
	} else if ns, err = f.ConnectNone(ctx); err != nil {
		return nil, err
	}
	f.next++
	id := fmt.Sprintf("endpoint%d", f.next)
	f.live[id] = true
	conn := &Connection{ID: c.ID, Name: c.Name, NetNS: ns, Endpoints: []Endpoint{{
		Network: "bridge", EndpointID: id, Ports: w.Ports,
		Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(f.next >> 8), byte(f.next)}), 16),
	}}}
	return conn, nil
}

func (f *fakeNetworks) Find(ref string) (id, name string, leadsOut bool, err error) {
	return "", "", false, fault.New(fault.NotFound, "network %s not found", ref)
}

func (f *fakeNetworks) Lead(*os.File, Endpoint) error { return nil }

func (f *fakeNetworks) ConnectNone(context.Context) (*os.File, error) {
	return netns.New(func(*os.File) error { return netns.Loopback() })
}

func (f *fakeNetworks) Disconnect(_ context.Context, ep Endpoint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.live[ep.EndpointID] {
		return fault.New(fault.NotFound, "endpoint %s not found", ep.EndpointID)
	}
	delete(f.live, ep.EndpointID)
	return nil
}

func (f *fakeNetworks) Unplug(ctx context.Context, ep Endpoint) error { return f.Disconnect(ctx, ep) }

func (f *fakeNetworks) Restore(_ context.Context, running []Connection) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.live)
	for _, c := range running {
		f.live[c.Endpoints[0].EndpointID] = true
		for _, h := range c.Holds {
			h.Close()
		}
	}
	return nil
}

func (f *fakeNetworks) left() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.live {
		ids = append(ids, id)
	}
	return ids
}

func (f *fakeNetworks) ResolvConf(config.HostConfig) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []byte("nameserver " + cmp.Or(f.server, "8.8.8.8") + "\n"), nil
}

func (f *fakeNetworks) Hosts(config.HostConfig, []Endpoint, ...string) ([]byte, error) {
	return []byte("127.0.0.1 localhost\n"), nil
}

// testVolumes are real ones, made for mounts.
type testVolumes struct{ *volume.Service }

func (v testVolumes) Protected(name string) bool {
	is, err := v.Get(name)
	return err == nil && is.Protected()
}

func (v testVolumes) Claim(m config.Mount, container string) (provision.Claimed, error) {
	made, fresh, err := v.Service.Claim(volume.Request{Name: m.Source}, container)
	return provision.Claimed{Name: made.Name, Fresh: fresh}, err
}
