package image

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/image/removal"
	"berth/internal/image/spelling"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// removePlatforms removes images of single platforms out of an index, which stays as it is: what it names
// may be fetched again. The last one goes with the image.
func (s *Service) removePlatforms(ctx context.Context, ref string, opts RemoveOptions) ([]Removal, error) {
	found, err := s.findMatch(ctx, ref)
	if err != nil {
		return nil, err
	}
	c, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	var gone []digest.Digest
	var last bool
	err = s.update(c.ctx, func(ctx context.Context) error {
		t, err := tree.Read(ctx, s.content, found.img.Target)
		if err != nil {
			return err
		}
		if gone, err = planPlatforms(t, ref, found.img, opts); err != nil {
			return err
		}
		if last = len(gone) == len(t.Manifests); last {
			return nil
		}
		for _, d := range gone {
			if err := s.unlink(ctx, t, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err = c.finish(err); err != nil {
		return nil, err
	}
	if last {
		opts.Platforms = nil
		return s.Remove(ctx, ref, opts)
	}
	err = s.reread(ctx, found.img.ID)
	var answer []Removal
	for _, d := range gone {
		answer = append(answer, Removal{Deleted: d.String()})
	}
	return answer, err
}

// planPlatforms are the manifests of the platforms. One that a container runs stays, unless it is forced
// and the container does not run.
func planPlatforms(t *tree.Tree, ref string, img Image, opts RemoveOptions) ([]digest.Digest, error) {
	var uses []Use
	if opts.InUse != nil {
		uses = opts.InUse(img.ID)
	}
	var gone []digest.Digest
	for _, p := range opts.Platforms {
		fits, any := platforms.OnlyStrict(p), false
		for _, m := range t.Manifests {
			if !fits.Match(m.Config.Platform) {
				continue
			}
			any = true
			used := slices.IndexFunc(uses, func(u Use) bool { return cmp.Or(u.Manifest, img.Manifest.Digest) == m.Desc.Digest })
			if used >= 0 {
				return nil, fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by container %s", spelling.Short(m.Desc.Digest.Encoded()), spelling.Short(uses[used].ContainerID))
			}
			gone = append(gone, m.Desc.Digest)
		}
		if !any {
			return nil, fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", ref, platforms.FormatAll(p))
		}
	}
	if img.Protected && !opts.Force {
		return nil, removal.Protected(ref)
	}
	return gone, nil
}

// unlink lets the collector take a manifest, and what attests it, out of its index.
func (s *stores) unlink(ctx context.Context, t *tree.Tree, d digest.Digest) error {
	dead := map[string]bool{d.String(): true}
	t.EachManifest(t.Target, func(m ocispec.Descriptor) {
		if m.Annotations[tree.AttestationFor] == d.String() {
			dead[m.Digest.String()] = true
		}
	})
	for parent := range t.Children {
		info, err := s.content.Info(ctx, parent)
		if err != nil {
			continue // one of the platforms that are not here
		}
		labels, fields := map[string]string{}, []string{}
		for key, value := range info.Labels {
			if strings.HasPrefix(key, "containerd.io/gc.ref.content") && dead[value] {
				labels[key] = "" // removes it
				fields = append(fields, "labels."+key)
			}
		}
		if len(fields) == 0 {
			continue
		}
		if _, err := s.content.Update(ctx, content.Info{Digest: parent, Labels: labels}, fields...); err != nil {
			return err
		}
	}
	return nil
}
