//go:build linux

package systemd

import (
	"math"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
)

// Properties says in systemd's words (systemd.resource-control(5)) what is written
// to the group's files, so that systemd writes nothing else there when it looks at
// the unit again. What systemd has no word for it does not touch.
func Properties(values []cgroup.Value) ([]Property, error) {
	var list []Property
	for _, v := range values {
		more, err := property(v)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// numbers are the files with one number, or "max".
func numbers() map[string]string {
	return map[string]string{
		"cpu.weight": "CPUWeight", "memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
		"memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax", "io.weight": "IOWeight",
		"cpu.shares": "CPUShares", "memory.limit_in_bytes": "MemoryLimit", "blkio.weight": "BlockIOWeight",
	}
}

func property(v cgroup.Value) ([]Property, error) {
	switch v.File {
	case "cpu.max":
		return quota(v.Value)
	case "cpu.cfs_quota_us", "cpu.cfs_period_us": // in two files, of which one may stay as it is
		return nil, nil
	case "cpuset.cpus", "cpuset.mems":
		bits, err := mask(v.Value)
		name := map[string]string{"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}[v.File]
		return []Property{{name, bits}}, err
	case "cpu.idle":
		if v.Value == "1" {
			return []Property{{"CPUWeight", uint64(0)}}, nil
		}
		return nil, nil
	}
	name, ok := numbers()[v.File]
	if !ok {
		return nil, nil
	}
	n, err := number(strings.TrimPrefix(v.Value, "default "))
	return []Property{{name, n}}, fault.Wrap(fault.Invalid, err, "%s cannot be %q", v.File, v.Value)
}

func number(text string) (uint64, error) {
	if text == "max" || text == "-1" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// quota turns cpu.max, "quota period" in microseconds, into what systemd counts: time
// in a second, in steps of 10 ms, upwards.
func quota(text string) ([]Property, error) {
	first, second, found := strings.Cut(text, " ")
	period := uint64(100000)
	var err error
	if found {
		period, err = strconv.ParseUint(second, 10, 64)
	}
	n, err2 := number(first)
	if err != nil || err2 != nil || period == 0 {
		return nil, fault.New(fault.Invalid, "cpu.max cannot be %q", text)
	}
	perSecond := uint64(math.MaxUint64)
	if n < math.MaxUint64/1000000 {
		const step = 10000
		perSecond = (n*1000000/period + step - 1) / step * step
	}
	list := []Property{{"CPUQuotaPerSecUSec", perSecond}}
	if found { // else it stays as it is
		list = append(list, Property{"CPUQuotaPeriodUSec", period})
	}
	return list, nil
}

// mask turns a list of numbers, "0-2,5", into bits, the lowest first.
func mask(list string) ([]byte, error) {
	var bits []byte
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		if part == "" {
			continue
		}
		from, to, span := strings.Cut(part, "-")
		if !span {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 13)
		last, err2 := strconv.ParseUint(to, 10, 13)
		if err != nil || err2 != nil || last < first {
			return nil, fault.New(fault.Invalid, "%q is not a list of numbers", list)
		}
		for n := first; n <= last; n++ {
			for uint64(len(bits)) <= n/8 {
				bits = append(bits, 0)
			}
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return bits, nil
}

const annotation = "org.systemd.property."

// Annotated are the properties that a spec's annotations ask for,
// "org.systemd.property.NAME", as crun and runc read them: a value is text in single
// quotes, a number ("uint64 5", "5") or a truth.
func Annotated(spec *specs.Spec) ([]Property, error) {
	var list []Property
	for key, text := range spec.Annotations {
		name, ok := strings.CutPrefix(key, annotation)
		if !ok {
			continue
		}
		value, ok := parseValue(text)
		if !ok || name == "" {
			return nil, fault.New(fault.Invalid, "Annotation %s=%s value parse error: want 'text', true, false, or a number with its type, such as uint64 5", key, text)
		}
		if short, found := strings.CutSuffix(name, "Sec"); found {
			n, isNumber := value.(uint64) // seconds, of which systemd has microseconds
			if !isNumber || n > math.MaxUint64/1000000 {
				return nil, fault.New(fault.Invalid, "Annotation %s=%s value error: want seconds, such as uint64 5", key, text)
			}
			name, value = short+"USec", n*1000000
		}
		list = append(list, Property{name, value})
	}
	return list, nil
}

// parseValue reads a value in GVariant's text form, of the types that units have.
func parseValue(text string) (any, bool) {
	if text == "true" || text == "false" {
		return text == "true", true
	}
	if n := len(text); n >= 2 && text[0] == '\'' && text[n-1] == '\'' && !strings.Contains(text[1:n-1], "'") {
		return text[1 : n-1], true
	}
	kind, digits, found := strings.Cut(text, " ")
	if !found {
		kind, digits = "uint64", text
	}
	size, ok := map[string]int{"uint32": 32, "uint64": 64}[kind]
	if !ok {
		return nil, false
	}
	n, err := strconv.ParseUint(digits, 10, size)
	if size == 32 {
		return uint32(n), err == nil
	}
	return n, err == nil
}
