package cli

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/cli/session"
	"berth/internal/cli/system"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// dockers lists the commands that both clients have and that take the same,
// each once: a verb of a group that is a command of its own too is listed as that.
func dockers() []*cobra.Command {
	root := newRoot(&session.Session{Getenv: func(string) (string, bool) { return "", false }}, system.Build{})
	ours := []string{"explain", "registry", "logs", "pull", "protect", "unprotect", "snapshot", "snapshots", "rollback", "clone", "backup", "restore", "volume export", "volume import", "volume trash"}
	var out []*cobra.Command
	known := map[string]bool{}
	for _, c := range root.Commands() {
		known[c.Name()] = true
		if !c.Hidden && !slices.Contains(ours, c.Name()) && !c.HasSubCommands() {
			out = append(out, c)
		}
	}
	for _, group := range root.Commands() {
		for _, c := range group.Commands() {
			if !c.Hidden && !known[c.Name()] && !slices.Contains(ours, c.Name()) && !slices.Contains(ours, group.Name()) && !slices.Contains(ours, group.Name()+" "+c.Name()) {
				out = append(out, c)
			}
		}
	}
	return out
}

func TestWrongUsageIsAnsweredAsByTheStockClient(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	for _, c := range dockers() {
		path := strings.Fields(c.CommandPath())[1:]
		wrong := [][]string{{"--nope"}, {"-Z"}, {"a", "b", "c", "d", "--nope"}, {}}
		if c.Name() != "inspect" { // the stock client asks a swarm's objects too
			wrong = append(wrong, []string{"a", "b", "c", "d"})
		}
		var text, truth bool
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			switch {
			case flag.Hidden, flag.Name == "no-pause": // docker 29's
			case flag.NoOptDefVal == "" && !text:
				text = true
				wrong = append(wrong, []string{"--" + flag.Name})
			case flag.NoOptDefVal != "" && !truth:
				truth = true
				wrong = append(wrong, []string{"--" + flag.Name + "=maybe"})
			}
		})
		for _, args := range wrong {
			if len(args) == 0 && waits(c) {
				continue
			}
			f.same("", append(slices.Clone(path), args...)...)
		}
	}
	for _, args := range []string{
		"nope", "--nope", "-Z", "--nope ps", "container nope", "container nope x", "image nope", "image --nope", "system nope", "container nope x", "ps nope", "help nope", "help ps nope",
		"-H", "-l", "-l nope ps", "--log-level= ps", "run --nope", "run -Z x", "run", "run --pull", "run x --nope", "exec x", "exec", "container run", "image ls a b", "images ls", "images prune",
	} {
		f.same("", strings.Fields(args)...)
	}
}

// waits reports commands that without arguments ask the daemon for something.
func waits(c *cobra.Command) bool {
	return slices.Contains([]string{"events", "info", "version", "stats", "login", "logout", "load", "ps", "images", "ls", "prune", "df"}, c.Name())
}
