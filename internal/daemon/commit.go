package daemon

import (
	"context"
	"io"

	"berth/internal/container/files"
	"berth/internal/event"
	"berth/internal/image"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// commits is the image service as containers that become images see it.
type commits struct {
	*image.Service
	publish func(event.Message)
}

// Commit makes an image of a container's layer.
func (a commits) Commit(ctx context.Context, req files.CommitRequest, pack func(io.Writer) error) (files.Committed, error) {
	img, err := a.Service.Commit(ctx, image.CommitOptions{
		Parent: digest.Digest(req.Parent), Manifest: digest.Digest(req.Manifest), Repo: req.Repo, Tag: req.Tag, Comment: req.Comment, Author: req.Author,
		CreatedBy: req.CreatedBy, Changes: req.Changes, Asked: req.Config, Own: req.Own,
	}, pack)
	if err != nil {
		return files.Committed{}, err
	}
	done := files.Committed{ID: img.ID.String()}
	a.publish(aboutImage(event.Create, done.ID, img))
	if req.Repo != "" && len(img.Names) > 0 { // a new image has no other name than this one
		ref, err := reference.ParseNormalizedNamed(img.Names[0])
		if err != nil {
			return files.Committed{}, err
		}
		done.Name = reference.FamiliarString(ref)
		a.publish(aboutImage(event.Tag, done.Name, img))
	}
	return done, nil
}
