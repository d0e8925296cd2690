package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"berth/internal/cli/platform"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"
	"berth/internal/cli/transfer"

	"github.com/moby/moby/api/types/auxprogress"
	"github.com/spf13/cobra"
)

const (
	onlyPlatform = `Using --platform pushes only the specified platform manifest of a multi-platform image index.
Other components, like attestations, will not be included.
To push the complete multi-platform image, remove the --platform flag.
`
	contentMissing = `You're trying to push a manifest list/index which 
				references multiple platform specific manifests, but not all of them are available locally
				or available to the remote repository.

				Make sure you have all the referenced content and try again.

				You can also push only a single platform specific manifest directly by specifying the platform you want to push with the --platform flag.`
)

type pushOptions struct {
	all, quiet bool
	platform   string
}

// NewPush returns `push`.
func NewPush(s *session.Session) *cobra.Command {
	o := &pushOptions{}
	cmd := &cobra.Command{
		Use:   "push [OPTIONS] NAME[:TAG]",
		Short: "Upload an image to a registry",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPush(cmd.Context(), s, o, args[0])
		},
		Annotations: map[string]string{"category-top": "6", "aliases": "berth image push, berth push"},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all-tags", "a", false, "Push all tags of an image to the repository")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Suppress verbose output")
	fs.StringVar(&o.platform, "platform", "", `Push a platform-specific manifest as a single-platform image to the registry.
Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`)
	session.Since(fs, "platform", "1.46")
	s.InstallTrust(fs)
	return cmd
}

func runPush(ctx context.Context, s *session.Session, o *pushOptions, name string) error {
	query := ""
	if o.platform != "" {
		var err error
		if query, err = platform.Query(o.platform); err != nil {
			_, _ = fmt.Fprintf(s.Err, "Invalid platform %s", o.platform)
			return err
		}
		note(s.Out, onlyPlatform)
	}
	ref, err := wanted(s, name, o.all, o.quiet)
	if err != nil {
		return err
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	t := transfer.Of(s, ref, "")
	t.Platform = query
	t.Tag = ref.Tag // a push has no digests
	stream, err := client.Images().Push(ctx, t)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	out := s.Out
	if o.quiet {
		out = io.Discard
	}
	var notes []string
	board := progress.NewBoard(out)
	err = board.Follow(progress.Stream{In: stream, Aux: func(aux json.RawMessage) { notes = append(notes, noteOn(aux, terminal.Is(s.Out))...) }})
	board.Close()
	if err == nil && o.quiet {
		_, err = fmt.Fprintln(s.Out, ref.String())
	}
	for _, text := range notes {
		note(s.Out, text)
	}
	return err
}

// noteOn words what the daemon tells of a push beside its progress.
func noteOn(aux json.RawMessage, colours bool) []string {
	var notes []string
	arrow := "%s -> %s"
	if colours {
		arrow = "\x1b[31m%s\x1b[0m -> \x1b[32m%s\x1b[0m"
	}
	var other auxprogress.ManifestPushedInsteadOfIndex
	if json.Unmarshal(aux, &other) == nil && other.ManifestPushedInsteadOfIndex {
		notes = append(notes, fmt.Sprintf("Not all multiplatform-content is present and only the available single-platform image was pushed\n"+arrow,
			other.OriginalIndex.Digest, other.SelectedManifest.Digest))
	}
	var missing auxprogress.ContentMissing
	if json.Unmarshal(aux, &missing) == nil && missing.ContentMissing {
		notes = append(notes, contentMissing)
	}
	return notes
}

// note prints a remark beside a sign that it is one.
func note(out io.Writer, text string) {
	sign, indent := " Info -> ", "         "
	if terminal.Is(out) {
		sign = "\x1b[104;30m\x1b[1mi\x1b[0m\x1b[0m\x1b[1m Info → \x1b[0m"
	}
	_, _ = fmt.Fprintln(out, "\n"+sign+strings.ReplaceAll(text, "\n", "\n"+indent))
}
