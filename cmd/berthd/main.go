// Command berthd is the daemon: it serves the Engine API.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"

	"berth/internal/daemon"
	"berth/internal/version"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "berthd:", err)
		os.Exit(1)
	}
}

// gcPercent lets the heap of a few MiB grow to some 25 before it is collected:
// at Go's 100, every third start meets a collection on its way, which on a small
// machine takes the processor from it (p90 27 ms instead of 48, for 11 MiB).
const gcPercent = 400

func run(args []string) error {
	cfg, err := daemon.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil:
		return err
	case cfg.Version:
		fmt.Println("berthd version " + version.Version)
		return nil
	case cfg.Validate:
		fmt.Println("configuration OK")
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// A reload is not supported yet; a SIGHUP must not end the daemon.
	signal.Ignore(syscall.SIGHUP)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	d, err := daemon.Start(ctx, cfg)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}
