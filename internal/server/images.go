package server

import (
	"net/http"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/compat"
	"berth/internal/server/progress"

	wire "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
)

// imageRoutes are the handlers of /images.
type imageRoutes struct {
	images     Images
	store      ImageStore
	containers Containers // to tell who uses an image
	transfers  transferRoutes
}

func (r imageRoutes) tag(c *call) error {
	target := c.query.Get("repo")
	if target == "" {
		return fault.New(fault.Invalid, "invalid reference format: repository name is missing")
	}
	if tag := c.query.Get("tag"); tag != "" {
		target += ":" + tag
	}
	if err := r.images.Tag(c.r.Context(), c.name, target); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusCreated)
	return nil
}

func (r imageRoutes) remove(c *call) error {
	platforms, err := c.platforms("platforms", compat.RemovePlatforms)
	if err != nil {
		return err
	}
	removals, err := r.images.Remove(c.r.Context(), c.name, image.RemoveOptions{
		Force: c.flag("force"), NoPrune: c.flag("noprune"), InUse: r.usersOf, Platforms: platforms,
	})
	if err != nil {
		return err
	}
	out := []wire.DeleteResponse{}
	for _, gone := range removals {
		out = append(out, wire.DeleteResponse{Untagged: gone.Untagged, Deleted: gone.Deleted})
	}
	return c.json(out, nil)
}

// usersOf tells which containers are made from an image.
func (r imageRoutes) usersOf(id digest.Digest) []image.Use {
	var uses []image.Use
	list := r.containers.List()
	for i := range list {
		if list[i].ImageID == id.String() {
			up := list[i].State.Up() || list[i].State == container.Starting
			uses = append(uses, image.Use{ContainerID: list[i].ID, Running: up, Manifest: digest.Digest(list[i].Manifest)})
		}
	}
	return uses
}

// load reads a docker or OCI archive and streams what it found.
func (r imageRoutes) load(c *call) error {
	platforms, err := c.platforms("platform", compat.SavePlatforms)
	if err != nil {
		return err
	}
	quiet := true
	if c.query.Has("quiet") {
		quiet = c.flag("quiet")
	}
	out := progress.New(c.w)
	opts := image.LoadOptions{Platforms: platforms}
	if !quiet {
		opts.Progress = func(line string) { out.Send(jsonstream.Message{Status: line}) }
	}
	lines, err := r.images.Load(c.r.Context(), c.r.Body, opts)
	for _, line := range lines {
		out.Send(jsonstream.Message{Stream: line + "\n"})
	}
	return out.Finish(err)
}

// create pulls an image, or imports a tar from the body.
func (r imageRoutes) create(c *call) error {
	source := c.query.Get("fromSrc")
	switch {
	case c.query.Get("fromImage") != "":
		return r.transfers.pull(c)
	case source == "":
		return fault.New(fault.Invalid, "fromImage or fromSrc must be given")
	case source != "-":
		return fault.New(fault.Unsupported, "importing from a URL is not supported yet by berth")
	}
	message := c.query.Get("message")
	if message == "" {
		message = "Imported from " + source
	}
	out := progress.New(c.w)
	img, err := r.images.Import(c.r.Context(), c.r.Body, image.ImportOptions{
		Repo:     c.query.Get("repo"),
		Tag:      c.query.Get("tag"),
		Message:  message,
		Changes:  c.query["changes"],
		Platform: c.query.Get("platform"),
	})
	if err == nil {
		out.Send(jsonstream.Message{Status: img.ID.String()})
	}
	return out.Finish(err)
}
