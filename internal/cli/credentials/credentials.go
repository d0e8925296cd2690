// Package credentials keeps what a user logs in to registries with, where
// docker's client keeps it: in config.json, or with a credential helper that
// config.json names.
package credentials

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// Login is what a user logs in with at a server: a name and a password, or a
// token that stands for both.
type Login struct {
	Server, User, Password string
	Token                  string
	Bearer                 string // what a registry is sent as it is; nothing of ours makes one
}

// Store has the logins of one configuration directory.
type Store struct {
	path string    // of config.json
	warn io.Writer // where a warning about passwords in the clear goes
	find func(program string) error
	env  map[string]Login // those of the environment, which come first
}

// New returns the store of a configuration directory. It reads nothing yet.
func New(dir string, warn io.Writer) *Store {
	return &Store{path: filepath.Join(dir, "config.json"), warn: warn, find: inPath}
}

// entry is a server in config.json's "auths".
type entry struct {
	Auth   string `json:"auth,omitempty"`
	Token  string `json:"identitytoken,omitempty"`
	Bearer string `json:"registrytoken,omitempty"`
}

// Get returns the login for a server; it is empty but for the server when there is none.
func (s *Store) Get(server string) (Login, error) {
	if l, ok := s.env[server]; ok {
		return l, nil
	}
	f, err := s.read()
	if err != nil {
		return Login{}, err
	}
	return s.loginOf(f, s.helperOf(f, server), server)
}

// loginOf asks a helper for a server's login, or the file when there is none.
func (s *Store) loginOf(f *file, h helper, server string) (Login, error) {
	if h != "" {
		return h.get(server)
	}
	l := Login{Server: server}
	for name, e := range f.auths {
		if name != server && Host(name) != server {
			continue
		}
		user, password, err := decode(e.Auth)
		if err != nil {
			return l, fmt.Errorf("the login for %s in %s cannot be read: %w", name, s.path, err)
		}
		l = Login{Server: server, User: user, Password: password, Token: e.Token, Bearer: e.Bearer}
		if name == server {
			break
		}
	}
	return l, nil
}

// Put keeps a login.
func (s *Store) Put(l Login) error {
	f, err := s.read()
	if err != nil {
		return err
	}
	e := entry{Token: l.Token}
	h := s.helperOf(f, l.Server)
	if h != "" {
		if err := h.put(l); err != nil {
			return err
		}
	} else {
		e.Auth = base64.StdEncoding.EncodeToString([]byte(l.User + ":" + l.Password))
	}
	if old, ok := f.auths[l.Server]; ok && old == e {
		return nil
	}
	if h != "" {
		e = entry{} // only that there is one
	}
	f.auths[l.Server] = e
	if err := s.write(f); err != nil {
		return err
	}
	if h == "" && l.Password != "" {
		_, _ = fmt.Fprintf(s.warn, `
WARNING! Your credentials are stored unencrypted in '%s'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`, s.path)
	}
	return nil
}

// Remove forgets the login for a server, if there is one.
func (s *Store) Remove(server string) error {
	f, err := s.read()
	if err != nil {
		return err
	}
	if h := s.helperOf(f, server); h != "" {
		if err := h.remove(server); err != nil {
			return err
		}
	}
	if _, ok := f.auths[server]; !ok {
		return nil
	}
	delete(f.auths, server)
	return s.write(f)
}

// helperOf names the helper for a server: its own, or the one for all.
func (s *Store) helperOf(f *file, server string) helper {
	var own map[string]string
	var all string
	_ = json.Unmarshal(f.fields["credHelpers"], &own) // absent, or not of this form: there is none
	_ = json.Unmarshal(f.fields["credsStore"], &all)
	if h := own[server]; h != "" {
		return helper(h)
	}
	if all == "" && len(own) == 0 && len(f.auths) == 0 {
		// Nobody has chosen yet: the system's own, where it is installed.
		all = s.usual()
	}
	return helper(all)
}

// Host is a server without its scheme and its path.
func Host(server string) string {
	if u, err := url.Parse(server); err == nil && strings.Contains(server, "://") && u.Host != "" {
		return u.Host
	}
	host, _, _ := strings.Cut(server, "/")
	return host
}
