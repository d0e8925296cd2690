package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"

	"berth/internal/fault"
)

// DefaultHost is where berthd listens unless told otherwise.
const DefaultHost = "unix:///run/berth/berth.sock"

// Endpoint is a parsed daemon address.
type Endpoint struct {
	Network string // "unix" or "tcp"
	Address string // a path or host:port
	base    string // a path before the version, for tcp
	tls     *tls.Config
}

// String returns the address as a URL.
func (e Endpoint) String() string { return e.Network + "://" + e.Address + e.base }

func (e Endpoint) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if e.tls != nil {
		return (&tls.Dialer{NetDialer: &d, Config: e.tls}).DialContext(ctx, e.Network, e.Address)
	}
	return d.DialContext(ctx, e.Network, e.Address)
}

// ParseHost reads a daemon address as docker's -H takes it: unix://[path],
// tcp://[host][:port][/path], or host:port. Without a port it is 2375, or 2376
// with TLS.
func ParseHost(host string, secure bool) (Endpoint, error) {
	proto, addr, ok := strings.Cut(strings.TrimSpace(host), "://")
	if !ok {
		proto, addr = "tcp", proto
	}
	switch proto {
	case "unix":
		if strings.Contains(addr, "://") {
			return Endpoint{}, fault.New(fault.Invalid, "invalid proto, expected unix: %s", addr)
		}
		if addr == "" {
			addr = strings.TrimPrefix(DefaultHost, "unix://")
		}
		return Endpoint{Network: "unix", Address: addr}, nil
	case "tcp":
		return parseTCP(addr, secure)
	case "ssh", "npipe", "fd":
		return Endpoint{}, fault.New(fault.Unsupported, "a daemon address of the form %s:// is not supported yet: %s", proto, host)
	}
	return Endpoint{}, fault.New(fault.Invalid, "invalid bind address format: %s", host)
}

func parseTCP(addr string, secure bool) (Endpoint, error) {
	hostPort, path, hasPath := strings.Cut(addr, "/")
	if hasPath {
		path = strings.TrimSuffix("/"+path, "/")
	}
	port := "2375"
	if secure {
		port = "2376"
	}
	h, p, err := net.SplitHostPort(hostPort)
	if err != nil {
		h, p, err = net.SplitHostPort(strings.TrimSuffix(hostPort, ":") + ":" + port)
		if err != nil {
			return Endpoint{}, fault.New(fault.Invalid, "invalid bind address format: %s", addr)
		}
	}
	if h == "" {
		h = "localhost"
	}
	if p == "" {
		p = port
	}
	if n, err := net.LookupPort("tcp", p); err != nil || n == 0 {
		return Endpoint{}, fault.New(fault.Invalid, "invalid bind address format: %s", addr)
	}
	return Endpoint{Network: "tcp", Address: net.JoinHostPort(h, p), base: path}, nil
}

// TLS holds the --tls* options. Paths may be empty when the file is not needed.
type TLS struct {
	Enabled bool // --tls
	Verify  bool // --tlsverify
	CA      string
	Cert    string
	Key     string
}

func (t TLS) wanted() bool { return t.Enabled || t.Verify }

// config reads the files. Without Verify any server certificate is accepted,
// as docker does with --tls alone.
func (t TLS) config(address string) (*tls.Config, error) {
	name, _, _ := net.SplitHostPort(address)
	conf := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.Verify} // #nosec G402 -- the user asked for --tls without --tlsverify
	if t.Verify {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "could not read CA certificate %q", t.CA)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "failed to append certificates from PEM file: %q", t.CA)
		}
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	switch {
	case err == nil:
		conf.Certificates = []tls.Certificate{cert}
	case os.IsNotExist(err) && !t.Verify:
	default:
		return nil, fault.Wrap(fault.Invalid, err, "could not load X509 key pair")
	}
	return conf, nil
}

var _ fmt.Stringer = Endpoint{}
