// Command berth-runtime is the OCI runtime command line over internal/runtime.
//
// It is a binary of its own: the compiler that it links would cost the keeper,
// which lives for months beside every container, 0.7 MiB of memory.
package main

import (
	"os"
	"path/filepath"
	"strings"

	"berth/internal/runtime"
)

const usage = `Usage: berth-runtime steps [--bundle DIR | CONFIG.JSON]
       berth-runtime --version

steps prints the program that a bundle's config.json compiles to: every system
call of the container's start, in order, with the reason for its place.
`

func main() { os.Exit(run(os.Args[1:])) }

// run obeys one command line and returns the exit status.
func run(args []string) int {
	fail := func(text string) int {
		os.Stderr.WriteString("berth-runtime: " + text + "\n")
		return 1
	}
	if len(args) == 0 {
		os.Stderr.WriteString(usage)
		return 1
	}
	switch args[0] {
	case "--version", "-v":
		// "spec:" is what engines look for; it names the runtime-spec version.
		os.Stdout.WriteString("berth-runtime version 0.1\nspec: 1.3.0\n")
		return 0
	case "--help", "-h", "help":
		os.Stdout.WriteString(usage)
		return 0
	case "steps":
		text, err := steps(args[1:])
		if err != nil {
			return fail(err.Error())
		}
		os.Stdout.WriteString(text)
		return 0
	}
	return fail("\"" + args[0] + "\" is not supported yet; see berth-runtime --help")
}

// steps compiles the config.json of a bundle, of the working directory by default.
func steps(args []string) (string, error) {
	path := "config.json"
	for len(args) > 0 {
		dir, joined := strings.CutPrefix(args[0], "--bundle=")
		switch {
		case joined:
			path, args = filepath.Join(dir, "config.json"), args[1:]
		case (args[0] == "--bundle" || args[0] == "-b") && len(args) > 1:
			path, args = filepath.Join(args[1], "config.json"), args[2:]
		default:
			path, args = args[0], args[1:]
		}
	}
	config, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return runtime.Steps(config)
}
