//go:build linux

package oci

import (
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/oci/life"
)

// createFlags are the flags that create and run share.
func createFlags(fs *flag.FlagSet, o *life.CreateOptions) {
	fs.StringVar(&o.Bundle, "bundle", ".", "")
	fs.StringVar(&o.Bundle, "b", ".", "")
	fs.StringVar(&o.ConsoleSocket, "console-socket", "", "")
	fs.StringVar(&o.PidFile, "pid-file", "", "")
	fs.StringVar(&o.PidfdSocket, "pidfd-socket", "", "")
	fs.IntVar(&o.PreserveFds, "preserve-fds", 0, "")
	fs.BoolVar(&o.NoPivot, "no-pivot", false, "")
	fs.BoolVar(&o.NoNewKeyring, "no-new-keyring", false, "")
}

func (c *command) create(args []string) (int, error) {
	var o life.CreateOptions
	fs := flags("create")
	createFlags(fs, &o)
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	o.ID = fs.Arg(0)
	if err := c.r.Protect(); err != nil {
		return 0, err
	}
	err := c.r.Create(o)
	return 0, fault.Wrap(fault.KindOf(err), err, "runc create failed")
}

func (c *command) runVerb(args []string) (int, error) {
	var o life.CreateOptions
	fs := flags("run")
	createFlags(fs, &o)
	fs.BoolVar(&o.Detach, "detach", false, "")
	fs.BoolVar(&o.Detach, "d", false, "")
	fs.BoolVar(&o.Keep, "keep", false, "")
	fs.BoolVar(new(bool), "no-subreaper", false, "") // this runtime is never one
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	o.ID = fs.Arg(0)
	if err := c.r.Protect(); err != nil {
		return 0, err
	}
	code, err := c.r.Run(o)
	return code, fault.Wrap(fault.KindOf(err), err, "runc run failed")
}

// one is a verb that has no flags and one container.
func one(name string, args []string) (string, error) {
	fs := flags(name)
	err := parse(fs, args, 1, 1)
	return fs.Arg(0), err
}

func (c *command) start(args []string) (int, error) {
	id, err := one("start", args)
	if err == nil {
		err = c.r.Start(id)
	}
	return 0, err
}

func (c *command) state(args []string) (int, error) {
	id, err := one("state", args)
	if err != nil {
		return 0, err
	}
	s, err := c.r.State(id)
	if err != nil {
		return 0, err
	}
	return 0, printJSON(s)
}

func printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = os.Stdout.Write(append(data, '\n'))
	}
	return fault.Wrap(fault.Internal, err, "The answer cannot be written")
}

// printLine prints compact JSON, as runc does for lists.
func printLine(v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = os.Stdout.Write(append(data, '\n'))
	}
	return fault.Wrap(fault.Internal, err, "The answer cannot be written")
}

func (c *command) kill(args []string) (int, error) {
	fs := flags("kill")
	all := fs.Bool("all", false, "")
	fs.BoolVar(all, "a", false, "")
	if err := parse(fs, args, 1, 2); err != nil {
		return 0, err
	}
	sig, err := signalOf(fs.Arg(1))
	if err != nil {
		return 0, err
	}
	return 0, c.r.Kill(fs.Arg(0), sig, *all)
}

// signalOf reads "", "15", "TERM" and "SIGTERM".
func signalOf(text string) (unix.Signal, error) {
	if text == "" {
		return unix.SIGTERM, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > 64 {
			return 0, fault.New(fault.Invalid, "unknown signal %q", text)
		}
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, fault.New(fault.Invalid, "unknown signal %q", text)
}

func (c *command) delete(args []string) (int, error) {
	fs := flags("delete")
	force := fs.Bool("force", false, "")
	fs.BoolVar(force, "f", false, "")
	if err := parse(fs, args, 1, 1); err != nil {
		return 0, err
	}
	return 0, c.r.Delete(fs.Arg(0), *force)
}
