package container

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/provision"
	"berth/internal/event"
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
	if err := checkName(req.Name); err != nil {
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
	if err := s.host.CheckLimits(req.HostConfig.Resources); err != nil {
		return CreateResult{}, err
	}
	if err := s.index.resolve(&req.HostConfig); err != nil {
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
	c := Container{ID: id, Created: time.Now().UTC(), ImageID: img.ID, State: Created, Wanted: WantedDown, Driver: "overlayfs"}
	c.HostConfig = req.HostConfig
	if c.Config, err = config.Merge(req, img, c.ID); err != nil {
		return CreateResult{}, err
	}
	argv := append(append([]string{}, c.Config.Entrypoint...), c.Config.Cmd...)
	if len(argv) == 0 {
		return CreateResult{}, fault.New(fault.Invalid, "no command specified")
	}
	c.Path, c.Args = argv[0], argv[1:]
	if c.Name, err = s.index.takeName(strings.TrimPrefix(req.Name, "/"), c.ID); err != nil {
		return CreateResult{}, err
	}
	undo.Add(func() { s.index.drop(c.ID, c.Name) })
	if err := s.makeDir(ctx, &c, &undo); err != nil {
		return CreateResult{}, err
	}
	ops := []state.Op{put(c)}
	if err := s.deps.Store.Commit(ops...); err != nil {
		return CreateResult{}, fault.Wrap(fault.Internal, err, "the container cannot be recorded")
	}
	s.index.add(newEntry(c))
	undo.Clear()
	s.tells.Of(c, event.Create)
	getReady(c)
	return CreateResult{ID: c.ID, Warnings: config.Warnings(req)}, nil
}

// makeDir makes the container's directory: its layer, files and volumes.
func (s *Service) makeDir(ctx context.Context, c *Container, undo *provision.Undo) error {
	dir := s.deps.Paths.Dir(c.ID)
	undo.Add(func() { os.RemoveAll(dir) })
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{dir, 0o710}, {dir + "/layer", 0o710}, {dir + "/layer/upper", 0o755}, {dir + "/layer/work", 0o711}} {
		if err := os.Mkdir(d.path, d.mode); err != nil {
			return fault.Wrap(fault.Internal, err, "the container's directory cannot be made")
		}
	}
	c.LogPath = logsOf(s.deps).of(*c).LogPath()
	c.HostsPath, c.HostnamePath, c.ResolvConfPath = dir+"/hosts", dir+"/hostname", dir+"/resolv.conf"
	return s.host.Storage().MakeVolumes(ctx, c, undo)
}

func (x *index) takeName(name, id string) (string, error) {
	if name != "" {
		return name, x.reserve(name, id)
	}
	for try := range 6 {
		name = config.GenerateName()
		if try > 0 {
			name += strconv.Itoa(try)
		}
		if x.reserve(name, id) == nil {
			return name, nil
		}
	}
	return id[:12], x.reserve(id[:12], id)
}

func checkName(name string) error {
	if name == "" || regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`).MatchString(name) {
		return nil
	}
	return fault.New(fault.Invalid, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
}
