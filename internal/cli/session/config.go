package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/cli/credentials"
)

// Config is the part of docker's config.json that the client uses.
type Config struct {
	DetachKeys     string           `json:"detachKeys"`
	PsFormat       string           `json:"psFormat"`
	ImagesFormat   string           `json:"imagesFormat"`
	VolumesFormat  string           `json:"volumesFormat"`
	NetworksFormat string           `json:"networksFormat"`
	StatsFormat    string           `json:"statsFormat"`
	PruneFilters   []string         `json:"pruneFilters"`
	Proxies        map[string]Proxy `json:"proxies"`

	// HTTPHeaders go with every request to the daemon.
	HTTPHeaders map[string]string `json:"HttpHeaders"`
}

// Proxy is an entry of config.json's "proxies".
type Proxy struct {
	HTTP  string `json:"httpProxy"`
	HTTPS string `json:"httpsProxy"`
	No    string `json:"noProxy"`
	FTP   string `json:"ftpProxy"`
	All   string `json:"allProxy"`
}

// ConfigDir is where the user's configuration is.
func (s *Session) ConfigDir() string {
	if s.Flags.ConfigDir != "" {
		return s.Flags.ConfigDir
	}
	return s.configDir()
}

// Credentials returns the user's logins.
func (s *Session) Credentials() *credentials.Store {
	env, _ := s.Getenv(credentials.EnvVar)
	return credentials.New(s.ConfigDir(), s.Err).WithEnv(env)
}

// Config returns the user's configuration. A file that cannot be read is
// warned about, as docker does, and counts as empty.
func (s *Session) Config() Config {
	s.configOnce.Do(func() {
		path := filepath.Join(s.ConfigDir(), "config.json")
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			_, _ = fmt.Fprintf(s.Err, "WARNING: Error loading config file: %v\n", err)
			return
		}
		defer func() { _ = f.Close() }()
		// A file with nothing in it is as good as none.
		if err := json.NewDecoder(f).Decode(&s.config); err != nil && !errors.Is(err, io.EOF) {
			_, _ = fmt.Fprintf(s.Err, "WARNING: Error parsing config file (%s): %v\n", path, err)
		}
	})
	return s.config
}

// ProxyEnv returns the proxy variables of the configuration for a daemon, in
// both spellings, as NAME=value.
func (c Config) ProxyEnv(host string) []string {
	p, ok := c.Proxies[host]
	if !ok {
		p = c.Proxies["default"]
	}
	var env []string
	for _, v := range []struct{ upper, lower, value string }{
		{"HTTP_PROXY", "http_proxy", p.HTTP},
		{"HTTPS_PROXY", "https_proxy", p.HTTPS},
		{"NO_PROXY", "no_proxy", p.No},
		{"FTP_PROXY", "ftp_proxy", p.FTP},
		{"ALL_PROXY", "all_proxy", p.All},
	} {
		if v.value != "" {
			env = append(env, v.upper+"="+v.value, v.lower+"="+v.value)
		}
	}
	return env
}
