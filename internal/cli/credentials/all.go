package credentials

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
)

// All returns every login there is, by server.
func (s *Store) All() (map[string]Login, error) {
	f, err := s.read()
	if err != nil {
		return nil, err
	}
	servers := map[string]helper{}
	if h := s.helperOf(f, ""); h != "" {
		names, err := h.list()
		if err != nil {
			return nil, err
		}
		for name := range names {
			servers[name] = h
		}
	} else {
		for name := range f.auths {
			servers[name] = ""
		}
	}
	var own map[string]string
	_ = json.Unmarshal(f.fields["credHelpers"], &own) // absent, or not of this form: there is none
	for name, h := range own {
		servers[name] = helper(h)
	}
	all := map[string]Login{}
	for name, h := range servers {
		l, err := s.loginOf(f, h, name)
		if err != nil {
			return nil, err
		}
		if l != (Login{Server: name}) {
			all[name] = l
		}
	}
	maps.Copy(all, s.env)
	return all, nil
}

// Config is a config.json with logins in it and nothing else.
func Config(logins map[string]Login) ([]byte, error) {
	auths := map[string]entry{}
	for name, l := range logins {
		e := entry{Token: l.Token, Bearer: l.Bearer}
		if l.User != "" || l.Password != "" {
			e.Auth = base64.StdEncoding.EncodeToString([]byte(l.User + ":" + l.Password))
		}
		auths[name] = e
	}
	return json.MarshalIndent(map[string]any{"auths": auths}, "", "\t")
}

// list asks a helper for the servers that it has logins for, with their users.
func (h helper) list() (map[string]string, error) {
	out, err := h.run("list", nil)
	if err != nil {
		return nil, failure("listing", err, out)
	}
	var names map[string]string
	if err := json.Unmarshal([]byte(out), &names); err != nil {
		return nil, fmt.Errorf("%s answers with something else than a list: %w", h.program(), err)
	}
	return names, nil
}
