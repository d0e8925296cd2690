// Package prune removes what is not in use, kind by kind: what is asked before,
// what is sent, and what is said afterwards.
package prune

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/docker/go-units"
)

// Kind is a kind of object that can be pruned.
type Kind int

// The kinds, in the order in which they let go of each other.
const (
	Containers Kind = iota
	Networks
	Volumes
	Images
	BuildCache
)

// Options choose what goes.
type Options struct {
	All     bool // also what has a name
	Filters map[string][]string
}

// Warning says what would go, as an entry of a list.
func (k Kind) Warning(all bool) string {
	switch k {
	case Containers:
		return "all stopped containers"
	case Networks:
		return "all networks not used by at least one container"
	case Volumes:
		return "all anonymous volumes not used by at least one container"
	case Images:
		if all {
			return "all images without at least one container associated to them"
		}
		return "all dangling images"
	}
	if all {
		return "all build cache"
	}
	return "unused build cache"
}

// Run prunes one kind. It returns the space that is free again, in bytes, and
// the list of what went, empty when nothing did.
func (k Kind) Run(ctx context.Context, client *engine.Client, o Options) (uint64, string, error) {
	filters := maps.Clone(o.Filters)
	if filters == nil {
		filters = map[string][]string{}
	}
	var r engine.Pruned
	var err error
	switch k {
	case Containers:
		r, err = client.System().Prune(ctx, "containers", filters)
	case Networks:
		r, err = client.System().Prune(ctx, "networks", filters)
	case Volumes:
		r, err = client.System().Prune(ctx, "volumes", filters)
	case Images:
		filters["dangling"] = append(slices.Clone(filters["dangling"]), fmt.Sprint(!o.All))
		r, err = client.System().Prune(ctx, "images", filters)
	case BuildCache:
		r, err = client.System().PruneCache(ctx, o.All, filters)
	}
	if err != nil {
		return 0, "", err
	}
	space := r.SpaceReclaimed
	if k == Networks {
		space = 0
	}
	return space, report(r), nil
}

// report lists what went, with a heading.
func report(r engine.Pruned) string {
	var images []string
	for _, i := range r.ImagesDeleted {
		if i.Untagged != "" {
			images = append(images, "untagged: "+i.Untagged)
		} else {
			images = append(images, "deleted: "+i.Deleted)
		}
	}
	var b strings.Builder
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"Deleted Containers:", r.ContainersDeleted},
		{"Deleted Networks:", r.NetworksDeleted},
		{"Deleted Volumes:", r.VolumesDeleted},
		{"Deleted Images:", images},
		{"Deleted build cache objects:", r.CachesDeleted},
	} {
		if len(part.lines) > 0 {
			b.WriteString(part.title + "\n" + strings.Join(part.lines, "\n") + "\n")
		}
	}
	return b.String()
}

// Filters joins the command's filters with those of the configuration. A label
// that the command wants and the configuration excludes, or the other way
// round, is the command's to say.
func Filters(given map[string][]string, configured []string) map[string][]string {
	out := map[string][]string{}
	for k, v := range given {
		out[k] = slices.Clone(v)
	}
	opposite := map[string]string{"label": "label!", "label!": "label"}
	for _, f := range configured {
		k, v, ok := strings.Cut(f, "=")
		if !ok || opposite[k] != "" && slices.Contains(given[opposite[k]], v) {
			continue
		}
		if !slices.Contains(out[k], v) {
			out[k] = append(out[k], v)
		}
	}
	return out
}

// Ask prunes one kind after a question, unless force answers it.
func (k Kind) Ask(ctx context.Context, s *session.Session, o Options, force bool) error {
	if !force {
		what := k.Warning(o.All)
		if k == Volumes { // which `system prune` words in its own way
			what = map[bool]string{false: "anonymous local", true: "all local"}[o.All] + " volumes not used by at least one container"
		}
		yes, err := s.Confirm(ctx, "WARNING! This will remove "+what+".\nAre you sure you want to continue?")
		if err != nil {
			return err
		}
		if !yes {
			return session.Cancelled{What: "the prune has been cancelled"}
		}
	}
	client, err := s.Engine()
	if err != nil {
		return err
	}
	space, text, err := k.Run(ctx, client, o)
	if err != nil {
		return err
	}
	if text != "" {
		_, _ = fmt.Fprintln(s.Out, text)
	}
	_, err = fmt.Fprintln(s.Out, "Total reclaimed space:", Size(space))
	return err
}

// Size shows a number of bytes.
func Size(n uint64) string { return units.HumanSize(float64(n)) }

// Absent reports a kind that the daemon does not have.
func Absent(err error) bool { return fault.Is(err, fault.Unsupported) }
