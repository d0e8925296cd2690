package instruction

import (
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

func applyHealthcheck(cfg *Config, rest string) error {
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
			return fault.New(fault.Invalid, "--retries cannot be negative or not a number: %s", fault.Quoted(value))
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
