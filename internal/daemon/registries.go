package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/image/transfer"
	"berth/internal/remote"
	"berth/internal/server"
	"berth/internal/version"
)

// RegistryConfig is how registries are reached, and how hard.
type RegistryConfig struct {
	Insecure                     []string
	Mirrors                      mirrorsValue
	CertDir                      string // Docker's directory is looked at after it
	Proxies                      proxiesValue
	Downloads, Uploads, Attempts int
}

// dockerCerts is where Docker looks for what is special about a registry.
const dockerCerts = "/etc/docker/certs.d"

func defaultRegistries() RegistryConfig {
	return RegistryConfig{CertDir: "/etc/berth/certs.d", Downloads: 3, Uploads: 5, Attempts: remote.DefaultAttempts}
}

// complete checks what it says, in Docker's words.
func (c *RegistryConfig) complete() error {
	switch {
	case c.Downloads < 0:
		return fault.New(fault.Invalid, "invalid max concurrent downloads: %d", c.Downloads)
	case c.Uploads < 0:
		return fault.New(fault.Invalid, "invalid max concurrent uploads: %d", c.Uploads)
	case c.Attempts <= 0:
		return fault.New(fault.Invalid, "invalid max download attempts: %d", c.Attempts)
	}
	if _, err := remote.ParseInsecure(c.Insecure); err != nil {
		return err
	}
	return nil
}

// client makes the client of registries.
func (c *RegistryConfig) client() (*remote.Client, transfer.Limits, error) {
	insecure, err := remote.ParseInsecure(c.Insecure)
	if err != nil {
		return nil, transfer.Limits{}, err
	}
	retry := remote.Retry{Attempts: c.Attempts, Pause: 500 * time.Millisecond}
	client := remote.New(remote.Config{
		Agent: "berth/" + version.Version, Insecure: insecure, Mirrors: remote.Mirrors(c.Mirrors), CertDirs: []string{c.CertDir, dockerCerts},
		Proxy: remote.ProxyConfig(c.Proxies), Retry: retry,
	})
	return client, transfer.Limits{Downloads: orMany(c.Downloads), Uploads: orMany(c.Uploads), Attempts: c.Attempts, Pause: retry.Pause}, nil
}

// orMany: 0 is as many as there are.
func orMany(n int) int {
	if n == 0 {
		return 1000
	}
	return n
}

// special tells what is special about some.
func (c *RegistryConfig) special() server.Registries {
	insecure, err := remote.ParseInsecure(c.Insecure)
	if err != nil {
		return server.Registries{} // it was read when the daemon started
	}
	return server.Registries{InsecureNetworks: insecure.Networks, InsecureNames: insecure.Names, Mirrors: c.Mirrors}
}

// proxy is what registries are reached through.
func (c *RegistryConfig) proxy() server.Proxy {
	p := c.Proxies
	or := func(set string, names ...string) string {
		if set != "" {
			return server.WithoutPassword(set)
		}
		return getenv(names...)
	}
	return server.Proxy{HTTP: or(p.HTTP, "HTTP_PROXY", "http_proxy"), HTTPS: or(p.HTTPS, "HTTPS_PROXY", "https_proxy"), No: or(p.No, "NO_PROXY", "no_proxy")}
}

// servedTransfers tells of pulls and pushes.
type servedTransfers struct {
	*image.Transfers
	*remote.Client
	served servedImages
}

// Pull pulls and tells of it.
func (s servedTransfers) Pull(ctx context.Context, opts image.PullOptions, tell transfer.Tell) ([]string, error) {
	names, err := s.Transfers.Pull(ctx, opts, tell)
	s.about(ctx, event.Pull, names)
	return names, err
}

// Push pushes and tells of it.
func (s servedTransfers) Push(ctx context.Context, opts image.PushOptions, tell transfer.Tell) ([]string, error) {
	names, err := s.Transfers.Push(ctx, opts, tell)
	s.about(ctx, event.Push, names)
	return names, err
}

// about tells what happened to images that are known by these names.
func (s servedTransfers) about(ctx context.Context, action string, names []string) {
	for _, name := range names {
		img, err := s.served.Get(context.WithoutCancel(ctx), name)
		if err != nil {
			continue // it has gone again, and that is told
		}
		repository := name
		if ref, err := reference.ParseNormalizedNamed(name); err == nil {
			repository = reference.FamiliarName(ref)
		}
		m := aboutImage(action, repository, img)
		m.ID = name
		s.served.publish(m)
	}
}

// mirrorsValue is registry-mirrors: URLs for Docker Hub, as in Docker, or registry=URL for any registry. In the file a map of
// registries to URLs does too.
type mirrorsValue remote.Mirrors

// Set adds one.
func (v *mirrorsValue) Set(text string) error {
	registry, address := remote.Hub, text
	if name, rest, ok := strings.Cut(text, "="); ok && !strings.Contains(name, "/") {
		registry, address = name, rest
	}
	return v.add(registry, address)
}

func (v *mirrorsValue) add(registry, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return fault.New(fault.Invalid, "invalid mirror: %q is not a valid URI: %v", address, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fault.New(fault.Invalid, "invalid mirror: unsupported scheme %q in %q: must use either 'https://' or 'http://'", u.Scheme, u)
	case u.RawQuery != "" || u.Fragment != "":
		return fault.New(fault.Invalid, "invalid mirror: query or fragment at end of the URI %q", u)
	case u.User != nil:
		return fault.New(fault.Invalid, "invalid mirror: username/password not allowed in URI %q", u.Redacted())
	case u.Host == "":
		return fault.New(fault.Invalid, "invalid mirror: %q has no host", address)
	}
	if *v == nil {
		*v = mirrorsValue{}
	}
	(*v)[registry] = append((*v)[registry], strings.TrimSuffix(u.String(), "/")+"/")
	return nil
}

// setValue reads what the configuration file says.
func (v *mirrorsValue) setValue(value any) error {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if err := v.Set(fmt.Sprint(item)); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for registry, list := range value {
			items, ok := list.([]any)
			if !ok {
				return fault.New(fault.Invalid, "the mirrors of %s are not a list", registry)
			}
			for _, item := range items {
				if err := v.add(registry, fmt.Sprint(item)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return fault.New(fault.Invalid, "neither a list of mirrors nor a map of registries to mirrors")
}

// Type is the flag's.
func (v *mirrorsValue) Type() string { return "list" }

func (v *mirrorsValue) String() string {
	var words []string
	for registry, list := range *v {
		for _, address := range list {
			if registry != remote.Hub {
				address = registry + "=" + address
			}
			words = append(words, address)
		}
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

// proxiesValue is daemon.json's "proxies".
type proxiesValue remote.ProxyConfig

// setValue reads what the configuration file says.
func (v *proxiesValue) setValue(value any) error {
	fields, ok := value.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "not a map")
	}
	for key, text := range fields {
		to := map[string]*string{"http-proxy": &v.HTTP, "https-proxy": &v.HTTPS, "no-proxy": &v.No}[key]
		word, isText := text.(string)
		if to == nil || !isText {
			return fault.New(fault.Invalid, "%q is not one of http-proxy, https-proxy and no-proxy, with a text", key)
		}
		*to = word
	}
	return nil
}

// Set reads it as JSON: it is no flag of its own.
func (v *proxiesValue) Set(text string) error {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return err
	}
	return v.setValue(value)
}

// Type is the flag's.
func (v *proxiesValue) Type() string { return "map" }

func (v *proxiesValue) String() string { return "" }
