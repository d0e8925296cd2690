package container

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/cli/credentials"
	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/fault"
	"berth/internal/idmap"

	"github.com/moby/moby/api/types/mount"
)

const (
	// socketInside is where clients in a container look for the daemon.
	socketInside = "/var/run/docker.sock"
	// loginsInside is where they find the user's logins, by DOCKER_CONFIG.
	loginsInside = "/run/secrets/docker/config.json"
)

// addSocket gives a container that is to be made the daemon's socket, and
// returns the configuration with the user's logins that is to be put into it;
// nil when there are none, or when the user says where they are.
func addSocket(s *session.Session, client *engine.Client, req *engine.CreateRequest) ([]byte, error) {
	source, local := strings.CutPrefix(client.Host(), "unix://")
	if !local {
		return nil, fault.New(fault.Invalid, "flag --use-api-socket can only be used with unix sockets: docker endpoint %s incompatible", client.Host())
	}
	req.HostConfig.Mounts = append(req.HostConfig.Mounts, idmap.Mount{
		Mount: mount.Mount{Type: mount.TypeBind, Source: source, Target: socketInside}, BindOptions: &idmap.BindOptions{},
	})
	if slices.ContainsFunc(req.Env, func(v string) bool { return strings.HasPrefix(v, "DOCKER_CONFIG=") }) {
		return nil, nil
	}
	logins, err := s.Credentials().All()
	if err != nil {
		return nil, fmt.Errorf("resolving credentials failed: %w", err)
	}
	if len(logins) == 0 {
		return nil, nil
	}
	req.Env = append(req.Env, "DOCKER_CONFIG="+path.Dir(loginsInside))
	return credentials.Config(logins)
}

// putLogins writes a configuration into a container for its root alone.
func putLogins(ctx context.Context, client *engine.Client, id string, config []byte) error {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err := w.WriteHeader(&tar.Header{Name: loginsInside, Size: int64(len(config)), Mode: 0o600})
	if err == nil {
		_, err = w.Write(config)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := client.Files().Put(ctx, id, "/", &buf, false); err != nil {
		return fmt.Errorf("copying config.json into container failed: %w", err)
	}
	return nil
}
