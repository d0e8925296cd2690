package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/listen"
)

// fake is every service at once. Each function field may be replaced by a test.
type fake struct {
	mu         sync.Mutex
	calls      []string
	created    config.CreateRequest
	containers []container.Container
	images     []image.Image
	failWith   error
	attach     func(context.Context, container.AttachOptions) error
	logs       func(context.Context, container.LogOptions) error
	exec       func(context.Context, execs.StartOptions) error
	wait       chan container.WaitResult
	execMade   record.ExecConfig
	imported   image.ImportOptions
	body       string
	stop       container.StopOptions
	log        *event.Log
}

func (f *fake) note(words ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.Join(words, " "))
	return f.failWith
}

func (f *fake) seen() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, "; ")
}

func (f *fake) Create(_ context.Context, req config.CreateRequest) (container.CreateResult, error) {
	err := f.note("create", req.Name)
	f.created = req
	return container.CreateResult{ID: "c1"}, err
}

func (f *fake) Get(ref string) (container.Container, error) {
	for _, c := range f.containers {
		if c.Name == ref || c.ID == ref {
			return c, nil
		}
	}
	return container.Container{}, fault.New(fault.NotFound, "No such container: %s", ref)
}

func (f *fake) List() []container.Container                   { return f.containers }
func (f *fake) Start(_ context.Context, ref string) error     { return f.note("start", ref) }
func (f *fake) Kill(_ context.Context, ref, sig string) error { return f.note("kill", ref, sig) }
func (f *fake) Stop(_ context.Context, ref string, o container.StopOptions) error {
	f.stop = o
	return f.note("stop", ref)
}

func (f *fake) Remove(_ context.Context, ref string, o container.RemoveOptions) error {
	words := []string{"remove", ref}
	if o.Force {
		words = append(words, "force")
	}
	if o.Volumes {
		words = append(words, "volumes")
	}
	return f.note(words...)
}

func (f *fake) Wait(_ context.Context, ref string, cond container.WaitCondition) (<-chan container.WaitResult, error) {
	return f.wait, f.note("wait", ref, string(cond))
}

func (f *fake) Attach(ctx context.Context, ref string, o container.AttachOptions) error {
	if err := f.note("attach", ref); err != nil {
		return err
	}
	return f.attach(ctx, o)
}

func (f *fake) Logs(ctx context.Context, ref string, o container.LogOptions) error {
	if err := f.note("logs", ref); err != nil {
		return err
	}
	return f.logs(ctx, o)
}

func (f *fake) Resize(_ context.Context, ref string, h, w uint) error {
	if h != 24 || w != 80 {
		return fault.New(fault.Invalid, "size")
	}
	return f.note("resize", ref)
}

func (f *fake) ExecCreate(_ context.Context, ref string, cfg record.ExecConfig) (string, error) {
	f.execMade = cfg
	return "e1", f.note("exec create", ref)
}

func (f *fake) ExecStart(ctx context.Context, id string, o execs.StartOptions) error {
	if err := f.note("exec start", id); err != nil || o.Detach {
		return err
	}
	return f.exec(ctx, o)
}

func (f *fake) ExecInspect(id string) (execs.Exec, error) {
	code := 3
	return execs.Exec{ID: id, ContainerID: "c1", ExitCode: &code, Config: record.ExecConfig{Cmd: []string{"sh", "-c"}}}, nil
}

func (f *fake) ExecResize(ctx context.Context, id string, h, w uint) error {
	return f.Resize(ctx, "exec "+id, h, w)
}

func (f *fake) Host() Host {
	return Host{ID: "id", Name: "host", NCPU: 2, MemTotal: 1 << 30, KernelVersion: "6.18", CgroupVersion: "2",
		Components: []Component{{Name: "keeper", Version: "1"}}}
}

// fakeImages is apart because its Get, List and Remove have the names of Containers'.
type fakeImages struct{ *fake }

func (f fakeImages) Get(_ context.Context, ref string) (image.Image, error) {
	for _, i := range f.images {
		if i.ID.String() == ref {
			return i, nil
		}
		for _, n := range i.Names {
			if strings.HasSuffix(n, ref) || strings.HasSuffix(n, ref+":latest") {
				return i, nil
			}
		}
	}
	return image.Image{}, fault.New(fault.NotFound, "No such image: %s", ref)
}

func (f fakeImages) List(context.Context) ([]image.Image, error) { return f.images, f.failWith }

func (f fakeImages) Load(_ context.Context, r io.Reader, opts image.LoadOptions) ([]string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f.body = string(b)
	if err := f.note("load"); err != nil {
		return nil, err
	}
	if opts.Progress != nil {
		opts.Progress("Unpacked sha256:1")
	}
	if f.body == "half" {
		return nil, fault.New(fault.Invalid, "invalid image archive: unexpected EOF")
	}
	return []string{"Loaded image: x:latest"}, nil
}

func (f fakeImages) Import(_ context.Context, r io.Reader, o image.ImportOptions) (image.Image, error) {
	b, _ := io.ReadAll(r)
	f.body, f.imported = string(b), o
	return image.Image{ID: "sha256:abc"}, f.note("import")
}

func (f fakeImages) Tag(_ context.Context, src, target string) error {
	return f.note("tag", src, target)
}

func (f fakeImages) Remove(_ context.Context, ref string, o image.RemoveOptions) ([]image.Removal, error) {
	for _, u := range o.InUse("sha256:img") {
		_ = f.note("used by", u.ContainerID)
	}
	return []image.Removal{{Untagged: "x:latest"}, {Deleted: "sha256:img"}}, f.note("remove image", ref)
}

// start serves a fake on a unix socket and returns the socket's path.
func start(t testing.TB, f *fake) string {
	t.Helper()
	s := newServer(f)
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := listen.Open("unix://"+path, listen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
		<-served
	})
	return path
}

func newServer(f *fake) *Server {
	return New(Config{Containers: f, Changes: fakeChanges{f}, Streams: f, Execs: f, Images: fakeImages{f}, ImageStore: fakeStore{f}, Transfers: fakeTransfers{f}, System: f, Events: f, VolumeDir: func(n string) string { return "/v/" + n + "/_data" }, Version: "0.1.0"})
}

// ask makes one request without a connection.
func ask(f *fake, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	newServer(f).Handler().ServeHTTP(w, r)
	return w
}

func dial(t testing.TB, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	return conn
}

// sample is a running container with a bit of everything.
func sample() container.Container {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return container.Container{
		ID: strings.Repeat("ab", 32), Name: "web", Created: at, ImageID: "sha256:img", State: container.Running, Driver: "overlayfs",
		Path: "nginx", Args: []string{"-g", "daemon off;"},
		Config: config.Config{Image: "x", Labels: map[string]string{"a": "1", "b": ""}, ExposedPorts: []string{"443/tcp", "80/tcp"}, Cmd: []string{"nginx"}},
		HostConfig: config.HostConfig{Binds: []string{"/src:/dst:ro"}, NetworkMode: "default",
			Mounts:       []config.Mount{{Type: "bind", Source: "/src", Target: "/dst", ReadOnly: true}, {Type: "volume", Source: "data", Target: "/data"}},
			PortBindings: []config.PortBinding{{Port: 80, Proto: "tcp"}}},
		Run: container.Run{Pid: 42, Started: at},
		Endpoints: []container.Endpoint{{Network: "bridge", NetworkID: "n1", EndpointID: "ep", MAC: "02:42:ac:11:00:02",
			Address: netip.MustParsePrefix("172.17.0.2/16"), Gateway: netip.MustParseAddr("172.17.0.1"),
			Ports: []config.PortBinding{{Port: 80, Proto: "tcp", HostPort: 32768}}}},
	}
}

func sampleImage() image.Image {
	return image.Image{ID: digest.FromString("i"), Names: []string{"docker.io/library/x:latest"}, Created: time.Unix(1e9, 0), Size: 5,
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, DiffIDs: []digest.Digest{digest.FromString("l")}}
}
