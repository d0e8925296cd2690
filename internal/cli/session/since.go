package session

import (
	"context"

	"berth/internal/cli/engine"
	"berth/internal/fault"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const sinceKey = "version"

// Since notes that daemons know what a flag asks for since a version of the
// API. An older one would ignore it, so using it there is an error. What every
// daemon since API 1.41 knows needs no note.
func Since(fs *pflag.FlagSet, name, version string) {
	_ = fs.SetAnnotation(name, sinceKey, []string{version}) // fails for flags that there are not
}

// CheckSince fails when a flag was used that the daemon does not know. Without
// such a flag it does not ask the daemon.
func (s *Session) CheckSince(ctx context.Context, cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if since := f.Annotations[sinceKey]; err == nil && len(since) > 0 {
			err = s.checkSince(ctx, f.Name, since[0])
		}
	})
	return err
}

func (s *Session) checkSince(ctx context.Context, flag, since string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	version, err := client.Negotiate(ctx)
	if err != nil {
		return err
	}
	if engine.Older(version, since) {
		return fault.New(fault.Unsupported, `"--%s" requires API version %s, but the Docker daemon API version is %s`, flag, since, version)
	}
	return nil
}
