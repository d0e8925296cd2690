package daemon

import (
	"context"
	"io"
	"strings"

	"github.com/distribution/reference"

	"berth/internal/event"
	"berth/internal/image"
)

// tell publishes an event of an image that is there.
func (s servedImages) tell(action, name string, img image.Image) {
	s.publish(aboutImage(action, name, img))
}

// aboutImage is an event of an image, with the image's labels.
func aboutImage(action, name string, img image.Image) event.Message {
	m := event.Message{Type: event.Image, Action: action, ID: img.ID.String(), Attributes: event.Attributes{}}
	for k, v := range img.Config.Config.Labels {
		m.Attributes[k] = v
	}
	m.Attributes["name"] = name
	return m
}

// Load takes in an archive and tells of each image that was in it.
func (s servedImages) Load(ctx context.Context, r io.Reader, opts image.LoadOptions) ([]string, error) {
	lines, err := s.Service.Load(ctx, r, opts)
	for _, line := range lines {
		if img, err := s.Get(ctx, loaded(line)); err == nil { // else it has gone again, and that is told
			s.tell(event.Load, img.ID.String(), img)
		}
	}
	return lines, err
}

// Import makes an image of a file system and tells of it.
func (s servedImages) Import(ctx context.Context, r io.Reader, opts image.ImportOptions) (image.Image, error) {
	img, err := s.Service.Import(ctx, r, opts)
	if err == nil {
		if opts.Repo != "" {
			s.tell(event.Tag, familiar(strings.TrimSuffix(opts.Repo+":"+opts.Tag, ":")), img)
		}
		s.tell(event.Import, img.ID.String(), img)
	}
	return img, err
}

// Tag names an image and tells of it.
func (s servedImages) Tag(ctx context.Context, source, target string) error {
	err := s.Service.Tag(ctx, source, target)
	if err != nil {
		return err
	}
	if img, err := s.Get(ctx, target); err == nil {
		s.tell(event.Tag, familiar(target), img)
	}
	return nil
}

// removed tells of what a removal took away.
func (s servedImages) removed(img image.Image, removals []image.Removal) {
	for _, r := range removals {
		if r.Untagged != "" {
			s.tell(event.Untag, img.ID.String(), img)
		}
		if r.Deleted != "" {
			s.publish(event.Message{Type: event.Image, Action: event.Delete, ID: r.Deleted, Attributes: event.Attributes{"name": r.Deleted}})
		}
	}
}

// loaded is the image that a line of Load's speaks of: by its name, or by its ID
// when it has none.
func loaded(line string) string {
	_, ref, _ := strings.Cut(line, ": ")
	return ref
}

// familiar is a name as people write it, with its tag.
func familiar(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(reference.TagNameOnly(ref))
}
