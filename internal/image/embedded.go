package image

import (
	"context"

	"berth/internal/fault"
	"berth/internal/image/embedded"
	"berth/internal/image/spelling"

	"github.com/opencontainers/go-digest"
)

// EmbeddedName is the image that the daemon carries within itself.
const EmbeddedName = embedded.Name

// EnsureEmbedded makes the embedded image unless it is there. One of an older
// daemon is replaced; an image of the user's own by that name is left alone. It
// takes some tens of milliseconds when there is something to do: call it in the
// background, or leave it to Get, which calls it when the image is asked for.
func (s *Service) EnsureEmbedded(ctx context.Context) error {
	s.embedding.Lock()
	defer s.embedding.Unlock()
	bin, err := embedded.Program()
	if err != nil {
		return fault.New(fault.Unavailable, "this berthd was built without the berth/hello image; build it with make build")
	}
	sum := digest.FromBytes(bin).String()
	cat, err := s.current(ctx)
	if err != nil {
		return err
	}
	if id, ok := cat.byName[EmbeddedName]; ok {
		label, ours := cat.byID[id].Config.Config.Labels[embedded.Label]
		if !ours || label == sum {
			return nil
		}
	}
	layer, created, err := embedded.Layer(bin)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "make the embedded image")
	}
	_, err = s.importLayer(ctx, layer, EmbeddedName, embedded.Config(sum, created))
	return err
}

func isEmbedded(ref string) bool {
	name, err := spelling.Normalize(ref)
	return err == nil && name == EmbeddedName
}
