package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"berth/internal/registry"
	"berth/internal/registry/store"
)

// stopping is how long requests have to end when the registry ends.
const stopping = 10 * time.Second

// Run serves until ctx ends. log gets a line for whatever went wrong.
func Run(ctx context.Context, o Options, log io.Writer) error {
	s, err := store.Open(o.Data, store.Options{Sparse: o.Sparse, Grace: o.Grace})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	api := registry.Options{Content: s, Failed: func(r *http.Request, err error) {
		fmt.Fprintf(log, "%s %s: %v\n", r.Method, r.URL.Path, err)
	}}
	if !o.ReadOnly {
		api.Intake, api.Changes = s, s
	}
	fmt.Fprintf(log, "serving %s on http://%s\n", o.Data, listener.Addr())
	return errors.Join(serve(ctx, listener, registry.New(api)), s.Close())
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
