// Command berth-keeper is the parent of every container: see internal/keeper.
package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"berth/internal/keeper"
	"berth/internal/launch"
)

const usage = `Usage: berth-keeper --root DIR [--linger DURATION] [--executor asm|reexec]

Keeps the containers of one exec root; berthd starts it.

  --root DIR           the daemon's exec root: the socket is DIR/keeper.sock
  --linger DURATION    how long to stay without daemon and container (default 5s)
  --executor NAME      how programs are started: asm (default) or reexec
`

func main() {
	launch.InitMain() // a re-exec'd init never comes back from here
	if len(os.Args) == 3 && os.Args[1] == keeper.RestoresFlag {
		restores(os.Args[2])
	}
	o, executor, err := parse(os.Args[1:])
	if err != nil {
		os.Stderr.WriteString("berth-keeper: " + err.Error() + "\n\n" + usage)
		os.Exit(2)
	}
	if err := keep(o, executor); err != nil {
		o.Log(err.Error())
		if errors.Is(err, keeper.ErrRunning) {
			os.Exit(0) // somebody else was faster, and answers
		}
		os.Exit(1)
	}
}

// restores answers whether this build can take over from a keeper of a protocol version.
func restores(version string) {
	if v, err := strconv.Atoi(version); err != nil || !keeper.Restores(v) {
		os.Exit(1)
	}
	os.Exit(0)
}

// parse reads the flags by hand: package flag would weigh more than they do.
func parse(args []string) (o keeper.Options, executor string, err error) {
	o = keeper.Options{Linger: 5 * time.Second, Log: logLine, Again: os.Args}
	executor = os.Getenv("BERTH_EXECUTOR")
	for ; len(args) > 0; args = args[2:] {
		if len(args) == 1 {
			return o, "", errors.New("flag " + args[0] + " is unknown or needs a value")
		}
		switch args[0] {
		case "--root":
			o.Root = args[1]
		case "--linger":
			if o.Linger, err = time.ParseDuration(args[1]); err != nil {
				return o, "", err
			}
		case keeper.RenewFlag:
			fd, err := strconv.Atoi(args[1])
			if err != nil || fd < 3 {
				return o, "", errors.New("flag " + args[0] + " is for a keeper that executes another in its place")
			}
			o.State = os.NewFile(uintptr(fd), "state")
		case "--executor":
			executor = args[1]
		default:
			return o, "", errors.New("unknown flag: " + args[0])
		}
	}
	if !filepath.IsAbs(o.Root) {
		return o, "", errors.New("--root needs an absolute directory")
	}
	return o, executor, nil
}

func keep(o keeper.Options, executor string) error {
	// The heap is some hundred KiB; collecting often costs nothing and keeps the
	// process small for the months that it lives.
	debug.SetGCPercent(10)
	debug.SetMemoryLimit(16 << 20)
	debug.FreeOSMemory()
	x, err := newExecutor(executor)
	if err != nil {
		return err
	}
	o.Executor = x
	return keeper.Serve(o)
}

func newExecutor(name string) (launch.Executor, error) {
	switch name {
	case "", "asm":
		return launch.NewAsm()
	case "reexec":
		return launch.NewReexec()
	}
	return nil, errors.New("there is no executor " + name)
}

func logLine(line string) {
	os.Stderr.WriteString(time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " berth-keeper: " + line + "\n")
}
