// Package backup has the client's commands that carry volumes out of the engine and into it, one file a verb.
package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/imageref"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"
	"berth/internal/fault"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// Commands returns the verbs of `volume` that are about this.
func Commands(s *session.Session) []*cobra.Command {
	return []*cobra.Command{newBackup(s), newRestore(s), newExport(s), newImport(s)}
}

// long says what a place is.
const long = `
A place for backups is a directory of the daemon's host, given by a path that begins with "/" or ".", or a
repository of a registry. A tag may follow after a colon.`

// newBackup returns `volume backup`, with `ls` and `prune` below it.
func newBackup(s *session.Session) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "backup [OPTIONS] VOLUME [VOLUME...] PLACE",
		Short: "Back up one or more volumes, be they in use, to a directory or a registry",
		Long:  "Back up one or more volumes, be they in use, to a directory or a registry. What is there from earlier backups is not sent again.\n" + long,
		Args:  session.MinArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := spot(s, args[len(args)-1])
			if err != nil {
				return err
			}
			volumes := args[:len(args)-1]
			if len(volumes) > 1 && tagged(to.Address) {
				return fault.New(fault.Invalid, "a tag can be given for the backup of one volume only")
			}
			for _, name := range volumes {
				if err := runBackup(cmd.Context(), s, name, to, quiet); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only display the tags of the backups")
	cmd.AddCommand(newLs(s), newPrune(s))
	return cmd
}

func runBackup(ctx context.Context, s *session.Session, name string, to engine.Spot, quiet bool) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	stream, err := client.Backups().Make(ctx, name, to)
	if err != nil {
		return err
	}
	made, err := follow(s, stream, quiet)
	if err != nil {
		return err
	}
	if quiet {
		_, err = fmt.Fprintln(s.Out, made.Tag)
	} else {
		_, err = fmt.Fprintf(s.Out, "%s: backed up as %s: %s, of which %s are new\n", name, made.Tag, units.HumanSize(float64(made.Size)), units.HumanSize(float64(made.SentSize)))
	}
	return err
}

// follow shows a stream until it ends, and returns the backup that is in it.
func follow(s *session.Session, stream io.ReadCloser, quiet bool) (made engine.Backup, err error) {
	defer func() { _ = stream.Close() }()
	out := s.Out
	if quiet {
		out = io.Discard
	}
	var bad error
	board := progress.NewBoard(out)
	err = board.Follow(progress.Stream{In: stream, Aux: func(aux json.RawMessage) { bad = json.Unmarshal(aux, &made) }})
	board.Close()
	if err == nil {
		err = bad
	}
	if err == nil && made.Tag == "" {
		err = io.ErrUnexpectedEOF // the daemon has gone
	}
	return made, err
}

// spot is a place as a user writes it, with his login to it. A path is one of the daemon's host: below the working
// directory only if that is this one.
func spot(s *session.Session, text string) (engine.Spot, error) {
	if strings.HasPrefix(text, ".") {
		client, err := s.Engine()
		if err != nil {
			return engine.Spot{}, err
		}
		if !strings.HasPrefix(client.Host(), "unix://") {
			return engine.Spot{}, fault.New(fault.Invalid, "a directory for backups is one of the daemon's host, which is not this one: %s has to be an absolute path", text)
		}
		if text, err = filepath.Abs(text); err != nil {
			return engine.Spot{}, err
		}
	}
	if strings.HasPrefix(text, "/") {
		return engine.Spot{Address: text}, nil
	}
	ref, err := imageref.Parse(text)
	if err != nil {
		return engine.Spot{}, err
	}
	return engine.Spot{Address: text, Auth: s.Credentials().Header(ref.Domain)}, nil
}

func tagged(address string) bool {
	return strings.LastIndexByte(address, ':') > strings.LastIndexByte(address, '/')
}
