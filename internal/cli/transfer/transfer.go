// Package transfer moves images between a daemon and registries: what the API
// is told of an image, who logs in, and how a pull is shown.
package transfer

import (
	"context"
	"io"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/imageref"
	"berth/internal/cli/progress"
	"berth/internal/cli/session"
)

// Of is a reference as the API takes it, with the user's login to its registry.
func Of(s *session.Session, ref imageref.Ref, platform string) engine.Transfer {
	t := engine.Transfer{Name: ref.Name(), Tag: ref.Tag, Platform: strings.ToLower(platform)}
	if ref.Digest != "" {
		t.Tag = ref.Digest
	}
	t.Auth = s.Credentials().Header(ref.Domain)
	return t
}

// Pull has the daemon fetch something, and shows on a board how far it is. The
// title tells it from other pulls there.
func Pull(ctx context.Context, s *session.Session, t engine.Transfer, board *progress.Board, title string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	stream, err := client.Images().Pull(ctx, t)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	return board.Follow(progress.Stream{Title: title, In: stream})
}

// PullOne fetches one image and shows it on out.
func PullOne(ctx context.Context, s *session.Session, t engine.Transfer, out io.Writer) error {
	board := progress.NewBoard(out)
	defer board.Close()
	return Pull(ctx, s, t, board, "")
}
