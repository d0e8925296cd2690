package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/access"
	"berth/internal/registry/mirror"
	"berth/internal/registry/observe"
	"berth/internal/registry/store"
)

// stopping is how long requests have to end when the registry ends.
const stopping = 10 * time.Second

// process is a registry that runs.
type process struct {
	Options
	store   *store.Store
	rules   *rules
	guard   *access.Guard // nil: everybody may do everything
	metrics *observe.Metrics
	log     io.Writer
}

// Run serves until ctx ends. log gets a line for whatever is worth one.
func Run(ctx context.Context, o Options, log io.Writer) error {
	p := &process{Options: o, rules: &rules{file: o.Security.Policy}, metrics: observe.New(), log: log}
	if err := p.rules.read(); err != nil {
		return err
	}
	var err error
	// A mirror has manifests before their blobs, and blobs of those only that were asked for.
	p.store, err = store.Open(o.Data, store.Options{Sparse: o.Sparse || o.Mirror.Of != "", Grace: o.Upkeep.Grace, Quota: p.rules.quota})
	if err != nil {
		return err
	}
	return errors.Join(p.run(ctx), p.store.Close())
}

func (p *process) run(ctx context.Context) (err error) {
	if p.guard, err = guard(p.Options, p.rules); err != nil {
		return err
	}
	content, err := p.content()
	if err != nil {
		return err
	}
	requests, closeLog, err := openAccessLog(p.AccessLog)
	if err != nil {
		return err
	}
	defer closeLog()
	listener, scheme, err := p.listen()
	if err != nil {
		return err
	}
	var beside net.Listener
	if p.Metrics != "" {
		if beside, err = net.Listen("tcp", p.Metrics); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	p.metrics.Gauge("berth_registry_disk_free_bytes", "What the data directory's disk has left.", p.free)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	defer stop() // before it is waited for
	sweepNow := make(chan struct{}, 1)
	all.Go(func() { p.signals(ctx, sweepNow) })
	if !p.ReadOnly {
		all.Go(func() { upkeep{p.Upkeep, p.store, p.metrics, p.log}.run(ctx, sweepNow) })
	}
	if beside != nil {
		all.Go(func() { p.aside(ctx, beside) })
	}
	fmt.Fprintf(p.log, "serving %s on %s://%s\n", p.Data, scheme, listener.Addr())
	return serve(ctx, listener, p.metrics.Watch(p.handler(content), requests))
}

// listen opens the port, with TLS if there is a certificate.
func (p *process) listen() (net.Listener, string, error) {
	var config *tls.Config
	if p.Security.Cert != "" {
		c, err := readCertificate(p.Security.Cert, p.Security.Key, p.log)
		if err != nil {
			return nil, "", err
		}
		config = &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := net.Listen("tcp", p.Listen)
	if err != nil {
		return nil, "", err
	}
	if config != nil {
		return tls.NewListener(l, config), "https", nil
	}
	return l, "http", nil
}

// content is what is served: the store, or what an upstream has and the store keeps.
func (p *process) content() (registry.Content, error) {
	if p.Mirror.Of == "" {
		return p.store, nil
	}
	var user, password string
	if p.Mirror.Credentials != "" {
		b, err := os.ReadFile(p.Mirror.Credentials)
		if err != nil {
			return nil, err
		}
		var ok bool
		if user, password, ok = strings.Cut(strings.TrimSpace(string(b)), ":"); !ok {
			return nil, fault.New(fault.Invalid, "%s is not user:password", p.Mirror.Credentials)
		}
	}
	up, err := mirror.NewUpstream(p.Mirror.Of, user, password)
	if err != nil {
		return nil, err
	}
	return &mirror.Mirror{Cache: p.store, Upstream: up, Failed: func(err error) { fmt.Fprintf(p.log, "mirror: %v\n", err) }}, nil
}

// handler is everything at the registry's port.
func (p *process) handler(content registry.Content) http.Handler {
	o := registry.Options{Content: content, Failed: func(r *http.Request, err error) {
		fmt.Fprintf(p.log, "%s %q: %v\n", r.Method, r.URL.Path, err)
	}}
	switch {
	case p.Mirror.Of != "":
		o.ReadOnly = "This registry is a mirror of another, which is where to push"
	case !p.ReadOnly:
		o.Intake, o.Changes = p.store, p.store
	}
	if p.guard != nil {
		o.Guard = p.guard
	}
	api := registry.New(o)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz":
			p.health(w, r)
		case r.URL.Path == "/token" && p.guard != nil && p.guard.Tokens != nil:
			p.guard.ServeToken(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// health answers whether the registry can do its work.
func (p *process) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := p.store.Healthy(!p.ReadOnly); err != nil {
		fmt.Fprintf(p.log, "not healthy: %v\n", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the data directory cannot be used")
		return
	}
	fmt.Fprintln(w, "ok")
}

// aside serves what is not for everybody.
func (p *process) aside(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = p.metrics.WriteTo(w) // a client that goes hears nothing
	})
	if err := serve(ctx, l, mux); err != nil {
		fmt.Fprintf(p.log, "metrics are not served any more: %v\n", err)
	}
}

func (p *process) free() float64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(p.Data, &s); err != nil {
		return -1
	}
	return float64(s.Bavail) * float64(s.Bsize)
}

// signals reads the rules again on SIGHUP, and asks for a sweep on SIGUSR1.
func (p *process) signals(ctx context.Context, sweepNow chan<- struct{}) {
	came := make(chan os.Signal, 4)
	signal.Notify(came, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(came)
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-came:
			if s == syscall.SIGUSR1 {
				select {
				case sweepNow <- struct{}{}:
				default: // one is asked for already
				}
				continue
			}
			if err := p.rules.read(); err != nil {
				fmt.Fprintf(p.log, "the policy cannot be read again, and the one before holds: %v\n", err)
				continue
			}
			fmt.Fprintln(p.log, "the policy was read again")
		}
	}
}

func openAccessLog(name string) (io.Writer, func(), error) {
	switch name {
	case "":
		return nil, func() {}, nil
	case "-":
		return os.Stdout, func() {}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}

// serve answers until ctx ends, and then lets what goes on come to its end.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // uploads stay where they are
	}
	<-ended
	return err
}
