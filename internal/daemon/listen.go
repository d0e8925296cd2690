package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/server/listen"
)

// listen opens the sockets: those of -H, or the default one and Docker's own
// when nobody answers there.
func (d *Daemon) listen() error {
	tlsConfig, err := d.cfg.TLS.load()
	if err != nil {
		return err
	}
	opts := listen.Options{Group: d.group(), TLS: tlsConfig}
	hosts := d.cfg.Hosts
	if len(hosts) == 0 {
		hosts = []string{defaultSocket}
	}
	for _, spec := range hosts {
		l, err := listen.Open(spec, opts)
		if err != nil {
			return err
		}
		d.listeners = append(d.listeners, l)
		if strings.HasPrefix(spec, "tcp://") && !d.cfg.TLS.Verify {
			d.log.Warn("API listens without client certificates: whoever reaches it is root on this host", "address", spec)
		}
	}
	if len(d.cfg.Hosts) == 0 && !d.cfg.NoDockerSocket && !answers(dockerSocket) {
		l, err := listen.Open("unix://"+dockerSocket, opts)
		if err != nil {
			d.log.Warn("not listening on " + dockerSocket + ": " + err.Error())
			return nil
		}
		d.listeners = append(d.listeners, l)
	}
	return nil
}

// group is the sockets' group; one that does not exist is root's.
func (d *Daemon) group() string {
	if _, err := user.LookupGroup(d.cfg.Group); err != nil {
		if _, err := strconv.Atoi(d.cfg.Group); err != nil {
			d.log.Debug("the group of the sockets does not exist: root's is taken", "group", d.cfg.Group)
			return ""
		}
	}
	return d.cfg.Group
}

// answers reports that somebody listens on a unix socket.
func answers(path string) bool {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// load reads the certificates; nil without TLS.
func (c TLSConfig) load() (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "Could not load X509 key pair")
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if !c.Verify {
		return conf, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "could not read CA certificate %q", c.CA)
	}
	conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !conf.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "failed to append certificates from PEM file: %q", c.CA)
	}
	return conf, nil
}

// writePid writes the pid file. One that names a process that is there
// belongs to a daemon that runs.
func writePid(path string) error {
	if b, err := os.ReadFile(path); err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err == nil && pid != os.Getpid() && isDaemon(pid) {
			return fault.New(fault.Conflict, "process with PID %d is still running; delete %s if it is not a daemon", pid, path)
		}
	}
	err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644)
	return fault.Wrap(fault.Internal, err, "the pid file cannot be written")
}

// isDaemon reports that a process is a berthd that runs: a pid is soon another
// program's, and one that was killed is a zombie until its parent looks.
func isDaemon(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // proc_pid_stat(5)
	if err != nil {
		return false
	}
	name, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasSuffix(name, "(berthd") && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
