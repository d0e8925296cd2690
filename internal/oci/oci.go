//go:build linux

// Package oci is the command line of berth-runtime: what runc and crun have,
// with their flags, their words and their exit codes, so that engines can use
// it in their place.
package oci

import (
	"errors"
	"flag"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/oci/life"
	"berth/internal/oci/store"
	"berth/internal/runtime"
	"berth/internal/version"
)

// command is one command line after its global flags.
type command struct {
	r   *life.Runtime
	log *log
}

// verb is one command of the runtime's. The exit code matters when there is no error.
type verb struct {
	name  string
	args  string // for the help
	about string
	run   func(*command, []string) (int, error)
}

// verbs is all that the runtime can do.
func verbs() []verb {
	return []verb{
		{"create", "[flags] ID", "make a container that waits for start", (*command).create},
		{"start", "ID", "let a created container run", (*command).start},
		{"run", "[flags] ID", "create, start, wait and delete", (*command).runVerb},
		{"state", "ID", "print a container's state as JSON", (*command).state},
		{"kill", "[--all] ID [SIGNAL]", "send a signal", (*command).kill},
		{"delete", "[--force] ID", "forget a container", (*command).delete},
		{"exec", "[flags] ID [COMMAND ARG...]", "run a further process in a container", (*command).exec},
		{"ps", "[--format table|json] ID [PS OPTION...]", "list a container's processes", (*command).ps},
		{"pause", "ID", "stop all processes of a container", (*command).pause},
		{"resume", "ID", "let them go on", (*command).resume},
		{"update", "[--resources FILE|-] [flags] ID", "change limits", (*command).update},
		{"events", "[--stats] [--interval DURATION] ID", "print what a container uses, as JSON", (*command).events},
		{"list", "[--format table|json] [-q]", "list all containers", (*command).list},
		{"spec", "[--bundle DIR] [--rootless]", "write a config.json to begin with", (*command).spec},
		{"features", "", "print what the runtime can do, as JSON", (*command).features},
		{"checkpoint", "[--image-path DIR] [--leave-running] [flags] ID", "write a container into files, with criu", (*command).checkpoint},
		{"restore", "[--image-path DIR] [--bundle DIR] [flags] ID", "make a container from such files, with criu", (*command).restore},
		{"steps", "[--bundle DIR | CONFIG.JSON]", "print the system calls that start a bundle, and why", (*command).steps},
	}
}

func usage() string {
	var b strings.Builder
	b.WriteString("Usage: berth-runtime [global flags] COMMAND [flags] [arguments]\n\nCommands:\n")
	for _, v := range verbs() {
		b.WriteString("  " + v.name + " " + v.args + "\n        " + v.about + "\n")
	}
	b.WriteString("\nGlobal flags:\n" + globals)
	return b.String()
}

const globals = `  --root DIR            where the containers' states are (default /run/berth-runtime)
  --log FILE            where messages go (default standard error)
  --log-format FORMAT   text or json
  --debug               more messages
  --systemd-cgroup      let systemd make the control groups
  --rootless true|false|auto
  --version
`

// Main obeys a command line and returns the exit status.
func Main(args []string) int {
	fs := flags("berth-runtime")
	root := fs.String("root", "", "")
	logFile := fs.String("log", "", "")
	format := fs.String("log-format", "", "")
	debug := fs.Bool("debug", false, "")
	systemd := fs.Bool("systemd-cgroup", false, "")
	rootless := fs.String("rootless", "auto", "")
	fs.String("criu", "", "") // obsolete, and ignored by runc too
	show := fs.Bool("version", false, "")
	fs.BoolVar(show, "v", false, "")
	parsed := fs.Parse(args)
	l, err := openLog(*logFile, *format, *debug)
	if err == nil {
		err = parsed
	}
	switch {
	case errors.Is(err, flag.ErrHelp), err == nil && fs.Arg(0) == "help":
		os.Stdout.WriteString(usage())
		return 0
	case err == nil && *show:
		// "spec:" is what engines look for; it names the runtime-spec version.
		os.Stdout.WriteString("berth-runtime version " + version.Version + "\nspec: " + specs.Version + "\n")
		return 0
	case err == nil && fs.NArg() == 0:
		os.Stderr.WriteString(usage())
		return 1
	case err == nil && *rootless != "auto" && *rootless != "true" && *rootless != "false":
		err = fault.New(fault.Invalid, "--rootless is true, false or auto, not %q", *rootless)
	}
	if err != nil {
		l.fail(err)
		return 1
	}
	c := &command{log: l, r: &life.Runtime{Store: store.At(rootDir(*root)), Systemd: *systemd, Warn: l.warn}}
	return c.obey(fs.Args())
}

// obey runs one verb.
func (c *command) obey(args []string) int {
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		code, err := v.run(c, args[1:])
		if errors.Is(err, flag.ErrHelp) {
			os.Stdout.WriteString("Usage: berth-runtime " + v.name + " " + v.args + "\n\n" + v.about + "\n")
			return 0
		}
		if err != nil {
			c.log.fail(err)
			if code == 0 {
				code = 1
			}
		}
		return code
	}
	c.log.fail(fault.New(fault.Invalid, "No help topic for '%s'", args[0]))
	return 3 // runc's
}

// rootDir is where states are kept; a user without privileges has a place of his own.
func rootDir(given string) string {
	if given != "" {
		return given
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && os.Geteuid() != 0 {
		return dir + "/berth-runtime"
	}
	return "/run/berth-runtime"
}

func flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// parse reads a verb's flags and checks how many arguments there are.
func parse(fs *flag.FlagSet, args []string, least, most int) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fault.As(fault.Invalid, err)
	}
	if n := fs.NArg(); n < least || n > most {
		return fault.New(fault.Invalid, "\"%s\" takes %d to %d arguments, not %d", fs.Name(), least, most, n)
	}
	return nil
}

// steps prints the program of a bundle.
func (c *command) steps(args []string) (int, error) {
	fs := flags("steps")
	bundle := bundleFlag(fs)
	if err := parse(fs, args, 0, 1); err != nil {
		return 0, err
	}
	path := *bundle + "/config.json"
	if fs.NArg() == 1 {
		path = fs.Arg(0)
	}
	config, err := os.ReadFile(path)
	if err != nil {
		return 0, fault.Wrap(fault.NotFound, err, "The bundle cannot be read")
	}
	text, err := runtime.Steps(config)
	os.Stdout.WriteString(text)
	return 0, err
}

func bundleFlag(fs *flag.FlagSet) *string {
	bundle := fs.String("bundle", ".", "")
	fs.StringVar(bundle, "b", ".", "")
	return bundle
}
