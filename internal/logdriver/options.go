package logdriver

import (
	"maps"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"berth/internal/fault"
)

// Choice is a driver and its options.
type Choice struct {
	Driver  string
	Options map[string]string
}

// Or fills in from the daemon's choice what a container's leaves open, as Docker
// does: the options only for the same driver, those of the cache for any.
func (c Choice) Or(defaults Choice) Choice {
	if defaults.Driver == "" {
		defaults.Driver = JSONFile
	}
	merged := Choice{Driver: c.Driver, Options: map[string]string{}}
	if merged.Driver == "" {
		merged.Driver = defaults.Driver
	}
	for key, value := range defaults.Options {
		if merged.Driver == defaults.Driver || strings.HasPrefix(key, cachePrefix) {
			merged.Options[key] = value
		}
	}
	maps.Copy(merged.Options, c.Options)
	return merged
}

const (
	blocking    = "blocking"
	nonBlocking = "non-blocking"
	// defaultRing is how many bytes wait in non-blocking mode.
	defaultRing = 1_000_000
)

// Check refuses a driver that there is not and options that it cannot do, in Docker's words.
func (c Choice) Check() error {
	if c.Driver == None {
		return nil
	}
	switch mode := c.Options["mode"]; mode {
	case "", blocking, nonBlocking:
	default:
		return fault.New(fault.Invalid, "logger: logging mode not supported: %s", mode)
	}
	if _, err := c.ring(); err != nil {
		return err
	}
	k, err := find(c.Driver)
	if err != nil {
		return err
	}
	own, cache := c.split()
	if err := k.check(own); err != nil {
		return err
	}
	if _, err := c.cached(); err != nil {
		return err
	}
	for key := range cache {
		if !isLocalOption(key) {
			return fault.New(fault.Invalid, "unknown log opt '%s%s' for %s log driver", cachePrefix, key, c.Driver)
		}
	}
	return checkLocal(cache)
}

// split gives the driver's own options and, without their prefix, the cache's.
func (c Choice) split() (own, cache map[string]string) {
	own, cache = map[string]string{}, map[string]string{}
	for key, value := range c.Options {
		rest, ofCache := strings.CutPrefix(key, cachePrefix)
		switch {
		case key == "mode" || key == "max-buffer-size" || key == cacheDisabled:
		case ofCache:
			cache[rest] = value
		default:
			own[key] = value
		}
	}
	return own, cache
}

// ring returns how many bytes wait in non-blocking mode, 0 in blocking mode.
func (c Choice) ring() (int64, error) {
	text, set := c.Options["max-buffer-size"]
	if c.Options["mode"] != nonBlocking {
		if set {
			return 0, fault.New(fault.Invalid, "logger: max-buffer-size option is only supported with 'mode=%s'", nonBlocking)
		}
		return 0, nil
	}
	if !set {
		return defaultRing, nil
	}
	n, err := units.RAMInBytes(text)
	if err != nil {
		return 0, fault.New(fault.Invalid, "error parsing option max-buffer-size: %v", err)
	}
	return max(n, 1), nil
}

const (
	cachePrefix   = "cache-"
	cacheDisabled = cachePrefix + "disabled"
)

// cached reports whether what is sent away is kept too.
func (c Choice) cached() (bool, error) {
	text := c.Options[cacheDisabled]
	if text == "" {
		return true, nil
	}
	disabled, err := strconv.ParseBool(text)
	if err != nil {
		return false, fault.New(fault.Invalid, "invalid value for option %s: %s", cacheDisabled, text)
	}
	return !disabled, nil
}
