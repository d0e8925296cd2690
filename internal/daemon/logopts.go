package daemon

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/logdriver"
)

// logOptsValue is --log-opt name=value, and "log-opts" in the configuration file.
type logOptsValue map[string]string

func (v *logOptsValue) Type() string { return "map" }

func (v *logOptsValue) String() string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(*v)) {
		list = append(list, key+"="+(*v)[key])
	}
	return strings.Join(list, ",")
}

func (v *logOptsValue) Set(s string) error {
	if *v == nil {
		*v = logOptsValue{}
	}
	key, value, _ := strings.Cut(s, "=")
	(*v)[key] = value
	return nil
}

// setValue takes the object of the configuration file.
func (v *logOptsValue) setValue(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, (*map[string]string)(v))
}

// completeLog refuses a log that no container could have.
func (c *Config) completeLog() error {
	c.Log.Options = c.LogOpts
	c.Log = c.Log.Or(logdriver.Choice{})
	if err := c.Log.Check(); err != nil {
		return fault.Wrap(fault.Invalid, err, "failed to set log opts")
	}
	return nil
}
