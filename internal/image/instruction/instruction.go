// Package instruction applies single Dockerfile instructions to an image's config:
// what import and commit take as --change. The texts of its errors are Docker's
// (BuildFromConfig and BuildKit's instruction parser).
package instruction

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/sys/signal"
)

// Config is the part of an image's config that instructions work on.
type Config = dockerspec.DockerOCIImageConfig

// Apply applies instructions in order: each of changes is one or several lines, with
// comments. Errors are fault.Invalid; cfg may have been changed in part by then.
func Apply(cfg *Config, changes []string) error {
	commanded := false
	for _, change := range changes {
		for line := range strings.Lines(change) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if err := applyLine(cfg, line); err != nil {
				return err
			}
			switch word, _, _ := strings.Cut(strings.ToUpper(strings.ReplaceAll(line, "\t", " ")), " "); word {
			case "CMD":
				commanded = true
			case "ENTRYPOINT":
				if !commanded { // it was for the old entrypoint
					cfg.Cmd = nil
				}
			}
		}
	}
	return nil
}

func applyLine(cfg *Config, line string) error {
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
func instruction(name string) (func(cfg *Config, rest string) error, bool) {
	switch name {
	case "CMD":
		return applyCmd, true
	case "ENTRYPOINT":
		return applyEntrypoint, true
	case "ENV":
		return applyEnv, true
	case "EXPOSE":
		return applyExpose, true
	case "LABEL":
		return applyLabel, true
	case "ONBUILD":
		return applyOnBuild, true
	case "STOPSIGNAL":
		return applyStopSignal, true
	case "USER":
		return applyUser, true
	case "VOLUME":
		return applyVolume, true
	case "WORKDIR":
		return applyWorkdir, true
	case "HEALTHCHECK":
		return applyHealthcheck, true
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

func applyCmd(cfg *Config, rest string) error {
	cfg.Cmd = command(rest)
	return nil
}

func applyEntrypoint(cfg *Config, rest string) error {
	cfg.Entrypoint = command(rest)
	return nil
}

func applyEnv(cfg *Config, rest string) error {
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

func applyLabel(cfg *Config, rest string) error {
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

func applyExpose(cfg *Config, rest string) error {
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
		return nil, fault.New(fault.Invalid, "invalid proto: %s", fault.Quoted(proto))
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

func applyOnBuild(cfg *Config, rest string) error {
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

func applyStopSignal(cfg *Config, rest string) error {
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

func applyUser(cfg *Config, rest string) (err error) {
	cfg.User, err = oneWord("USER", rest, cfg.Env)
	return err
}

func applyWorkdir(cfg *Config, rest string) error {
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

func applyVolume(cfg *Config, rest string) error {
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
