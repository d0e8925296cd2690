package credentials

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/registry"
)

const (
	// Hub is the name under which the login to Docker Hub is kept.
	Hub = "https://index.docker.io/v1/"
	// HubHost is Docker Hub's in the names of images.
	HubHost = "docker.io"
)

// For returns the login for the registry in an image's name. It is empty when
// there is none, or none that can be had; of a helper that fails is told.
func (s *Store) For(registryHost string) Login {
	server := registryHost
	if server == HubHost || server == "index."+HubHost {
		server = Hub
	}
	l, err := s.Get(server)
	var unread *unreadable
	switch {
	case errors.As(err, &unread): // which the client has told already
	case err != nil:
		_, _ = fmt.Fprintln(s.warn, "WARNING:", err)
	case l != (Login{Server: server}):
		return l
	}
	return Login{}
}

// Header is what a daemon is sent for it to log in at an image's registry:
// X-Registry-Auth. Without a login, and with one that cannot be had, it is one
// that says nothing, and the registry has the say.
func (s *Store) Header(registryHost string) string {
	var auth registry.AuthConfig
	if l := s.For(registryHost); l != (Login{}) {
		auth = registry.AuthConfig{Username: l.User, Password: l.Password, ServerAddress: l.Server, IdentityToken: l.Token, RegistryToken: l.Bearer}
	}
	b, _ := json.Marshal(auth) // texts alone: it cannot fail
	return base64.URLEncoding.EncodeToString(b)
}
