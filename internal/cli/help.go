package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"berth/internal/cli/terminal"

	"github.com/spf13/cobra"
)

// usage prints a command's help in docker's layout. It is plain Go rather than
// cobra's template, whose parsing every help would pay for.
func usage(out io.Writer, cmd *cobra.Command) {
	var b strings.Builder
	b.WriteString("Usage:  " + useLine(cmd) + "\n\n" + cmp.Or(cmd.Long, cmd.Short) + "\n")
	if text := aliasText(cmd); text != "" {
		b.WriteString("\nAliases:\n  " + text + "\n")
	}
	if cmd.HasParent() && cmd.LocalFlags().HasAvailableFlags() {
		b.WriteString("\nOptions:\n" + flagText(out, cmd))
	}
	if cmd.HasSubCommands() {
		commands(&b, cmd)
	}
	if !cmd.HasParent() {
		b.WriteString("\nGlobal Options:\n" + flagText(out, cmd))
	}
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, "\nRun '%s COMMAND --help' for more information on a command.\n", cmd.CommandPath())
	}
	_, _ = io.WriteString(out, b.String())
}

func useLine(cmd *cobra.Command) string {
	if !cmd.HasSubCommands() {
		return cmd.UseLine()
	}
	if cmd.HasParent() {
		return cmd.CommandPath() + " COMMAND"
	}
	return cmd.CommandPath() + " [OPTIONS] COMMAND"
}

func aliasText(cmd *cobra.Command) string {
	if text := cmd.Annotations["aliases"]; text != "" {
		return text
	}
	if len(cmd.Aliases) == 0 || !cmd.HasParent() {
		return ""
	}
	text := cmd.CommandPath()
	for _, a := range cmd.Aliases {
		text += ", " + cmd.Parent().CommandPath() + " " + a
	}
	return text
}

func flagText(out io.Writer, cmd *cobra.Command) string {
	width := 80
	if _, w := terminal.Size(out); w > 0 {
		width = int(w)
	}
	return strings.TrimRight(cmd.LocalFlags().FlagUsagesWrapped(width-1), " \n") + "\n"
}

// commands lists the commands below cmd: at the root the common ones first,
// then the groups, then the rest.
func commands(b *strings.Builder, cmd *cobra.Command) {
	var common, groups, rest []*cobra.Command
	for _, c := range cmd.Commands() {
		_, top := c.Annotations["category-top"]
		switch {
		case !c.IsAvailableCommand():
		case top && !cmd.HasParent():
			common = append(common, c)
		case c.HasSubCommands():
			groups = append(groups, c)
		default:
			rest = append(rest, c)
		}
	}
	slices.SortStableFunc(common, func(x, y *cobra.Command) int {
		return cmp.Compare(rank(x), rank(y))
	})
	section(b, "Common Commands", common)
	section(b, "Management Commands", groups)
	section(b, "Commands", rest)
}

func rank(c *cobra.Command) int {
	n, _ := strconv.Atoi(c.Annotations["category-top"])
	return n
}

func section(b *strings.Builder, title string, list []*cobra.Command) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\n" + title + ":\n")
	for _, c := range list {
		fmt.Fprintf(b, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
	}
}

func joinWords(words []string) string { return strings.Join(words, " ") }
