package plugin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"berth/internal/fault"
)

// contentType is the version of the protocol.
const contentType = "application/vnd.docker.plugins.v1.2+json"

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 16 << 20

// Call is one question.
type Call struct {
	Method string
	For    time.Duration // how long the answer may take
	Again  bool          // what does not get to the plugin is tried again
}

// client is the connection to a plugin. Each call has its own: a plugin may be started
// anew between any two.
type client struct {
	registry *Registry
	name     string
	base     string // "http://host"
	http     *http.Client
}

func newClient(r *Registry, name string, at address) (*client, error) {
	t := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	c := &client{registry: r, name: name, base: at.Scheme + "://" + at.At, http: &http.Client{Transport: t}}
	switch at.Scheme {
	case "unix":
		c.base, t.Proxy = "http://localhost", nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", at.At)
		}
	case "https":
		var err error
		if t.TLSClientConfig, err = at.TLS.config(); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "plugin %q", name)
		}
	}
	return c, nil
}

// config reads the files of a TLSConfig.
func (f tlsFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.InsecureSkipVerify || f.CAFile == ""}
	if !c.InsecureSkipVerify {
		pem, err := os.ReadFile(f.CAFile)
		if err != nil {
			return nil, err
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", f.CAFile)
		}
	}
	if f.CertFile != "" || f.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.CertFile, f.KeyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Do asks a plugin and reads the answer into ret. An error of the kind Unavailable says
// that there was none, and nobody knows what the plugin has done.
func (p *Plugin) Do(call Call, args, ret any) error {
	body := []byte{}
	if args != nil {
		var err error
		if body, err = json.Marshal(args); err != nil {
			return fault.As(fault.Internal, err)
		}
	}
	limits := p.client.registry.limits
	start := time.Now()
	for wait := limits.Back; ; wait *= 2 {
		err, connected := p.client.once(call, body, ret)
		if connected || err == nil || !call.Again || time.Since(start)+wait >= limits.Connect {
			if fault.Is(err, fault.Unavailable) {
				p.client.registry.forget(p)
			}
			return err
		}
		select {
		case <-p.client.registry.ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// once asks once. A plugin that was not connected to has not heard of it.
func (c *client) once(call Call, body []byte, ret any) (err error, connected bool) {
	ctx, cancel := context.WithTimeout(c.registry.ctx, call.For)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+call.Method, bytes.NewReader(body))
	if err != nil {
		return fault.As(fault.Internal, err), true
	}
	req.Header.Set("Accept", contentType)
	res, err := c.http.Do(req)
	if err != nil {
		return c.silence(ctx, call, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.silence(ctx, call, err)
	case len(text) > maxAnswer:
		return fault.New(fault.Internal, "plugin %q answers %s with more than %d bytes", c.name, call.Method, maxAnswer), true
	case res.StatusCode != http.StatusOK:
		var said struct{ Err string }
		_ = json.Unmarshal(text, &said) // or it is the text itself
		return fault.New(fault.Internal, "%s: %s", call.Method, cmp.Or(said.Err, strings.TrimSpace(string(text)), res.Status)), true
	}
	if ret == nil {
		return nil, true
	}
	if err := json.Unmarshal(text, ret); err != nil {
		return fault.New(fault.Internal, "plugin %q answers %s with what cannot be read: %v", c.name, call.Method, err), true
	}
	return nil, true
}

// silence words why there is no answer.
func (c *client) silence(ctx context.Context, call Call, err error) (error, bool) {
	var op *net.OpError
	connected := !errors.As(err, &op) || op.Op != "dial"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "plugin %q has not answered %s within %v", c.name, call.Method, call.For), true
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if op == nil || inner == error(op) {
			err = inner
			break
		}
	}
	return fault.New(fault.Unavailable, "plugin %q does not answer %s: %v", c.name, call.Method, err), connected
}
