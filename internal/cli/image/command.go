// Package image has the client's commands on images, one file a verb.
package image

import (
	"berth/internal/cli/session"

	"github.com/spf13/cobra"
)

// NewCommand returns `image` with its verbs.
func NewCommand(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Manage images",
		Args:  session.NoArgs,
	}
	cmd.AddCommand(NewHistory(s), NewImport(s), NewInspect(s), NewLoad(s), NewLs(s), NewProtect(s), NewPrune(s), NewPull(s), NewPush(s), NewRm(s), NewSave(s), NewTag(s), NewUnprotect(s))
	return cmd
}

// TopLevel returns the verbs that are also commands of their own.
func TopLevel(s *session.Session) []*cobra.Command {
	return []*cobra.Command{NewHistory(s), NewImages(s), NewImport(s), NewLoad(s), NewPull(s), NewPush(s), NewRmi(s), NewSave(s), NewTag(s)}
}

// aliases are shown by help under "Aliases".
func aliases(text string) map[string]string { return map[string]string{"aliases": text} }
