package image

import (
	"context"
	"fmt"
	"io"
	"slices"

	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/imagetree"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"
	"berth/internal/cli/terminal"

	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

type imagesOptions struct {
	all, quiet, noTrunc, digests, tree bool

	format string
	filter opts.Filters
}

// NewImages returns `images`.
func NewImages(s *session.Session) *cobra.Command {
	o := &imagesOptions{}
	cmd := &cobra.Command{
		Use:   "images [OPTIONS] [REPOSITORY[:TAG]]",
		Short: "List images",
		Args:  session.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := runImages(cmd.Context(), s, o, args)
			if err == nil && n == 0 && len(args) > 0 && cmd.CalledAs() == "images" {
				hint(s, args[0])
			}
			return err
		},
		Annotations: map[string]string{
			"category-top": "7", "aliases": "berth image ls, berth image list, berth images",
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all", "a", false, "Show all images (default hides intermediate images)")
	fs.BoolVar(&o.digests, "digests", false, "Show digests")
	fs.VarP(&o.filter, "filter", "f", "Filter output based on conditions provided")
	fs.StringVar(&o.format, "format", "", format.Help)
	fs.BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Only show image IDs")
	fs.BoolVar(&o.tree, "tree", false, "List multi-platform images as a tree (EXPERIMENTAL)")
	session.Since(fs, "tree", treeSince)
	return cmd
}

// NewLs returns `image ls`, which is images.
func NewLs(s *session.Session) *cobra.Command {
	cmd := NewImages(s)
	cmd.Use, cmd.Aliases = "ls [OPTIONS] [REPOSITORY[:TAG]]", []string{"list"}
	return cmd
}

func runImages(ctx context.Context, s *session.Session, o *imagesOptions, args []string) (int, error) {
	if err := o.checkTree(); err != nil {
		return 0, err
	}
	client, err := s.Engine()
	if err != nil {
		return 0, err
	}
	if len(args) > 0 {
		o.filter.Add("reference", args[0])
	}
	text := o.format
	if text == "" && !o.quiet && !o.tree {
		text = s.Config().ImagesFormat
	}
	// People see the new view, scripts the table that they know.
	view := o.tree || text == "" && !o.quiet && !o.noTrunc && !o.digests && s.IsOutTerminal()
	images, err := client.Images().List(ctx, engine.ImageListOptions{All: o.all, Manifests: view, Filters: o.filter.Values})
	if err != nil {
		return 0, err
	}
	if view && !engine.Older(client.Version(), treeSince) {
		return showTree(s, o, images)
	}
	if text == "" {
		text = "table"
	}
	text = imagesFormat(text, o.quiet, o.digests)
	var rows []*Row
	for _, img := range images {
		rows = append(rows, expand(img, needsDigests(text, o.digests), o.digests, !o.noTrunc)...)
	}
	return len(images), format.Write(s.Out, text, Header(), rows)
}

// treeSince is the version of the API that tells of an image's manifests.
const treeSince = "1.47"

func (o *imagesOptions) checkTree() error {
	if !o.tree {
		return nil
	}
	for _, flag := range []struct {
		name  string
		given bool
	}{{"quiet", o.quiet}, {"no-trunc", o.noTrunc}, {"show-digest", o.digests}, {"format", o.format != ""}} {
		if flag.given {
			return fmt.Errorf("--%s is not yet supported with --tree", flag.name)
		}
	}
	return nil
}

// showTree lists images as docker does since 29: those without a name only when
// they are asked for.
func showTree(s *session.Session, o *imagesOptions, images []image.Summary) (int, error) {
	if dangling := o.filter.Values["dangling"]; !o.all && (len(dangling) == 0 || slices.Contains(dangling, "false")) {
		images = slices.DeleteFunc(images, func(img image.Summary) bool { return len(img.RepoTags) == 0 })
	}
	_, width := terminal.Size(s.Out)
	plain, _ := s.Getenv("NO_COLOR")
	look := imagetree.Look{Expanded: o.tree, Width: int(width), Colours: s.IsOutTerminal() && plain == ""}
	_, err := io.WriteString(s.Out, imagetree.Text(images, look))
	return len(images), err
}

func imagesFormat(text string, quiet, digests bool) string {
	digest := ""
	switch {
	case quiet && text == "raw":
		return "image_id: {{.ID}}"
	case quiet && text == "table":
		return "{{.ID}}"
	case text == "table":
		if digests {
			digest = `{{.Digest}}\t`
		}
		return `table {{.Repository}}\t{{.Tag}}\t` + digest +
			`{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}`
	case text == "raw":
		return RawFormat(digests)
	}
	return text
}

// RawFormat is the template behind --format raw.
func RawFormat(digests bool) string {
	digest := ""
	if digests {
		digest = "digest: {{.Digest}}\n"
	}
	return "repository: {{ .Repository }}\ntag: {{.Tag}}\n" + digest +
		"image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
}

// hint helps those who typed `images ls` and meant `image ls`.
func hint(s *session.Session, name string) {
	verbs := []string{"build", "history", "import", "inspect", "list", "load", "ls", "prune", "pull", "push", "rm", "save", "tag"}
	if slices.Contains(verbs, name) {
		_, _ = fmt.Fprintf(s.Err, "No images found matching %q: did you mean \"berth image %[1]s\"?\n", name)
	}
}
