package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"berth/internal/peer"
	"berth/internal/server/backups"
)

// Config is what a Server is made of.
type Config struct {
	Containers Containers
	Changes    Changes
	Streams    Streams
	Execs      Execs
	Usage      Usage
	Files      Files
	Images     Images
	ImageStore ImageStore
	Transfers  Transfers
	System     System
	Events     Events
	Objects
	Logins Logins
	Beyond
	VolumeDir func(name string) string // where a volume's data is, to show it; may be nil
	// LayerSize says how many bytes a container's own layer holds, for who asks for
	// sizes; nil means that nobody knows.
	LayerSize func(id string) (int64, error)
	Version   string // berth's own, "0.1.0"
	GitCommit string
	BuildTime string
	Log       *slog.Logger // nil means slog.Default
}

// Beyond are the services of what Docker does not have.
type Beyond struct {
	Explain            Explanations
	VolumeSnapshots    VolumeSnapshots
	ContainerSnapshots Snapshots
	Backups            backups.Backups
	Trash              Trash
}

// Server answers the Engine API.
type Server struct {
	serverHeader string
	dispatch     *dispatcher
	http         *http.Server
	life         *lifetime
}

// New returns a server over the given services.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	life := newLifetime()
	s := &Server{life: life, dispatch: newDispatcher(table(&cfg, life))}
	s.serverHeader = "berth/" + cfg.Version + " (linux)"
	s.http = &http.Server{
		Handler: s,
		// Only the header has a deadline: bodies and answers are streams that last for days.
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	s.http.ConnContext = peer.With
	// HTTP/2 cannot be hijacked.
	s.http.Protocols.SetHTTP1(true)
	return s
}

// Handler returns the API for use without a listener.
func (s *Server) Handler() http.Handler { return s }

// Serve answers requests on l until Shutdown; then it returns http.ErrServerClosed.
// It may be called for several listeners at once.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown closes the listeners, ends hijacked streams, and waits until all
// requests are done or ctx ends; then it closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.life.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	if late := s.life.wait(ctx); late != nil {
		err = late
	}
	return err
}
