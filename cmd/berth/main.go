// Command berth is the client of the berth container engine: docker's commands
// and wording, talking the Engine API.
package main

import (
	"os"

	"berth/internal/cli"
	"berth/internal/cli/session"
	"berth/internal/cli/system"
)

// Set by the linker (-X main.version=…); never written afterwards.
var (
	version = "0.1.0-dev"
	commit  string
	built   string
)

func main() {
	os.Exit(cli.Main(session.New(), system.Build{Version: version, Commit: commit, Time: built}, os.Args[1:]))
}
