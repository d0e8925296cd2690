package image

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/sys/signal"
)

// changeTarget is the part of an image's config that changes work on.
type changeTarget = dockerspec.DockerOCIImageConfig

// applyChanges applies the instructions of --change, in order. The texts of its
// errors are Docker's (BuildFromConfig and BuildKit's instruction parser).
func applyChanges(cfg *changeTarget, changes []string) error {
	for _, change := range changes {
		for line := range strings.Lines(change) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if err := applyChange(cfg, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func applyChange(cfg *changeTarget, line string) error {
	word, rest, _ := strings.Cut(strings.Replace(line, "\t", " ", 1), " ")
	rest = strings.TrimSpace(rest)
	name := strings.ToUpper(word)
	apply, ok := instruction(name)
	if !ok {
		return fault.New(fault.Invalid, "%s is not a valid change command", word)
	}
	if rest == "" {
		return fault.New(fault.Invalid, "%s requires at least one argument", name)
	}
	return apply(cfg, rest)
}

// instruction finds what applies an instruction.
func instruction(name string) (func(cfg *changeTarget, rest string) error, bool) {
	switch name {
	case "CMD":
		return changeCmd, true
	case "ENTRYPOINT":
		return changeEntrypoint, true
	case "ENV":
		return changeEnv, true
	case "EXPOSE":
		return changeExpose, true
	case "LABEL":
		return changeLabel, true
	case "ONBUILD":
		return changeOnBuild, true
	case "STOPSIGNAL":
		return changeStopSignal, true
	case "USER":
		return changeUser, true
	case "VOLUME":
		return changeVolume, true
	case "WORKDIR":
		return changeWorkdir, true
	case "HEALTHCHECK":
		return changeHealthcheck, true
	}
	return nil, false
}

// command reads the JSON form, or wraps the shell form.
func command(rest string) []string {
	if list, ok := jsonForm(rest); ok {
		return list
	}
	return []string{"/bin/sh", "-c", rest}
}

func jsonForm(rest string) ([]string, bool) {
	var list []string
	if !strings.HasPrefix(rest, "[") || json.Unmarshal([]byte(rest), &list) != nil {
		return nil, false
	}
	return list, true
}

func changeCmd(cfg *changeTarget, rest string) error {
	cfg.Cmd = command(rest)
	return nil
}

func changeEntrypoint(cfg *changeTarget, rest string) error {
	cfg.Entrypoint = command(rest)
	return nil
}

func changeEnv(cfg *changeTarget, rest string) error {
	pairs, err := pairs("ENV", rest, cfg.Env)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		i := slices.IndexFunc(cfg.Env, func(e string) bool { return strings.HasPrefix(e, p.key+"=") })
		if i < 0 {
			cfg.Env = append(cfg.Env, p.key+"="+p.value)
		} else {
			cfg.Env[i] = p.key + "=" + p.value
		}
	}
	return nil
}

func changeLabel(cfg *changeTarget, rest string) error {
	pairs, err := pairs("LABEL", rest, cfg.Env)
	if err != nil {
		return err
	}
	if cfg.Labels == nil {
		cfg.Labels = map[string]string{}
	}
	for _, p := range pairs {
		cfg.Labels[p.key] = p.value
	}
	return nil
}

func changeExpose(cfg *changeTarget, rest string) error {
	list, err := words(rest, cfg.Env)
	if err != nil {
		return err
	}
	for _, w := range list {
		ports, err := exposed(w)
		if err != nil {
			return err
		}
		if cfg.ExposedPorts == nil {
			cfg.ExposedPorts = map[string]struct{}{}
		}
		for _, p := range ports {
			cfg.ExposedPorts[p] = struct{}{}
		}
	}
	return nil
}

// exposed reads port[-port][/proto].
func exposed(word string) ([]string, error) {
	span, proto, ok := strings.Cut(word, "/")
	if !ok {
		proto = "tcp"
	}
	proto = strings.ToLower(proto)
	if proto != "tcp" && proto != "udp" && proto != "sctp" {
		return nil, fault.New(fault.Invalid, "invalid proto: %s", printable(proto))
	}
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	if err1 != nil || err2 != nil || last < first {
		return nil, fault.New(fault.Invalid, "invalid containerPort: %s", span)
	}
	var ports []string
	for p := first; p <= last; p++ {
		ports = append(ports, strconv.FormatUint(p, 10)+"/"+proto)
	}
	return ports, nil
}

func changeOnBuild(cfg *changeTarget, rest string) error {
	trigger, _, _ := strings.Cut(rest, " ")
	switch trigger = strings.ToUpper(trigger); trigger {
	case "ONBUILD":
		return fault.New(fault.Invalid, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
	case "MAINTAINER", "FROM":
		return fault.New(fault.Invalid, "%s isn't allowed as an ONBUILD trigger", trigger)
	}
	cfg.OnBuild = append(cfg.OnBuild, rest)
	return nil
}

func changeStopSignal(cfg *changeTarget, rest string) error {
	name, err := oneWord("STOPSIGNAL", rest, cfg.Env)
	if err != nil {
		return err
	}
	if _, err := signal.ParseSignal(name); err != nil {
		return fault.As(fault.Invalid, err)
	}
	cfg.StopSignal = name
	return nil
}

func changeUser(cfg *changeTarget, rest string) (err error) {
	cfg.User, err = oneWord("USER", rest, cfg.Env)
	return err
}

func changeWorkdir(cfg *changeTarget, rest string) error {
	list, err := words(rest, cfg.Env)
	if err != nil {
		return err
	}
	dir := strings.Join(list, " ")
	if !path.IsAbs(dir) {
		dir = path.Join("/", cfg.WorkingDir, dir)
	}
	cfg.WorkingDir = path.Clean(dir)
	return nil
}

func changeVolume(cfg *changeTarget, rest string) error {
	list, ok := jsonForm(rest)
	if !ok {
		var err error
		if list, err = words(rest, cfg.Env); err != nil {
			return err
		}
	}
	for _, v := range list {
		if v = strings.TrimSpace(v); v == "" {
			return fault.New(fault.Invalid, "VOLUME specified can not be an empty string")
		}
		if cfg.Volumes == nil {
			cfg.Volumes = map[string]struct{}{}
		}
		cfg.Volumes[v] = struct{}{}
	}
	return nil
}

func changeHealthcheck(cfg *changeTarget, rest string) error {
	check := &dockerspec.HealthcheckConfig{}
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		if err := healthFlag(check, flag); err != nil {
			return err
		}
		rest = strings.TrimSpace(after)
	}
	kind, cmd, _ := strings.Cut(rest, " ")
	cmd = strings.TrimSpace(cmd)
	switch strings.ToUpper(kind) {
	case "NONE":
		if cmd != "" {
			return fault.New(fault.Invalid, "HEALTHCHECK NONE takes no arguments")
		}
		check.Test = []string{"NONE"}
	case "CMD":
		if cmd == "" {
			return fault.New(fault.Invalid, "missing command after HEALTHCHECK CMD")
		}
		check.Test = []string{"CMD-SHELL", cmd}
		if list, ok := jsonForm(cmd); ok {
			check.Test = append([]string{"CMD"}, list...)
		}
	default:
		return fault.New(fault.Invalid, "unknown type %q in HEALTHCHECK (try CMD)", kind)
	}
	cfg.Healthcheck = check
	return nil
}

func healthFlag(check *dockerspec.HealthcheckConfig, flag string) error {
	name, value, _ := strings.Cut(flag, "=")
	var into *time.Duration
	switch name {
	case "--interval":
		into = &check.Interval
	case "--timeout":
		into = &check.Timeout
	case "--start-period":
		into = &check.StartPeriod
	case "--start-interval":
		into = &check.StartInterval
	case "--retries":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return fault.New(fault.Invalid, "--retries cannot be negative or not a number: %s", printable(value))
		}
		check.Retries = int(n)
		return nil
	default:
		return fault.New(fault.Invalid, "unknown flag: %s", strings.TrimPrefix(name, "--"))
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	if d != 0 && d < time.Millisecond {
		return fault.New(fault.Invalid, "interval %s cannot be less than 1ms", strconv.Quote(strings.TrimPrefix(name, "--")))
	}
	*into = d
	return nil
}
