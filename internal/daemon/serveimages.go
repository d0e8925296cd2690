package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"berth/internal/fault"
	"berth/internal/registry/engine"
	"berth/internal/registry/process"
)

// servedValue is daemon.json's "registry": that the engine's images are served as
// a registry, and to whom.
type servedValue struct {
	Listen    string `json:"listen"` // "" does not serve them
	Cert      string `json:"tls-cert"`
	Key       string `json:"tls-key"`
	Passwords string `json:"htpasswd"`
	Policy    string `json:"policy"`
	Tokens    bool   `json:"tokens"`
	TokenURL  string `json:"token-url"`
	AccessLog string `json:"access-log"`
	Metrics   string `json:"metrics"`
}

// setValue reads what the configuration file says.
func (v *servedValue) setValue(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return v.Set(string(text))
}

func (v *servedValue) Set(text string) error {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if v.Listen == "" {
		return fault.New(fault.Invalid, `a registry needs "listen", an address and a port`)
	}
	return v.options("").Check()
}

func (v *servedValue) Type() string { return "map" }

func (v *servedValue) String() string { return "" }

func (v *servedValue) options(data string) process.Options {
	return process.Options{
		Data: data, Listen: v.Listen, ReadOnly: true, AccessLog: v.AccessLog, Metrics: v.Metrics,
		Security: process.Security{Cert: v.Cert, Key: v.Key, Passwords: v.Passwords, Policy: v.Policy, Tokens: v.Tokens, TokenURL: v.TokenURL},
	}
}

// serveImages serves the engine's images as a registry until ctx ends, if the
// configuration says so. It listens when it returns.
func serveImages(ctx context.Context, d *Daemon) error {
	v := d.cfg.Images.Served
	if v.Listen == "" {
		return nil
	}
	content, err := engine.New(d.images, d.cfg.DataRoot+"/images")
	if err != nil {
		return err
	}
	p, err := process.Prepare(v.options(d.cfg.DataRoot+"/registry"), content, logLines{d.log})
	if err != nil {
		content.Close()
		return fault.Wrap(fault.Unavailable, err, "the engine's images cannot be served")
	}
	d.background.Go(func() {
		defer content.Close()
		if err := p.Serve(ctx); err != nil {
			d.log.Error("the engine's images are not served any more: " + err.Error())
		}
	})
	return nil
}

// logLines makes the registry's lines the daemon's.
type logLines struct{ to *slog.Logger }

func (l logLines) Write(b []byte) (int, error) {
	l.to.Info("registry: " + strings.TrimSpace(string(b)))
	return len(b), nil
}
