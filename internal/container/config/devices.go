package config

import (
	"regexp"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// DeviceRules reads rules of device control groups, as "c 1:* rwm". Errors are fault.Invalid.
func DeviceRules(words []string) ([]specs.LinuxDeviceCgroup, error) {
	if len(words) == 0 {
		return nil, nil
	}
	var rules []specs.LinuxDeviceCgroup
	form := regexp.MustCompile(`^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$`)
	for _, word := range words {
		f := form.FindStringSubmatch(word)
		if f == nil {
			return nil, fault.New(fault.Invalid, "invalid device cgroup rule format: '%s'", word)
		}
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: f[1], Access: f[4]}
		var ok1, ok2 bool
		rule.Major, ok1 = deviceNumber(f[2])
		rule.Minor, ok2 = deviceNumber(f[3])
		if rule.Type == "a" && (rule.Major != nil || rule.Minor != nil) {
			return nil, fault.New(fault.Invalid, "invalid device cgroup rule: '%s' is for all types, which have no number in common", word)
		}
		if !ok1 || !ok2 {
			return nil, fault.New(fault.Invalid, "invalid number in device cgroup rule format: '%s'", word)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// deviceNumber reads a number; a star is nil, for any.
func deviceNumber(word string) (*int64, bool) {
	if word == "*" {
		return nil, true
	}
	n, err := strconv.ParseInt(word, 10, 32)
	return &n, err == nil
}
