package files

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"

	"berth/internal/archive"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// CommitOptions say what image a container becomes.
type CommitOptions struct {
	Repo, Tag string // "" makes an image without a name
	Comment   string
	Author    string
	Pause     bool // a running container stands still while its files are read
	Changes   []string
	Config    *dockerspec.DockerOCIImageConfig // what the request asks for; nil for nothing
}

// CommitRequest is what the store of images is asked for.
type CommitRequest struct {
	CommitOptions
	Parent    string // the container's image
	Manifest  string // of it, which the container runs; "" is the one of the host's platform
	CreatedBy string
	Own       dockerspec.DockerOCIImageConfig // the container's
}

// Committed is the image that a container has become.
type Committed struct {
	ID   string
	Name string // as Docker shows it; "" for an image without one
}

// Committer makes images of containers' layers.
type Committer interface {
	// Commit stores the layer that pack writes, and returns what it has become when that is durable.
	// When it fails nothing of it stays.
	Commit(ctx context.Context, req CommitRequest, pack func(io.Writer) error) (Committed, error)
}

// Commit makes an image of a container's files and configuration. It is durable
// when Commit returns.
func (s *Service) Commit(ctx context.Context, ref string, opts CommitOptions) (string, error) {
	if ref == "" {
		return "", fault.New(fault.Invalid, "invalid name or ID supplied: %q", ref)
	}
	e, err := s.find(ref)
	if err != nil {
		return "", err
	}
	c := e.Snapshot()
	layer, release, err := s.host.Storage().Layer(ctx, c)
	if err != nil {
		return "", gone(err, c.ID)
	}
	defer release()
	req := CommitRequest{CommitOptions: opts, Parent: c.ImageID, Manifest: c.Manifest, CreatedBy: strings.Join(c.Config.Cmd, " "), Own: imageConfig(c)}
	done, err := s.commits.Commit(ctx, req, func(w io.Writer) error { return s.packLayer(ctx, e, layer, opts.Pause, w) })
	if err != nil {
		return "", err
	}
	failpoint.At("commit.recorded")
	s.tell(e.Snapshot(), event.Commit, "comment", opts.Comment, "imageID", done.ID, "imageRef", done.Name)
	return done.ID, nil
}

// packLayer writes a container's layer while nothing changes it: one that does not run is kept from
// being started, and one that runs is paused, unless the user wants it to go on.
func (s *Service) packLayer(ctx context.Context, e Container, layer archive.Layer, pause bool, w io.Writer) error {
	release, err := s.still(ctx, e, pause)
	if err != nil {
		return err
	}
	defer release()
	out := bufio.NewWriterSize(w, 256<<10)
	if err := layer.Pack(ctx, out); err != nil {
		return gone(err, e.Snapshot().ID)
	}
	failpoint.At("commit.packed")
	return out.Flush()
}

// still keeps a container as it is until release is called. One that is paused already stays so. It is
// paused by the verbs, so that who stops or kills it meanwhile does not wait for the commit.
func (s *Service) still(ctx context.Context, e Container, pause bool) (release func(), err error) {
	for {
		held, down := e.Running()
		if held == nil {
			break
		}
		if !pause || e.Snapshot().State == record.Paused {
			return func() {}, nil
		}
		if release, err = s.pauseFor(ctx, e); err == nil {
			return release, nil
		}
		if !pidfd.Ended(held.Pidfd) || ctx.Err() != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "the commit cannot pause its container")
		}
		if err := ended(ctx, down); err != nil {
			return nil, err
		}
	}
	if err := e.Lock(ctx); err != nil {
		return nil, err
	}
	switch e.Snapshot().State {
	case record.Dead:
		err = fault.New(fault.Conflict, "You cannot commit container %s which is Dead", e.Snapshot().ID)
	case record.Removing:
		err = fault.New(fault.Conflict, "You cannot commit container %s which is being removed", e.Snapshot().ID)
	case record.Removed:
		err = fault.New(fault.NotFound, "No such container: %s", e.Snapshot().ID)
	}
	if err != nil {
		e.Unlock()
		return nil, err
	}
	return e.Unlock, nil
}

// pauseFor pauses a container for a commit. That it is not paused any more at the end, or does not run, is fine.
func (s *Service) pauseFor(ctx context.Context, e Container) (release func(), err error) {
	mark := s.mark(e.Snapshot().ID)
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the pause cannot be written down")
	}
	failpoint.At("commit.marked")
	if err := e.Pause(ctx); err != nil {
		os.Remove(mark)
		return nil, err
	}
	failpoint.At("commit.paused")
	return func() {
		_ = e.Unpause(context.WithoutCancel(ctx))
		failpoint.At("commit.unpaused")
		os.Remove(mark)
	}, nil
}

// imageConfig is what an image keeps of a container's configuration.
func imageConfig(c record.Container) dockerspec.DockerOCIImageConfig {
	var out dockerspec.DockerOCIImageConfig
	from := c.Config
	out.User, out.WorkingDir, out.StopSignal = from.User, from.WorkingDir, from.StopSignal
	if h := from.Healthcheck; h != nil {
		out.Healthcheck = &dockerspec.HealthcheckConfig{
			Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, StartInterval: h.StartInterval, Retries: h.Retries,
		}
	}
	out.Env, out.Cmd, out.Entrypoint, out.Labels = from.Env, from.Cmd, from.Entrypoint, from.Labels
	if len(from.ExposedPorts) > 0 {
		out.ExposedPorts = map[string]struct{}{}
		for _, p := range from.ExposedPorts {
			out.ExposedPorts[p] = struct{}{}
		}
	}
	if len(from.Volumes) > 0 {
		out.Volumes = map[string]struct{}{}
		for _, v := range from.Volumes {
			out.Volumes[v] = struct{}{}
		}
	}
	return out
}
