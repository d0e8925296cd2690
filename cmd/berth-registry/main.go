// Command berth-registry is a registry: see internal/registry.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"berth/internal/registry/process"
	"berth/internal/version"
)

const usage = `Usage: berth-registry COMMAND

Commands:
  serve     Serve a registry
  gc        Remove what nobody can reach, where no registry is serving
  scrub     Compare everything with its digest, where no registry is serving
  version   Print the version

Run 'berth-registry COMMAND --help' for its flags.
`

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "berth-registry:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	switch args[0] {
	case "serve":
		return serve(args[1:])
	case "gc":
		return upkeep(args, process.Sweep)
	case "scrub":
		return upkeep(args, process.Scrub)
	case "version", "--version":
		fmt.Println("berth-registry version " + version.Version)
		return nil
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	}
	return fmt.Errorf("there is no command %q\n\n%s", args[0], usage)
}

func serve(args []string) error {
	o, err := process.Parse(args, os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return process.Run(ctx, o, os.Stderr)
}

// upkeep runs a command that works at the directory itself.
func upkeep(args []string, do func(context.Context, process.Options, io.Writer) error) error {
	o, err := process.ParseUpkeep(args[0], args[1:], os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return do(ctx, o, os.Stdout)
}
