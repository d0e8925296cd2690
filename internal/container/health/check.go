// Package health tells whether a container does its work: it probes it from
// time to time and follows what comes of it. What follows from a result is
// decided purely (state.go); the probes reach a container through a small
// interface (Target).
package health

import (
	"cmp"
	"time"

	"berth/internal/fault"
)

// Check is how a container is probed, and what is done when it fails. Zero
// values mean the defaults.
type Check struct {
	// Test is one of {"NONE"}, {"CMD", args...}, {"CMD-SHELL", command}, and
	// beyond Docker {"HTTP", url} and {"TCP", "host:port"}; empty inherits the image's.
	Test          []string
	Interval      time.Duration
	Timeout       time.Duration
	StartPeriod   time.Duration // in which failures do not count while there was no success
	StartInterval time.Duration // between the probes in it
	Retries       int           // failures in a row that make it unhealthy
	OnFailure     string        `json:",omitempty"` // "" and "none", "restart", "stop", "kill": what is done to an unhealthy container
}

// Docker's defaults and bounds.
const (
	defaultInterval      = 30 * time.Second
	defaultTimeout       = 30 * time.Second
	defaultStartInterval = 5 * time.Second
	defaultRetries       = 3
	minDuration          = time.Millisecond
)

// What is done to a container that becomes unhealthy.
const (
	None    = "none"
	Restart = "restart" // whatever its restart policy is
	Stop    = "stop"    // as if by hand
	Kill    = "kill"    // its restart policy says what then
)

// Merge fills what the user left out from the image's check, field by field. Both may be nil.
func Merge(user, image *Check) *Check {
	if user == nil || image == nil {
		return cmp.Or(user, image)
	}
	c := *user
	if len(c.Test) == 0 {
		c.Test = image.Test
	}
	c.Interval = cmp.Or(c.Interval, image.Interval)
	c.Timeout = cmp.Or(c.Timeout, image.Timeout)
	c.StartPeriod = cmp.Or(c.StartPeriod, image.StartPeriod)
	c.StartInterval = cmp.Or(c.StartInterval, image.StartInterval)
	c.Retries = cmp.Or(c.Retries, image.Retries)
	c.OnFailure = cmp.Or(c.OnFailure, image.OnFailure)
	return &c
}

// Enabled reports that there is something to probe. c may be nil.
func (c *Check) Enabled() bool {
	return c != nil && len(c.Test) > 0 && c.Test[0] != "NONE"
}

// Validate refuses what contradicts itself, where Docker does in its words. c may be nil.
func (c *Check) Validate() error {
	if c == nil {
		return nil
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Interval", c.Interval}, {"Timeout", c.Timeout}, {"StartPeriod", c.StartPeriod}, {"StartInterval", c.StartInterval}} {
		if d.value != 0 && d.value < minDuration {
			return fault.New(fault.Invalid, "%s in Healthcheck cannot be less than %s", d.name, minDuration)
		}
	}
	if c.Retries < 0 {
		return fault.New(fault.Invalid, "Retries in Healthcheck cannot be negative")
	}
	switch c.OnFailure {
	case "", None, Restart, Stop, Kill:
	default:
		return fault.New(fault.Invalid, "invalid action on failure in Healthcheck: '%s'; use one of 'none', 'restart', 'stop', or 'kill'", c.OnFailure)
	}
	_, err := c.probe(nil)
	return err
}

func (c *Check) timeout() time.Duration       { return cmp.Or(c.Timeout, defaultTimeout) }
func (c *Check) interval() time.Duration      { return cmp.Or(c.Interval, defaultInterval) }
func (c *Check) startInterval() time.Duration { return cmp.Or(c.StartInterval, defaultStartInterval) }
func (c *Check) retries() int                 { return cmp.Or(c.Retries, defaultRetries) }
