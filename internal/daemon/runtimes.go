package daemon

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/container"
	"berth/internal/delegate"
	"berth/internal/fault"
)

// Runtime is an OCI runtime that somebody else wrote.
type Runtime struct {
	Path string // absolute
	Args []string
}

// runtimesValue is --add-runtime name=path, and "runtimes" in the configuration file.
type runtimesValue map[string]Runtime

func (v *runtimesValue) Type() string   { return "runtime" }
func (v *runtimesValue) String() string { return strings.Join(slices.Sorted(maps.Keys(*v)), ",") }

func (v *runtimesValue) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	name, path = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(path)
	if !ok || name == "" || path == "" {
		return fault.New(fault.Invalid, "invalid runtime argument: %s", s)
	}
	return v.add(name, Runtime{Path: path})
}

func (v *runtimesValue) add(name string, r Runtime) error {
	if *v == nil {
		*v = runtimesValue{}
	}
	if _, twice := (*v)[name]; twice {
		return fault.New(fault.Invalid, "runtime '%s' was already defined", name)
	}
	(*v)[name] = r
	return nil
}

// setValue takes the object of the configuration file.
func (v *runtimesValue) setValue(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var list map[string]struct {
		Path    string          `json:"path"`
		Args    []string        `json:"runtimeArgs"`
		Type    string          `json:"runtimeType"`
		Options json.RawMessage `json:"options"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for name, r := range list {
		if r.Type != "" || len(r.Options) > 0 {
			return fault.New(fault.Unsupported, "runtime '%s': runtimeType and options are for containerd's shims, which are not used here; give a path", name)
		}
		if r.Path == "" {
			return fault.New(fault.Invalid, "runtime '%s': either a runtimeType or a path must be configured", name)
		}
		if err := v.add(name, Runtime{Path: r.Path, Args: r.Args}); err != nil {
			return err
		}
	}
	return nil
}

// completeRuntimes finds the programs of the runtimes and checks the default.
func (c *Config) completeRuntimes() error {
	for name, r := range c.Runtimes {
		if name == container.OwnRuntime {
			return fault.New(fault.Invalid, "runtime name '%s' is reserved", name)
		}
		path, err := exec.LookPath(r.Path)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return fault.New(fault.Invalid, "runtime '%s': %v", name, err)
		}
		r.Path = path
		c.Runtimes[name] = r
	}
	if c.DefaultRuntime == "" {
		c.DefaultRuntime = container.OwnRuntime
	}
	if _, known := c.Runtimes[c.DefaultRuntime]; !known && c.DefaultRuntime != container.OwnRuntime {
		return fault.New(fault.Invalid, "specified default runtime '%s' does not exist", c.DefaultRuntime)
	}
	return nil
}

// runtimes are the other OCI runtimes as containers use them. Each keeps its
// state below the exec root: two daemons never meet.
func (d *Daemon) runtimes() map[string]delegate.Runtime {
	out := map[string]delegate.Runtime{}
	for name, r := range d.cfg.Runtimes {
		out[name] = delegate.Runtime{Path: r.Path, Args: r.Args, Root: filepath.Join(d.cfg.ExecRoot, "runtimes", name)}
	}
	return out
}
