package session

import (
	"os"
	"path/filepath"

	"berth/internal/cli/engine"

	"github.com/spf13/pflag"
)

// Flags are the global options.
type Flags struct {
	Hosts     []string
	Context   string
	ConfigDir string
	LogLevel  string
	Debug     bool
	TLS       engine.TLS
}

// Install adds the global options to a flag set.
func (s *Session) Install(fs *pflag.FlagSet) {
	dir := s.configDir()
	certs := dir
	if v, _ := s.Getenv("DOCKER_CERT_PATH"); v != "" {
		certs = v
	}
	verify, _ := s.Getenv("DOCKER_TLS_VERIFY")
	tls, _ := s.Getenv("DOCKER_TLS")
	f := &s.Flags
	fs.StringVar(&f.ConfigDir, "config", dir, "Location of client config files")
	fs.StringVarP(&f.Context, "context", "c", "", `Name of the context to use to connect to the daemon (overrides BERTH_HOST and DOCKER_HOST env vars)`)
	fs.BoolVarP(&f.Debug, "debug", "D", false, "Enable debug mode")
	fs.VarP((*hostList)(&f.Hosts), "host", "H", "Daemon socket to connect to")
	fs.StringVarP(&f.LogLevel, "log-level", "l", "info", `Set the logging level ("debug", "info", "warn", "error", "fatal")`)
	fs.BoolVar(&f.TLS.Enabled, "tls", tls != "", "Use TLS; implied by --tlsverify")
	fs.BoolVar(&f.TLS.Verify, "tlsverify", verify != "", "Use TLS and verify the remote")
	fs.StringVar(&f.TLS.CA, "tlscacert", filepath.Join(certs, "ca.pem"), "Trust certs signed only by this CA")
	fs.StringVar(&f.TLS.Cert, "tlscert", filepath.Join(certs, "cert.pem"), "Path to TLS certificate file")
	fs.StringVar(&f.TLS.Key, "tlskey", filepath.Join(certs, "key.pem"), "Path to TLS key file")
}

func (s *Session) tls() engine.TLS { return s.Flags.TLS }

func (s *Session) configDir() string {
	if v, _ := s.Getenv("DOCKER_CONFIG"); v != "" {
		return v
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".docker"
	}
	return filepath.Join(home, ".docker")
}

type hostList []string

func (h *hostList) String() string { return "" }
func (h *hostList) Type() string   { return "list" }

// Set adds an address; the addresses are checked when one is used.
func (h *hostList) Set(v string) error {
	*h = append(*h, v)
	return nil
}
