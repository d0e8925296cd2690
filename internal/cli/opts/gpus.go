package opts

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// GPUs is a repeated flag of all, a number, or count=n,device=…,capabilities=….
type GPUs struct{ Values []container.DeviceRequest }

// String is empty: the flag has no default to show.
func (*GPUs) String() string { return "" }

// Type names the kind of flag in help output.
func (*GPUs) Type() string { return "gpu-request" }

// Set adds one request, whose fields are CSV.
func (g *GPUs) Set(v string) error {
	fields, err := csv.NewReader(strings.NewReader(v)).Read()
	if err != nil {
		return err
	}
	r := container.DeviceRequest{Options: map[string]string{}, Capabilities: [][]string{{"gpu"}}}
	seen := map[string]bool{}
	for _, field := range fields {
		key, val, ok := strings.Cut(field, "=")
		if seen[key] {
			return fmt.Errorf("gpu request key '%s' can be specified only once", key)
		}
		seen[key] = true
		if !ok {
			seen["count"] = true
			key, val = "count", key
		}
		if err := setGPU(&r, field, key, val); err != nil {
			return err
		}
	}
	if !seen["count"] && r.DeviceIDs == nil {
		r.Count = 1
	}
	g.Values = append(g.Values, r)
	return nil
}

func setGPU(r *container.DeviceRequest, field, key, val string) (err error) {
	switch key {
	case "driver":
		r.Driver = val
	case "count":
		r.Count, err = gpuCount(val)
	case "device":
		r.DeviceIDs = strings.Split(val, ",")
	case "capabilities":
		r.Capabilities = [][]string{append(strings.Split(val, ","), "gpu")}
	case "options":
		pairs, err := csv.NewReader(strings.NewReader(val)).Read()
		if err != nil {
			return fmt.Errorf("failed to read gpu options: %w", err)
		}
		r.Options = ToMap(pairs)
	default:
		return fmt.Errorf("unexpected key '%s' in '%s'", key, field)
	}
	return err
}

func gpuCount(v string) (int, error) {
	if v == "all" {
		return -1, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		var number *strconv.NumError
		if errors.As(err, &number) {
			err = number.Err
		}
		return 0, fmt.Errorf(`invalid count (%s): value must be either "all" or an integer: %w`, v, err)
	}
	return n, nil
}

// IsCDI reports whether a device is named as vendor/class=name, which the
// daemon looks up in CDI's files, rather than by its path.
func IsCDI(v string) bool {
	kind, name, ok := strings.Cut(v, "=")
	vendor, class, slash := strings.Cut(kind, "/")
	return ok && slash && cdiWord(vendor, "_-.") && cdiWord(class, "_-.") && cdiWord(name, "_-.:")
}

// cdiWord reports a word that begins and ends with a letter or a digit and has
// only these and some further characters between them.
func cdiWord(s, further string) bool {
	alnum := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := range len(s) {
		if !alnum(s[i]) && (i == 0 || i == len(s)-1 || !strings.Contains(further, s[i:i+1])) {
			return false
		}
	}
	return s != ""
}
