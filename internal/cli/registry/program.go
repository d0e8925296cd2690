package registry

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/spf13/cobra"
)

// program is the registry: a server weighs too much for a client that starts in
// milliseconds.
const program = "berth-registry"

// NewRegistry returns `registry`, which is the program berth-registry by another name.
func NewRegistry(*session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "registry COMMAND [ARG...]",
		Short: "Serve images to others, and look after what is served (serve, gc, scrub, ...)",
		// All flags are the program's, --help among them.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			own, _ := os.Executable() // unknown: then only the PATH is left
			path, err := find(own)
			switch {
			case err != nil && len(args) > 0 && (args[0] == "--help" || args[0] == "-h"):
				return cmd.Help() // what there would be to say, but for the program's own help
			case err != nil:
				return err
			}
			return become(path, append([]string{program}, args...))
		},
	}
}

// find looks for the program beside ours, also where ours is a link to, and then in the PATH.
func find(own string) (string, error) {
	name := program
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if own != "" {
		beside := []string{own}
		if target, err := filepath.EvalSymlinks(own); err == nil && target != own {
			beside = append(beside, target)
		}
		for _, p := range beside {
			if path, err := exec.LookPath(filepath.Join(filepath.Dir(p), name)); err == nil {
				return path, nil
			}
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fault.New(fault.NotFound, "berth: the registry is a program of its own, %s, which is neither beside berth nor in the PATH: install it to use 'berth registry'", program)
	}
	return path, nil
}
