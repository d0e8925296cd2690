package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/cli/imageref"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

func newInspect(s *session.Session) *cobra.Command {
	var insecure, verbose bool
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
		Short: "Display an image manifest, or manifest list",
		Args:  session.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := inspect(cmd.Context(), s, args, insecure)
			if err != nil {
				return err
			}
			text, err := found.text(verbose)
			if err != nil {
				return err
			}
			_, err = s.Out.Write(append(text, '\n'))
			return err
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&insecure, "insecure", false, "Allow communication with an insecure registry")
	fs.BoolVarP(&verbose, "verbose", "v", false, "Output additional info including layers and platform")
	return cmd
}

// inspected is one image, or a list of images.
type inspected struct {
	one    *image
	list   imageref.Ref
	images []image
}

// inspect looks for an image in a local list, or for a local list, or for
// either at a registry.
func inspect(ctx context.Context, s *session.Session, args []string, insecure bool) (inspected, error) {
	ref, err := named(args[len(args)-1])
	if err != nil {
		return inspected{}, err
	}
	if len(args) == 2 {
		list, err := named(args[0])
		if err != nil {
			return inspected{}, err
		}
		img, err := lists(s).get(list, ref)
		return inspected{one: &img}, err
	}
	if images, err := lists(s).all(ref); err == nil {
		return inspected{list: ref, images: images}, nil
	}
	from := registries(s, insecure)
	img, err := fetch(ctx, from, ref)
	if err == nil || fault.Is(err, fault.NotFound) {
		return inspected{one: &img}, err
	}
	images, err := fetchList(ctx, from, ref)
	return inspected{list: ref, images: images}, err
}

// text is what is shown: the manifest or the list as it is at a registry, or
// in full what is known of each image.
func (i inspected) text(verbose bool) ([]byte, error) {
	switch {
	case verbose && i.one != nil:
		return json.MarshalIndent(i.one, "", "\t")
	case verbose:
		return json.MarshalIndent(i.images, "", "\t")
	case i.one != nil:
		var buf bytes.Buffer
		if err := json.Indent(&buf, i.one.payload(), "", "\t"); err != nil {
			return nil, fmt.Errorf("%s has no payload: %w", i.one.Ref, err)
		}
		return buf.Bytes(), nil
	}
	d, err := listOf(i.list, i.images)
	if err != nil {
		return nil, fmt.Errorf("failed to assemble ManifestDescriptor: %w", err)
	}
	return d.Raw, nil
}
