// Command berth is the client of the berth container engine: docker's commands
// and wording, talking the Engine API.
package main

import (
	"os"
	"runtime/debug"

	"berth/internal/cli"
	"berth/internal/cli/session"
	"berth/internal/cli/system"
	"berth/internal/version"
)

func main() {
	// Most commands end before they have used what a second collection would give back.
	debug.SetGCPercent(400)
	os.Exit(cli.Main(session.New(), system.Build{Version: version.Version}, os.Args[1:]))
}
