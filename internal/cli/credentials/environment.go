package credentials

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// EnvVar holds logins for who has no file, as machines that build have none: a
// config.json's "auths" and nothing else. They come before all others.
const EnvVar = "DOCKER_AUTH_CONFIG"

// WithEnv gives the store the logins of EnvVar's value. A value that cannot be
// read is warned about and counts as none, as with docker's client.
func (s *Store) WithEnv(value string) *Store {
	var err error
	if s.env, err = readEnv(value); err != nil {
		_, _ = fmt.Fprintln(s.warn, "Failed to create credential store from "+EnvVar+": ", err)
	}
	return s
}

func readEnv(value string) (map[string]Login, error) {
	if value == "" {
		return nil, nil
	}
	var config struct {
		Auths map[string]struct {
			Auth string `json:"auth"`
		} `json:"auths"`
	}
	dec := json.NewDecoder(strings.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&config); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("%s does not support more than one JSON object", EnvVar)
	}
	logins := map[string]Login{}
	for server, a := range config.Auths {
		if a.Auth == "" {
			return nil, fmt.Errorf("%s environment variable is missing key `auth` for %s", EnvVar, server)
		}
		user, password, err := decode(a.Auth)
		if err != nil {
			return nil, err
		}
		logins[server] = Login{Server: server, User: user, Password: password}
	}
	return logins, nil
}

// decode reads a name and a password.
func decode(auth string) (user, password string, err error) {
	pair, err := base64.StdEncoding.DecodeString(auth)
	if err != nil {
		return "", "", err
	}
	user, password, _ = strings.Cut(string(pair), ":")
	return user, strings.Trim(password, "\x00"), nil
}
