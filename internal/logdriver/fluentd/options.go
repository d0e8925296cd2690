package fluentd

import (
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"berth/internal/fault"
	"berth/internal/logdriver/source"
)

const (
	defaultPort = "24224"
	// What an interval of reconnections may be.
	shortestInterval, longestInterval = 100 * time.Millisecond, 10 * time.Second
)

// options are what the log options say.
type options struct {
	network, address string
	limit            int           // messages that wait, when async
	retries          int           // of a message
	wait             time.Duration // before the first; each further one takes half as long again
	writeTime        time.Duration // 0: as long as any log's
	async, ack       bool
	subSecond        bool
	reconnect        time.Duration // async: a connection is given up after it; 0 for never
}

// Check refuses options that the driver cannot do, in Docker's words.
func Check(o map[string]string) error {
	for key := range o {
		switch key {
		case "env", "env-regex", "labels", "labels-regex", "tag", "fluentd-address", "fluentd-async", "fluentd-async-connect", "fluentd-async-reconnect-interval",
			"fluentd-buffer-limit", "fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait", "fluentd-sub-second-precision", "fluentd-write-timeout":
		default:
			return fault.New(fault.Invalid, "unknown log opt '%s' for fluentd log driver", key)
		}
	}
	if _, err := parse(o); err != nil {
		return err
	}
	return source.Check(o)
}

func parse(o map[string]string) (options, error) {
	p := options{limit: 1 << 20, retries: math.MaxInt32, wait: time.Second}
	if o["fluentd-async"] != "" && o["fluentd-async-connect"] != "" {
		return p, fault.New(fault.Invalid, "conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect'")
	}
	var err error
	if p.network, p.address, err = parseAddress(o["fluentd-address"]); err != nil {
		return p, fault.New(fault.Invalid, "invalid fluentd-address (%s): %v", o["fluentd-address"], err)
	}
	for key, value := range o {
		if value == "" {
			continue
		}
		if err := p.set(key, value); err != nil {
			return p, fault.Wrap(fault.Invalid, err, "invalid value for %s", key)
		}
	}
	return p, nil
}

func (p *options) set(key, value string) (err error) {
	switch key {
	case "fluentd-buffer-limit":
		var n int64
		n, err = units.RAMInBytes(value)
		p.limit = int(min(n, math.MaxInt32))
		if err == nil && n < 1 {
			err = fault.New(fault.Invalid, "%q must be a positive number", value)
		}
	case "fluentd-max-retries":
		var n uint64
		n, err = strconv.ParseUint(value, 10, strconv.IntSize)
		p.retries = int(min(n, math.MaxInt32))
	case "fluentd-retry-wait":
		p.wait, err = parseWait(value)
	case "fluentd-write-timeout":
		p.writeTime, err = parseWait(value)
	case "fluentd-async", "fluentd-async-connect":
		p.async, err = strconv.ParseBool(value)
	case "fluentd-request-ack":
		p.ack, err = strconv.ParseBool(value)
	case "fluentd-sub-second-precision":
		p.subSecond, err = strconv.ParseBool(value)
	case "fluentd-async-reconnect-interval":
		p.reconnect, err = time.ParseDuration(value)
		if d := p.reconnect; err == nil && d != 0 && (d < shortestInterval || d > longestInterval) {
			err = fault.New(fault.Invalid, "value (%q) must be between %s and %s", d, shortestInterval, longestInterval)
		}
	}
	return err
}

func parseWait(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		err = fault.New(fault.Invalid, "%q is negative", value)
	}
	return d, err
}

func parseAddress(text string) (network, address string, err error) {
	if !strings.Contains(text, "://") {
		text = "tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", "", err
	}
	switch u.Scheme {
	case "unix":
		if strings.Trim(u.Path, "/") == "" {
			return "", "", fault.New(fault.Invalid, "path is empty")
		}
		return "unix", u.Path, nil
	case "tcp", "tls":
	default:
		return "", "", fault.New(fault.Invalid, "unsupported scheme: '%s'", u.Scheme)
	}
	if u.Path != "" {
		return "", "", fault.New(fault.Invalid, "should not contain a path element")
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = defaultPort
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fault.Wrap(fault.Invalid, err, "invalid port")
	}
	return u.Scheme, net.JoinHostPort(host, port), nil
}
