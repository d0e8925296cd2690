package server

import (
	"encoding/json"
	"net/http"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/show"

	wire "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
)

func (s *Server) imageInspect(c *call) error {
	if c.flag("manifests") {
		return fault.New(fault.Unsupported, "listing the manifests of an image is not supported yet by berth")
	}
	img, err := s.Images.Get(c.r.Context(), c.name)
	if err != nil {
		return err
	}
	return c.json(show.Image(&img, c.version), nil)
}

func (s *Server) imageTag(c *call) error {
	target := c.query.Get("repo")
	if target == "" {
		return fault.New(fault.Invalid, "invalid reference format: repository name is missing")
	}
	if tag := c.query.Get("tag"); tag != "" {
		target += ":" + tag
	}
	if err := s.Images.Tag(c.r.Context(), c.name, target); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Server) imageRemove(c *call) error {
	if c.query.Get("platforms") != "" {
		return fault.New(fault.Unsupported, "removing single platforms of an image is not supported yet by berth")
	}
	removals, err := s.Images.Remove(c.r.Context(), c.name, image.RemoveOptions{
		Force: c.flag("force"), NoPrune: c.flag("noprune"), InUse: s.usersOf,
	})
	if err != nil {
		return err
	}
	out := []wire.DeleteResponse{}
	for _, r := range removals {
		out = append(out, wire.DeleteResponse{Untagged: r.Untagged, Deleted: r.Deleted})
	}
	return c.json(out, nil)
}

// usersOf tells which containers are made from an image.
func (s *Server) usersOf(id digest.Digest) []image.Use {
	var uses []image.Use
	list := s.Containers.List()
	for i := range list {
		if list[i].ImageID == id.String() {
			up := list[i].State == container.Running || list[i].State == container.Starting
			uses = append(uses, image.Use{ContainerID: list[i].ID, Running: up})
		}
	}
	return uses
}

// imageLoad reads a docker or OCI archive and streams what it found.
func (s *Server) imageLoad(c *call) error {
	if c.query.Get("platform") != "" {
		return fault.New(fault.Unsupported, "loading single platforms of an image is not supported yet by berth")
	}
	quiet := true
	if c.query.Has("quiet") {
		quiet = c.flag("quiet")
	}
	out := &progress{w: c.w}
	lines, err := s.Images.Load(c.r.Context(), c.r.Body, quiet, func(line string) {
		out.send(jsonstream.Message{Status: line})
	})
	for _, line := range lines {
		out.send(jsonstream.Message{Stream: line + "\n"})
	}
	return out.finish(err)
}

// imageCreate imports a tar from the body. Pulling comes later.
func (s *Server) imageCreate(c *call) error {
	source := c.query.Get("fromSrc")
	switch {
	case c.query.Get("fromImage") != "":
		return fault.New(fault.Unsupported, "pulling images is not supported yet by berth; load or import %s instead", c.query.Get("fromImage"))
	case source == "":
		return fault.New(fault.Invalid, "fromImage or fromSrc must be given")
	case source != "-":
		return fault.New(fault.Unsupported, "importing from a URL is not supported yet by berth")
	}
	message := c.query.Get("message")
	if message == "" {
		message = "Imported from " + source
	}
	out := &progress{w: c.w}
	img, err := s.Images.Import(c.r.Context(), c.r.Body, image.ImportOptions{
		Repo:     c.query.Get("repo"),
		Tag:      c.query.Get("tag"),
		Message:  message,
		Changes:  c.query["changes"],
		Platform: c.query.Get("platform"),
	})
	if err == nil {
		out.send(jsonstream.Message{Status: img.ID.String()})
	}
	return out.finish(err)
}

// progress streams JSON messages; its header goes out with the first one.
type progress struct {
	w    http.ResponseWriter
	sent bool
}

func (p *progress) begin() {
	if !p.sent {
		p.sent = true
		p.w.Header().Set("Content-Type", "application/json")
		p.w.WriteHeader(http.StatusOK)
	}
}

func (p *progress) send(m jsonstream.Message) {
	p.begin()
	_ = json.NewEncoder(p.w).Encode(m)
	_ = http.NewResponseController(p.w).Flush()
}

// finish answers an error as such when nothing was sent, else as the last message,
// with Docker's older "error" beside errorDetail for clients that read only that.
func (p *progress) finish(err error) error {
	if err == nil {
		p.begin()
		return nil
	}
	if !p.sent {
		return err
	}
	_ = json.NewEncoder(p.w).Encode(struct {
		jsonstream.Message
		Text string `json:"error"`
	}{jsonstream.Message{Error: &jsonstream.Error{Message: err.Error()}}, err.Error()})
	return nil
}
