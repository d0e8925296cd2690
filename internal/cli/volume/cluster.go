package volume

import (
	"maps"
	"slices"
	"strings"

	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// cluster is what a volume of a swarm is asked to be: the daemon answers that it is in none.
type cluster struct {
	availability, group, scope, sharing, kind string
	limit, required                           opts.Bytes
	secrets                                   opts.Map
	preferred, requisite                      opts.List
}

// flags adds the flags of `volume create`.
func (c *cluster) flags(fs *pflag.FlagSet) {
	fs.StringVar(&c.availability, "availability", "active", `Cluster Volume availability ("active", "pause", "drain")`)
	fs.StringVar(&c.group, "group", "", "Cluster Volume group (cluster volumes)")
	fs.Var(&c.limit, "limit-bytes", "Minimum size of the Cluster Volume in bytes")
	fs.Var(&c.required, "required-bytes", "Maximum size of the Cluster Volume in bytes")
	fs.StringVar(&c.scope, "scope", "single", `Cluster Volume access scope ("single", "multi")`)
	fs.Var(&c.secrets, "secret", "Cluster Volume secrets")
	fs.StringVar(&c.sharing, "sharing", "none", `Cluster Volume access sharing ("none", "readonly", "onewriter", "all")`)
	fs.Var(&c.preferred, "topology-preferred", "A topology that the Cluster Volume would be preferred in")
	fs.Var(&c.requisite, "topology-required", "A topology that the Cluster Volume must be accessible from")
	fs.StringVar(&c.kind, "type", "block", `Cluster Volume access type ("mount", "block")`)
	for _, name := range clusterFlags() {
		session.Since(fs, name, "1.42")
	}
}

func clusterFlags() []string {
	return []string{"availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing", "topology-preferred", "topology-required", "type"}
}

// spec is nil when none of the flags was used.
func (c *cluster) spec(fs *pflag.FlagSet) *volume.ClusterVolumeSpec {
	if !slices.ContainsFunc(clusterFlags(), fs.Changed) {
		return nil
	}
	spec := &volume.ClusterVolumeSpec{
		Group: c.group, Availability: volume.Availability(c.availability),
		AccessMode:                &volume.AccessMode{Scope: volume.Scope(c.scope), Sharing: volume.SharingMode(c.sharing)},
		CapacityRange:             &volume.CapacityRange{RequiredBytes: int64(c.required), LimitBytes: int64(c.limit)},
		AccessibilityRequirements: &volume.TopologyRequirement{Requisite: topologies(c.requisite.Values), Preferred: topologies(c.preferred.Values)},
	}
	switch c.kind {
	case "mount":
		spec.AccessMode.MountVolume = &volume.TypeMount{}
	case "block":
		spec.AccessMode.BlockVolume = &volume.TypeBlock{}
	}
	for _, key := range slices.Sorted(maps.Keys(c.secrets.Values)) {
		spec.Secrets = append(spec.Secrets, volume.Secret{Key: key, Secret: c.secrets.Values[key]})
	}
	return spec
}

// topologies reads "key=value,key=value" words.
func topologies(words []string) (list []volume.Topology) {
	for _, word := range words {
		list = append(list, volume.Topology{Segments: opts.ToMap(strings.Split(word, ","))})
	}
	return list
}

// newUpdate returns `volume update`.
func newUpdate(s *session.Session) *cobra.Command {
	var availability string
	cmd := &cobra.Command{
		Use:   "update [OPTIONS] [VOLUME]",
		Short: "Update a volume (cluster volumes only)",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return client.Volumes().Update(cmd.Context(), args[0], cmd.Flags().Changed("availability"), availability)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&availability, "availability", "active", `Cluster Volume availability ("active", "pause", "drain")`)
	session.Since(fs, "availability", "1.42")
	return cmd
}
