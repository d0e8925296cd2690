// Package system has the client's commands on the daemon and on objects of any kind.
package system

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"berth/internal/cli/container"
	"berth/internal/cli/engine"
	"berth/internal/cli/format"
	"berth/internal/cli/image"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// objectTypes are the values of --type, in docker's order.
func objectTypes() []string {
	return []string{"config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"}
}

type inspectOptions struct {
	format, kind string
	size         bool
}

// NewInspect returns `inspect`.
func NewInspect(s *session.Session) *cobra.Command {
	o := &inspectOptions{}
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] NAME|ID [NAME|ID...]",
		Short: "Return low-level information on Docker objects",
		Args:  session.MinArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list := `"` + strings.Join(objectTypes(), `", "`) + `"`
			switch {
			case o.kind == "" && cmd.Flags().Changed("type"):
				return fmt.Errorf(`type is empty: must be one of %s`, list)
			case o.kind != "" && !slices.Contains(objectTypes(), o.kind):
				return fmt.Errorf(`unknown type: %q: must be one of %s`, o.kind, list)
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return format.Inspect(s.Out, args, o.format, func(ref string) (format.Inspected, error) {
				return o.find(cmd.Context(), s, client, ref)
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.format, "format", "f", "", format.InspectHelp)
	fs.BoolVarP(&o.size, "size", "s", false, "Display total file sizes if the type is container")
	fs.StringVar(&o.kind, "type", "", "Only inspect objects of the given type")
	return cmd
}

// find asks for an object of the given type, or tries the types in docker's
// order. Objects of a swarm are looked for only when asked by type.
func (o *inspectOptions) find(ctx context.Context, s *session.Session, client *engine.Client, ref string) (format.Inspected, error) {
	kinds := []string{"container", "image", "network", "volume"}
	if o.kind != "" {
		kinds = []string{o.kind}
	}
	for _, kind := range kinds {
		found, err := o.get(ctx, client, kind, ref)
		if err == nil {
			if o.size && kind != "container" {
				_, _ = fmt.Fprintln(s.Err, "WARNING: --size ignored for", kind)
			}
			return found, nil
		}
		skip := fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unsupported) || fault.Is(err, fault.Invalid)
		if o.kind != "" || !skip {
			return format.Inspected{}, err
		}
	}
	return format.Inspected{}, fmt.Errorf("Error: No such object: %s", ref) //nolint:staticcheck // Docker's text
}

func (o *inspectOptions) get(ctx context.Context, client *engine.Client, kind, ref string) (format.Inspected, error) {
	switch kind {
	case "container":
		return container.Inspect(ctx, client, ref, o.size)
	case "image":
		return image.Inspect(ctx, client, ref, "")
	}
	raw, err := client.System().ObjectRaw(ctx, kind+"s", ref)
	return format.Inspected{Raw: raw}, err
}
