package container

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"berth/internal/cli/format"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

// NewPort returns `port`.
func NewPort(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "port CONTAINER [PRIVATE_PORT[/PROTO]]",
		Short: "List port mappings or a specific mapping for the container",
		Args:  session.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPort(cmd.Context(), s, args[0], args[1:])
		},
		Annotations: aliases("berth container port, berth port"),
	}
}

func runPort(ctx context.Context, s *session.Session, name string, port []string) error {
	client, err := s.Engine()
	if err != nil {
		return err
	}
	c, err := client.Containers().Inspect(ctx, name)
	if err != nil {
		return err
	}
	var published network.PortMap
	if c.NetworkSettings != nil {
		published = c.NetworkSettings.Ports
	}
	lines, err := mappings(published, name, port)
	if err != nil {
		return err
	}
	slices.SortFunc(lines, format.NaturalCompare)
	for _, line := range lines {
		_, _ = fmt.Fprintln(s.Out, line)
	}
	return nil
}

// mappings shows all published ports, or the host's side of one of them.
func mappings(published network.PortMap, name string, port []string) ([]string, error) {
	var lines []string
	if len(port) == 0 {
		for from, hosts := range published {
			for _, h := range hosts {
				lines = append(lines, from.String()+" -> "+hostPort(h))
			}
		}
		return lines, nil
	}
	number, proto, ok := strings.Cut(port[0], "/")
	if !ok {
		proto = "tcp"
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("Error: invalid port (%s): %w", number, err) //nolint:staticcheck // Docker's text
	}
	for from, hosts := range published {
		if uint64(from.Num()) != n || string(from.Proto()) != proto {
			continue
		}
		for _, h := range hosts {
			lines = append(lines, hostPort(h))
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("Error: No public port '%s' published for %s", port[0], name) //nolint:staticcheck // Docker's text
	}
	return lines, nil
}

func hostPort(b network.PortBinding) string {
	ip := ""
	if b.HostIP.IsValid() {
		ip = b.HostIP.String()
	}
	return net.JoinHostPort(ip, b.HostPort)
}
