package container

import (
	"cmp"
	"context"
	"strings"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/index"
	"berth/internal/container/provision"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/state"
)

// CreateResult names the new container.
type CreateResult struct {
	ID       string
	Warnings []string
}

// Create makes a container that is not running. It is durable when Create
// returns, and nothing is left of it when it fails.
func (s *Service) Create(ctx context.Context, req config.CreateRequest) (CreateResult, error) {
	if err := index.CheckName(req.Name); err != nil {
		return CreateResult{}, err
	}
	if err := config.Check(&req); err != nil {
		return CreateResult{}, err
	}
	if err := logsOf(s.deps).choose(&req.HostConfig.LogDriver, &req.HostConfig.LogOptions); err != nil {
		return CreateResult{}, err
	}
	if err := s.host.Others().Choose(&req.HostConfig); err != nil {
		return CreateResult{}, err
	}
	discarded, err := s.host.FitLimits(&req.HostConfig.Resources)
	if err != nil {
		return CreateResult{}, err
	}
	if err := neighboursOf(s.index).resolve(&req.HostConfig); err != nil {
		return CreateResult{}, err
	}
	img, err := s.deps.Images.Resolve(ctx, req.Config.Image, req.Platform)
	if err != nil {
		return CreateResult{}, err
	}
	id, getReady := s.host.Warmth().NewID(req.HostConfig)
	var undo provision.Undo
	defer undo.Run()
	undo.Add(func() { s.host.Warmth().Forget(id) })
	c := Container{ID: id, Created: time.Now().UTC(), ImageID: img.ID, Manifest: img.Manifest, State: Created, Wanted: WantedDown, Driver: string(cmp.Or(s.deps.Driver, rootfs.Overlay))}
	c.HostConfig, c.Networks = req.HostConfig, provision.Named(s.deps.Networks, req.Networks)
	if c.Config, err = config.Merge(req, img, c.ID); err != nil {
		return CreateResult{}, err
	}
	argv := append(append([]string{}, c.Config.Entrypoint...), c.Config.Cmd...)
	if len(argv) == 0 {
		return CreateResult{}, fault.New(fault.Invalid, "no command specified")
	}
	c.Path, c.Args = argv[0], argv[1:]
	if c.Name, err = s.index.Take(strings.TrimPrefix(req.Name, "/"), c.ID); err != nil {
		return CreateResult{}, err
	}
	undo.Add(func() { s.index.Drop(c.ID, c.Name) })
	c.LogPath = logsOf(s.deps).of(c).LogPath()
	if err := s.host.Storage().MakeDir(ctx, &c, &undo); err != nil {
		return CreateResult{}, err
	}
	ops := []state.Op{put(c)}
	failpoint.At("create.directory-made")
	if err := s.deps.Store.Commit(ops...); err != nil {
		return CreateResult{}, fault.Wrap(fault.Internal, err, "the container cannot be recorded")
	}
	if len(c.HostConfig.Links) > 0 {
		s.linked.Store(true)
	}
	failpoint.At("create.recorded")
	s.host.Storage().Recorded(c.ID)
	s.index.Add(newEntry(c))
	undo.Clear()
	failpoint.At("create.shown")
	s.tells.Of(c, event.Create)
	failpoint.At("create.told")
	getReady(c)
	return CreateResult{ID: c.ID, Warnings: append(discarded, config.Warnings(req)...)}, nil
}
