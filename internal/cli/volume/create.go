package volume

import (
	"errors"
	"fmt"
	"strings"

	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
)

// newCreate returns `volume create`.
func newCreate(s *session.Session) *cobra.Command {
	var wish volume.CreateRequest
	var labels, options []string
	var swarm cluster
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] [VOLUME]",
		Short: "Create a volume",
		Args:  session.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if wish.Name != "" {
					return errors.New("conflicting options: cannot specify a volume-name through both --name and as a positional arg")
				}
				wish.Name = args[0]
			}
			for _, o := range options {
				if strings.HasPrefix(o, "=") || o == "" {
					return fmt.Errorf("invalid argument %q for \"-o, --opt\" flag", o)
				}
			}
			wish.Labels, wish.DriverOpts = opts.ToMap(labels), opts.ToMap(options)
			wish.ClusterVolumeSpec = swarm.spec(cmd.Flags())
			client, err := s.Engine()
			if err != nil {
				return err
			}
			made, err := client.Volumes().Create(cmd.Context(), wish)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, made.Name)
			return err
		},
	}
	fs := cmd.Flags()
	swarm.flags(fs)
	fs.StringVarP(&wish.Driver, "driver", "d", "local", "Specify volume driver name")
	fs.StringVar(&wish.Name, "name", "", "Specify volume name")
	_ = fs.MarkHidden("name")
	fs.StringArrayVar(&labels, "label", nil, "Set metadata for a volume")
	fs.StringArrayVarP(&options, "opt", "o", nil, "Set driver specific options")
	return cmd
}
