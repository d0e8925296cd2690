package manifest

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/imageref"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

func newCreate(s *session.Session) *cobra.Command {
	var amend, insecure bool
	cmd := &cobra.Command{
		Use:   "create MANIFEST_LIST MANIFEST [MANIFEST...]",
		Short: "Create a local manifest list for annotating and pushing to a registry",
		Args:  session.MinArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := named(args[0])
			if err != nil {
				return fmt.Errorf("error parsing name for manifest list %s: %w", args[0], err)
			}
			_, err = lists(s).all(list)
			switch {
			case err == nil && !amend:
				return errors.New("refusing to amend an existing manifest list with no --amend flag")
			case err != nil && !fault.Is(err, fault.NotFound):
				return err
			}
			return create(cmd.Context(), s, list, args[1:], insecure)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&amend, "amend", "a", false, "Amend an existing manifest list")
	fs.BoolVar(&insecure, "insecure", false, "Allow communication with an insecure registry")
	return cmd
}

func create(ctx context.Context, s *session.Session, list imageref.Ref, names []string, insecure bool) error {
	from := registries(s, insecure)
	for _, name := range names {
		ref, err := named(name)
		if err != nil {
			return err
		}
		img, err := lists(s).get(list, ref)
		if fault.Is(err, fault.NotFound) || err == nil && len(img.Raw) == 0 {
			img, err = fetch(ctx, from, ref)
		}
		if err != nil {
			return err
		}
		if err := lists(s).put(list, ref, img); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(s.Out, "Created manifest list", list)
	return err
}
