package cli

import (
	"fmt"

	"berth/internal/cli/container"
	"berth/internal/cli/image"
	"berth/internal/cli/manifest"
	"berth/internal/cli/network"
	"berth/internal/cli/registry"
	"berth/internal/cli/session"
	"berth/internal/cli/system"
	"berth/internal/cli/volume"

	"github.com/spf13/cobra"
)

// newRoot builds the tree of commands.
func newRoot(s *session.Session, b system.Build) *cobra.Command {
	root := &cobra.Command{
		Use:              "berth [OPTIONS] COMMAND [ARG...]",
		Short:            "A self-sufficient runtime for containers",
		SilenceUsage:     true,
		SilenceErrors:    true,
		TraverseChildren: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				usage(s.Err, cmd)
				return nil
			}
			return fmt.Errorf("berth: unknown command: berth %s\n\nRun 'berth --help' for more information", args[0])
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return check(s, cmd) },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	s.Install(root.Flags())
	version := root.Flags().BoolP("version", "v", false, "Print version information and quit")
	run := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *version {
			full := system.BuildOf(b)
			_, err := fmt.Fprintf(s.Out, "Berth version %s, build %s\n", full.Version, full.Commit)
			return err
		}
		return run(cmd, args)
	}
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	root.PersistentFlags().Lookup("help").Hidden = true
	_ = root.PersistentFlags().MarkShorthandDeprecated("help", "use --help")
	root.SetFlagErrorFunc(session.FlagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { usage(s.Out, cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		usage(s.Err, cmd)
		return nil
	})
	root.SetHelpCommand(newHelp(s))
	root.AddCommand(container.TopLevel(s)...)
	root.AddCommand(image.TopLevel(s)...)
	root.AddCommand(
		registry.NewLogin(s), registry.NewLogout(s), registry.NewRegistry(s), registry.NewSearch(s), system.NewEvents(s), system.NewInfo(s, b), system.NewInspect(s), system.NewVersion(s, b),
		group(s, container.NewCommand(s)), group(s, image.NewCommand(s)), group(s, manifest.NewCommand(s)), group(s, system.NewCommand(s, b)), group(s, volume.NewCommand(s)), group(s, network.NewCommand(s)),
	)
	plainUseLines(root)
	return root
}

// check looks at the flags of any command before it runs.
func check(s *session.Session, cmd *cobra.Command) error {
	if !validLogLevel(s.Flags.LogLevel) {
		return fmt.Errorf("Unable to parse logging level: %s", s.Flags.LogLevel) //nolint:staticcheck // Docker's text
	}
	if err := session.CheckRefused(cmd); err != nil {
		return err
	}
	return s.CheckSince(cmd.Context(), cmd)
}

// group makes a management command answer without a verb as docker's do.
func group(s *session.Session, cmd *cobra.Command) *cobra.Command {
	cmd.Args = nil
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			usage(s.Err, cmd)
			return nil
		}
		return fmt.Errorf("berth: unknown command: %[1]s %[2]s\n\nUsage:  %[3]s\n\nRun '%[1]s --help' for more information",
			cmd.CommandPath(), args[0], cmd.UseLine())
	}
	return cmd
}

func newHelp(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about the command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || found == nil || len(rest) > 0 {
				return fmt.Errorf("unknown help topic: %v", joinWords(rest))
			}
			usage(s.Out, found)
			return nil
		},
		Hidden: true,
	}
}

// plainUseLines keeps cobra from adding "[flags]" to the lines that we write in full.
func plainUseLines(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, c := range cmd.Commands() {
		plainUseLines(c)
	}
}
