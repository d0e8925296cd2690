package opts

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/blkiodev"
)

// blockDevice splits /dev/name:value.
func blockDevice(v string) (device, value string, err error) {
	device, value, ok := strings.Cut(v, ":")
	switch {
	case !ok || device == "":
		return "", "", fmt.Errorf("bad format: %s", v)
	case !strings.HasPrefix(device, "/dev/"):
		return "", "", fmt.Errorf("bad format for device path: %s", v)
	}
	return device, value, nil
}

// Weights is a repeated flag of device:weight.
type Weights struct{ Values []*blkiodev.WeightDevice }

// String returns the weights for help output.
func (w *Weights) String() string { return fmt.Sprint(w.Values) }

// Type names the kind of flag in help output.
func (*Weights) Type() string { return "list" }

// Set adds one device's weight: 10 to 1000, or 0 for none.
func (w *Weights) Set(v string) error {
	device, value, err := blockDevice(v)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n != 0 && (n < 10 || n > 1000) {
		return fmt.Errorf("invalid weight for device: %s", v)
	}
	w.Values = append(w.Values, &blkiodev.WeightDevice{Path: device, Weight: uint16(n)})
	return nil
}

// Throttles is a repeated flag of device:rate; in bytes a second, which may have
// a unit, or in operations.
type Throttles struct {
	Values     []*blkiodev.ThrottleDevice
	Operations bool
}

// String returns the rates for help output.
func (r *Throttles) String() string { return fmt.Sprint(r.Values) }

// Type names the kind of flag in help output.
func (*Throttles) Type() string { return "list" }

// Set adds one device's rate.
func (r *Throttles) Set(v string) error {
	device, value, err := blockDevice(v)
	if err != nil {
		return err
	}
	rate, form := uint64(0), "<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
	if r.Operations {
		form = "<number>. Number must be a positive integer"
		rate, err = strconv.ParseUint(value, 10, 64)
	} else {
		var bytes int64
		if bytes, err = units.RAMInBytes(value); err == nil && bytes >= 0 {
			rate = uint64(bytes)
		} else {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		return fmt.Errorf("invalid rate for device: %s. The correct format is <device-path>:%s", v, form)
	}
	r.Values = append(r.Values, &blkiodev.ThrottleDevice{Path: device, Rate: rate})
	return nil
}
