//go:build linux

package oci

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/oci/life"
)

// many is a flag that may be given more than once.
type many []string

func (m *many) String() string { return strings.Join(*m, ",") }

func (m *many) Set(v string) error {
	*m = append(*m, v)
	return nil
}

// change is what the flags of exec change in the container's own process.
type change struct {
	file, cwd, user, apparmor, label string
	tty, noNewPrivs                  bool
	env, caps, groups                many
	args                             []string
}

func (c *command) exec(args []string) (int, error) {
	var o life.ExecOptions
	var ch change
	fs := flags("exec")
	execFlags(fs, &o, &ch)
	most := 1 << 20
	if err := parse(fs, args, 1, most); err != nil {
		return 255, err
	}
	o.ID, ch.args = fs.Arg(0), fs.Args()[1:]
	o.Process = ch.process
	if err := c.r.Protect(); err != nil {
		return 255, err
	}
	code, err := c.r.Exec(o)
	if err != nil {
		return 255, fault.Wrap(fault.KindOf(err), err, "exec failed")
	}
	return code, nil
}

func execFlags(fs *flag.FlagSet, o *life.ExecOptions, ch *change) {
	for _, f := range []struct {
		to    *string
		names []string
	}{
		{&o.ConsoleSocket, []string{"console-socket"}}, {&o.PidFile, []string{"pid-file"}}, {&o.PidfdSocket, []string{"pidfd-socket"}},
		{&o.Cgroup, []string{"cgroup"}}, {&ch.file, []string{"process", "p"}}, {&ch.cwd, []string{"cwd"}},
		{&ch.user, []string{"user", "u"}}, {&ch.apparmor, []string{"apparmor"}}, {&ch.label, []string{"process-label"}},
	} {
		for _, name := range f.names {
			fs.StringVar(f.to, name, "", "")
		}
	}
	for _, f := range []struct {
		to    *bool
		names []string
	}{
		{&o.Detach, []string{"detach", "d"}}, {&o.IgnorePaused, []string{"ignore-paused"}}, {&ch.tty, []string{"tty", "t"}},
		{&ch.noNewPrivs, []string{"no-new-privs"}}, {new(bool), []string{"no-subreaper"}},
	} {
		for _, name := range f.names {
			fs.BoolVar(f.to, name, false, "")
		}
	}
	for name, to := range map[string]*many{"env": &ch.env, "e": &ch.env, "cap": &ch.caps, "c": &ch.caps, "additional-gids": &ch.groups, "g": &ch.groups} {
		fs.Var(to, name, "")
	}
	fs.IntVar(&o.PreserveFds, "preserve-fds", 0, "")
}

// process is the process to execute: the one in the file, or the container's
// own with what the flags change.
func (ch *change) process(own *specs.Process) (*specs.Process, error) {
	if ch.file != "" {
		var p specs.Process
		data, err := os.ReadFile(ch.file)
		if err == nil {
			err = json.Unmarshal(data, &p)
		}
		if err == nil && len(p.Args) == 0 {
			err = fault.New(fault.Invalid, "args must not be empty")
		}
		return &p, fault.Wrap(fault.Invalid, err, "The process cannot be read")
	}
	if len(ch.args) == 0 {
		return nil, fault.New(fault.Invalid, "process args cannot be empty")
	}
	p := *own
	p.Args, p.Terminal, p.ConsoleSize = ch.args, ch.tty, nil
	p.Env = append(slices.Clone(p.Env), ch.env...)
	p.NoNewPrivileges = p.NoNewPrivileges || ch.noNewPrivs
	for to, value := range map[*string]string{&p.Cwd: ch.cwd, &p.ApparmorProfile: ch.apparmor, &p.SelinuxLabel: ch.label} {
		if value != "" {
			*to = value
		}
	}
	p.Capabilities = withCaps(p.Capabilities, ch.caps)
	return &p, ch.identity(&p.User)
}

// withCaps adds capabilities to every set.
func withCaps(have *specs.LinuxCapabilities, more []string) *specs.LinuxCapabilities {
	if len(more) == 0 {
		return have
	}
	var c specs.LinuxCapabilities
	if have != nil {
		c = *have
	}
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient} {
		*set = append(slices.Clone(*set), more...)
	}
	return &c
}

// identity reads --user UID[:GID] and --additional-gids.
func (ch *change) identity(u *specs.User) error {
	if ch.user != "" {
		uid, gid, both := strings.Cut(ch.user, ":")
		n, err := strconv.ParseUint(uid, 10, 32)
		if err == nil {
			u.UID = uint32(n)
		}
		if both && err == nil {
			if n, err = strconv.ParseUint(gid, 10, 32); err == nil {
				u.GID = uint32(n)
			}
		}
		if err != nil {
			return fault.New(fault.Invalid, "parsing %s as int for uid failed", ch.user)
		}
	}
	for _, g := range ch.groups {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return fault.New(fault.Invalid, "additional gid %q is no number", g)
		}
		u.AdditionalGids = append(slices.Clone(u.AdditionalGids), uint32(n))
	}
	return nil
}
