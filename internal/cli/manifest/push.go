package manifest

import (
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/cli/distribution"
	"berth/internal/cli/imageref"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
)

func newPush(s *session.Session) *cobra.Command {
	var insecure, purge bool
	cmd := &cobra.Command{
		Use:   "push [OPTIONS] MANIFEST_LIST",
		Short: "Push a manifest list to a repository",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := named(args[0])
			if err != nil {
				return err
			}
			if err := push(cmd.Context(), s, list, insecure); err != nil || !purge {
				return err
			}
			return lists(s).remove(list)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&insecure, "insecure", false, "Allow push to an insecure registry")
	fs.BoolVarP(&purge, "purge", "p", false, "Remove the local manifest list after push")
	return cmd
}

// push puts the images of a list into its repository, those of other
// repositories with their blobs, and then the list, so that a list is never
// there without its images.
func push(ctx context.Context, s *session.Session, list imageref.Ref, insecure bool) error {
	images, err := lists(s).all(list)
	if err != nil {
		return err
	}
	for _, img := range images {
		if p := img.Descriptor.Platform; p == nil || p.Architecture == "" || p.OS == "" {
			return fault.New(fault.Invalid, "manifest %s must have an OS and Architecture to be pushed to a registry", img.Ref)
		}
	}
	whole, err := listOf(list, images)
	if err != nil {
		return err
	}
	to := registries(s, insecure)
	var elsewhere []image
	for _, img := range images {
		from, err := imageref.Parse(img.Ref)
		if err != nil {
			return err
		}
		if from.Path == list.Path {
			continue
		}
		if err := mount(ctx, to, from, list, img); err != nil {
			return err
		}
		elsewhere = append(elsewhere, img)
	}
	for _, img := range elsewhere {
		ref := imageref.Ref{Domain: list.Domain, Path: list.Path, Digest: img.Descriptor.Digest.String()}
		if err := put(ctx, to, ref, img); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.Out, "Pushed ref %s with digest: %s\n", ref, img.Descriptor.Digest)
	}
	if err := to.Put(ctx, list, whole); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, whole.Digest)
	return err
}

// mount has the blobs of an image shown in the list's repository.
func mount(ctx context.Context, to *distribution.Client, from, list imageref.Ref, img image) error {
	parts, err := partsOf(img)
	if err != nil {
		return err
	}
	for _, d := range append([]ocispec.Descriptor{parts.Config}, parts.Layers...) {
		there, err := to.Mount(ctx, from, list, d.Digest)
		if err != nil {
			return err
		}
		// Windows' base layers lie elsewhere and are not sent.
		if !there && img.Descriptor.Platform.OS != "windows" {
			return fault.New(fault.Internal, "error mounting %s@%s to %s", from.Path, d.Digest, list)
		}
	}
	return nil
}

func put(ctx context.Context, to *distribution.Client, ref imageref.Ref, img image) error {
	want := img.Descriptor.Digest
	if got := want.Algorithm().FromBytes(img.payload()); got != want {
		return fault.New(fault.Internal, "internal digest mismatch for %s: expected %s, got %s", img.Ref, want, got)
	}
	return to.Put(ctx, ref, distribution.Document{MediaType: img.Descriptor.MediaType, Raw: img.payload()})
}

// listed is an image in a list, in the order of docker's fields.
type listed struct {
	MediaType string           `json:"mediaType"`
	Size      int64            `json:"size"`
	Digest    digest.Digest    `json:"digest"`
	Platform  ocispec.Platform `json:"platform"`
}

// listOf is a list as a registry gets it: OCI's when its images are.
func listOf(list imageref.Ref, images []image) (distribution.Document, error) {
	whole := struct {
		SchemaVersion int      `json:"schemaVersion"`
		MediaType     string   `json:"mediaType"`
		Manifests     []listed `json:"manifests"`
	}{SchemaVersion: 2, MediaType: distribution.DockerList, Manifests: []listed{}}
	if len(images) > 0 && images[0].Descriptor.MediaType == ocispec.MediaTypeImageManifest {
		whole.MediaType = ocispec.MediaTypeImageIndex
	}
	for _, img := range images {
		from, err := imageref.Parse(img.Ref)
		if err != nil {
			return distribution.Document{}, err
		}
		if from.Domain != list.Domain {
			return distribution.Document{}, fault.New(fault.Invalid,
				"cannot use source images from a different registry than the target image: %s != %s", from.Domain, list.Domain)
		}
		d := img.Descriptor
		if err := d.Digest.Validate(); err != nil {
			return distribution.Document{}, fault.Wrap(fault.Invalid, err, "digest parse of image %q failed", img.Ref)
		}
		one := listed{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}
		if d.Platform != nil {
			one.Platform = *d.Platform
		}
		whole.Manifests = append(whole.Manifests, one)
	}
	raw, err := json.MarshalIndent(whole, "", "   ")
	return distribution.Document{MediaType: whole.MediaType, Digest: digest.FromBytes(raw), Raw: raw}, err
}
