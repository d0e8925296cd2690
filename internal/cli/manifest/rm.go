package manifest

import (
	"errors"

	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

func newRm(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "rm MANIFEST_LIST [MANIFEST_LIST...]",
		Short: "Delete one or more manifest lists from local storage",
		Args:  session.MinArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var errs []error
			for _, name := range args {
				list, err := named(name)
				if err == nil {
					_, err = lists(s).all(list)
				}
				if err == nil {
					err = lists(s).remove(list)
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
}
