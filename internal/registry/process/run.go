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
	"slices"
	"sync"
	"syscall"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/access"
	"berth/internal/registry/observe"
	"berth/internal/registry/store"
)

// stopping is how long requests have to end when the registry ends.
const stopping = 10 * time.Second

// Process is a registry that listens.
type Process struct {
	Options
	store   *store.Store // nil: somebody else's content is served
	content registry.Content
	rules   *rules
	guard   *access.Guard // nil: everybody may do everything
	metrics *observe.Metrics
	log     io.Writer

	listener net.Listener
	scheme   string
	aside    net.Listener // nil: metrics are not served
	requests io.Writer    // the access log; nil for none
	logfile  *logFile     // which is that; nil for none
	close    []func() error
}

// Run serves the data directory until ctx ends. log gets a line for whatever is worth one.
func Run(ctx context.Context, o Options, log io.Writer) error {
	p, err := prepare(o, nil, log)
	if err != nil {
		return err
	}
	return p.Serve(ctx)
}

// Prepare listens, to serve content of somebody else's, of which nothing can be
// changed. o.Data is for what the registry itself has to keep.
func Prepare(o Options, content registry.Content, log io.Writer) (*Process, error) {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, err
	}
	o.ReadOnly = true
	return prepare(o, content, log)
}

func prepare(o Options, content registry.Content, log io.Writer) (*Process, error) {
	p := &Process{Options: o, content: content, rules: &rules{file: o.Security.Policy}, metrics: observe.New(), log: log}
	for _, step := range []func() error{p.rules.read, p.open, p.protect, p.openAccessLog, p.listen} {
		if err := step(); err != nil {
			return nil, errors.Join(err, p.release())
		}
	}
	return p, nil
}

// release gives back what was opened.
func (p *Process) release() error {
	var errs []error
	for _, f := range slices.Backward(p.close) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open opens what is served: the store, or what an upstream has and the store keeps.
func (p *Process) open() (err error) {
	if p.content != nil {
		return nil
	}
	// A mirror has manifests before their blobs, and blobs of those only that were asked for.
	p.store, err = store.Open(p.Data, store.Options{Sparse: p.Sparse || p.Mirror.Of != "", Grace: p.Upkeep.Grace, Quota: p.rules.quota, ReadOnly: p.ReadOnly && p.Mirror.Of == ""})
	if err != nil {
		return err
	}
	p.close = append(p.close, p.store.Close)
	p.content = p.store
	if p.Mirror.Of != "" {
		p.content, err = mirrored(p.Mirror, p.store, p.log)
	}
	return err
}

func (p *Process) protect() (err error) {
	p.guard, err = guard(p.Options, p.rules)
	return err
}

// Serve answers until ctx ends, and gives everything back.
func (p *Process) Serve(ctx context.Context) error {
	p.metrics.Gauge("berth_registry_disk_free_bytes", "What the data directory's disk has left.", p.free)
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	sweepNow := make(chan struct{}, 1)
	if p.store != nil { // signals are the program's own
		all.Go(func() { p.signals(ctx, sweepNow) })
		if !p.ReadOnly {
			all.Go(func() { upkeep{p.Upkeep, p.store, p.metrics, p.log}.run(ctx, sweepNow) })
		}
	}
	if p.aside != nil {
		all.Go(func() { p.serveAside(ctx) })
	}
	fmt.Fprintf(p.log, "serving %s on %s://%s\n", p.Data, p.scheme, p.listener.Addr())
	err := serve(ctx, p.listener, p.metrics.Watch(p.handler(), p.requests))
	stop()
	all.Wait()
	return errors.Join(err, p.release())
}

// listen opens the ports, the first with TLS if there is a certificate.
func (p *Process) listen() error {
	var config *tls.Config
	if p.Security.Cert != "" {
		c, err := readCertificate(p.Security.Cert, p.Security.Key, p.log)
		if err != nil {
			return err
		}
		config = &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := net.Listen("tcp", p.Listen)
	if err != nil {
		return err
	}
	p.listener, p.scheme = l, "http"
	if config != nil {
		p.listener, p.scheme = tls.NewListener(l, config), "https"
	}
	if p.Metrics == "" {
		return nil
	}
	p.aside, err = net.Listen("tcp", p.Metrics)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// handler is everything at the registry's port.
func (p *Process) handler() http.Handler {
	o := registry.Options{Content: p.content, Failed: func(r *http.Request, err error) {
		fmt.Fprintf(p.log, "%s %q: %v\n", r.Method, r.URL.Path, err)
	}}
	switch {
	case p.Mirror.Of != "":
		o.ReadOnly = "This registry is a mirror of another, which is where to push"
	case p.store == nil:
		o.ReadOnly = "This registry serves an engine's images, which are changed by the engine"
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
func (p *Process) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if p.store == nil {
		fmt.Fprintln(w, "ok")
		return
	}
	if err := p.store.Healthy(!p.ReadOnly); err != nil {
		fmt.Fprintf(p.log, "not healthy: %v\n", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the data directory cannot be used")
		return
	}
	fmt.Fprintln(w, "ok")
}

// serveAside serves what is not for everybody.
func (p *Process) serveAside(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = p.metrics.WriteTo(w) // a client that goes hears nothing
	})
	if err := serve(ctx, p.aside, mux); err != nil {
		fmt.Fprintf(p.log, "metrics are not served any more: %v\n", err)
	}
}

func (p *Process) free() float64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(p.Data, &s); err != nil {
		return -1
	}
	return float64(s.Bavail) * float64(s.Bsize)
}

// signals reads the rules and opens the access log again on SIGHUP, and asks for a sweep on SIGUSR1.
func (p *Process) signals(ctx context.Context, sweepNow chan<- struct{}) {
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
			if err := p.logfile.reopen(); err != nil {
				fmt.Fprintf(p.log, "the access log cannot be opened again, and goes on where it was: %v\n", err)
			}
			if err := p.rules.read(); err != nil {
				fmt.Fprintf(p.log, "the policy cannot be read again, and the one before holds: %v\n", err)
				continue
			}
			fmt.Fprintln(p.log, "the policy was read again")
		}
	}
}

// openAccessLog opens where a line for each request goes.
func (p *Process) openAccessLog() error {
	switch p.AccessLog {
	case "":
		return nil
	case "-":
		p.requests = os.Stdout
		return nil
	}
	f, err := openLog(p.AccessLog)
	if err != nil {
		return err
	}
	p.requests, p.logfile = f, f
	p.close = append(p.close, f.Close)
	return nil
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
