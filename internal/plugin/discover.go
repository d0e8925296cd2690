package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/fault"
)

// address is where a plugin answers.
type address struct {
	Scheme string // "unix", "http" or "https"
	At     string // a socket's path, or host and port
	TLS    tlsFiles
}

// tlsFiles is TLSConfig as a plugin's .json has it. Without CAFile nobody is checked.
type tlsFiles struct {
	InsecureSkipVerify        bool
	CAFile, CertFile, KeyFile string
}

// maxSpec is how long a plugin's description may be, in bytes.
const maxSpec = 64 << 10

// find looks for the description of a plugin: a socket first, then files that say where
// it is, each in the directory itself or in one of the plugin's own name.
func (r *Registry) find(name string) (address, error) {
	missing := fault.New(fault.NotFound, "plugin %q not found", name)
	if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return address{}, missing
	}
	for _, path := range []string{filepath.Join(r.sockets(), name+".sock"), filepath.Join(r.sockets(), name, name+".sock")} {
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			return address{Scheme: "unix", At: path}, nil
		}
	}
	for _, dir := range r.specs() {
		for _, end := range []string{".spec", ".json"} {
			for _, path := range []string{filepath.Join(dir, name+end), filepath.Join(dir, name, name+end)} {
				text, err := readSpec(path)
				if errors.Is(err, os.ErrNotExist) {
					continue
				}
				var at address
				if err == nil {
					at, err = parseSpec(text, end == ".json")
				}
				return at, fault.Wrap(fault.Internal, err, "the description %s of the plugin %s cannot be read", path, name)
			}
		}
	}
	return address{}, missing
}

func readSpec(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSpec+1))
	if len(text) > maxSpec {
		err = fmt.Errorf("it is longer than %d bytes", maxSpec)
	}
	return string(text), err
}

// parseSpec reads a .spec, which is an address, or a .json.
func parseSpec(text string, isJSON bool) (address, error) {
	var of struct {
		Addr      string
		TLSConfig tlsFiles
	}
	if of.Addr = strings.TrimSpace(text); isJSON {
		of.Addr = ""
		if err := json.Unmarshal([]byte(text), &of); err != nil {
			return address{}, err
		}
	}
	u, err := url.Parse(of.Addr)
	if err != nil {
		return address{}, err
	}
	at := address{Scheme: u.Scheme, At: u.Host, TLS: of.TLSConfig}
	switch u.Scheme {
	case "unix":
		at.At = filepath.Join("/", u.Host, u.Path)
	case "tcp":
		at.Scheme = "http"
	case "http", "https":
	default:
		return address{}, fmt.Errorf("unknown protocol in the address %q", of.Addr)
	}
	if at.At == "" || at.At == "/" {
		return address{}, fmt.Errorf("the address %q has no host", of.Addr)
	}
	return at, nil
}

// scan is the names of all plugins that are described.
func (r *Registry) scan() []string {
	var names []string
	add := func(dir string, ends ...string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return // most hosts have no such directory
		}
		for _, e := range entries {
			name := e.Name()
			if slices.Contains(ends, filepath.Ext(name)) {
				names = append(names, strings.TrimSuffix(name, filepath.Ext(name)))
			} else if e.IsDir() {
				names = append(names, name)
			}
		}
	}
	add(r.sockets(), ".sock")
	for _, dir := range r.specs() {
		add(dir, ".spec", ".json")
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, err := r.find(name)
		return fault.Is(err, fault.NotFound)
	})
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *Registry) sockets() string { return filepath.Join(r.root, "/run/docker/plugins") }

func (r *Registry) specs() []string {
	return []string{filepath.Join(r.root, "/etc/docker/plugins"), filepath.Join(r.root, "/usr/lib/docker/plugins")}
}
