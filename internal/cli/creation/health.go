package creation

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"berth/internal/cli/engine"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// health are the flags of a new container's health check. Docker has no http,
// tcp and onFailure.
type health struct {
	command, http, tcp, onFailure                 string
	interval, timeout, startPeriod, startInterval time.Duration
	retries                                       int
	none                                          bool
}

func (h *health) install(fs *pflag.FlagSet) {
	fs.StringVar(&h.command, "health-cmd", "", "Command to run to check health")
	fs.StringVar(&h.http, "health-http", "", "URL to ask in the container's network to check health, such as http://localhost:8080/healthz")
	fs.StringVar(&h.tcp, "health-tcp", "", "HOST:PORT to connect to in the container's network to check health")
	fs.StringVar(&h.onFailure, "health-on-failure", "", `What to do with an unhealthy container ("none", "restart", "stop", "kill")`)
	fs.DurationVar(&h.interval, "health-interval", 0, "Time between running the check (ms|s|m|h) (default 0s)")
	fs.IntVar(&h.retries, "health-retries", 0, "Consecutive failures needed to report unhealthy")
	fs.DurationVar(&h.startInterval, "health-start-interval", 0, "Time between running the check during the start period (ms|s|m|h) (default 0s)")
	fs.DurationVar(&h.startPeriod, "health-start-period", 0,
		"Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)")
	fs.DurationVar(&h.timeout, "health-timeout", 0, "Maximum time to allow one check to run (ms|s|m|h) (default 0s)")
	fs.BoolVar(&h.none, "no-healthcheck", false, "Disable any container-specified HEALTHCHECK")
}

// config returns the health check that was asked for, nil for the image's own.
func (h *health) config() (*engine.Healthcheck, error) {
	if *h == (health{none: h.none}) {
		if h.none {
			return &engine.Healthcheck{HealthConfig: container.HealthConfig{Test: []string{"NONE"}}}, nil
		}
		return nil, nil
	}
	if h.none {
		return nil, errors.New("--no-healthcheck conflicts with --health-* options")
	}
	test, err := h.test()
	if err != nil {
		return nil, err
	}
	for _, v := range []struct {
		name     string
		negative bool
	}{
		{"interval", h.interval < 0},
		{"timeout", h.timeout < 0},
		{"retries", h.retries < 0},
		{"start-period", h.startPeriod < 0},
		{"start-interval", h.startInterval < 0},
	} {
		if v.negative {
			return nil, fmt.Errorf("--health-%s cannot be negative", v.name)
		}
	}
	if !slices.Contains([]string{"", "none", "restart", "stop", "kill"}, h.onFailure) {
		return nil, fmt.Errorf(`invalid value for --health-on-failure: %q: must be one of "none", "restart", "stop" or "kill"`, h.onFailure)
	}
	return &engine.Healthcheck{
		HealthConfig: container.HealthConfig{
			Test: test, Interval: h.interval, Timeout: h.timeout, StartPeriod: h.startPeriod,
			StartInterval: h.startInterval, Retries: h.retries,
		},
		OnFailure: h.onFailure,
	}, nil
}

// test is the one kind of probe that was given, if any.
func (h *health) test() ([]string, error) {
	var test []string
	for _, v := range []struct{ kind, value string }{{"CMD-SHELL", h.command}, {"HTTP", h.http}, {"TCP", h.tcp}} {
		if v.value == "" {
			continue
		}
		if test != nil {
			return nil, errors.New("only one of --health-cmd, --health-http and --health-tcp can be given")
		}
		test = []string{v.kind, v.value}
	}
	if h.http != "" {
		u, err := url.Parse(h.http)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("invalid value for --health-http: %q is not an http:// or https:// URL", h.http)
		}
	}
	if h.tcp != "" {
		if _, port, err := net.SplitHostPort(h.tcp); err != nil || port == "" {
			return nil, fmt.Errorf("invalid value for --health-tcp: %q is not HOST:PORT", h.tcp)
		}
	}
	return test, nil
}
