package daemon

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"berth/internal/fault"
)

// layerValue is --storage-opt, and "storage-opts" in the configuration file: of Docker's options the one that is for
// this engine too, overlay2.size, in bytes.
type layerValue int64

func (v *layerValue) Type() string { return "list" }

func (v *layerValue) String() string {
	if *v == 0 {
		return ""
	}
	return "overlay2.size=" + strconv.FormatInt(int64(*v), 10)
}

// Set reads one option; errors are in Docker's words.
func (v *layerValue) Set(s string) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return fault.New(fault.Invalid, "unable to parse key/value option: %s", s)
	}
	if key = strings.ToLower(strings.TrimSpace(key)); key != "overlay2.size" {
		return fault.New(fault.Invalid, "overlay2: unknown option %s", key)
	}
	size, err := units.RAMInBytes(strings.TrimSpace(value))
	*v = layerValue(size)
	return fault.As(fault.Invalid, err)
}

// setValue takes the list of the configuration file.
func (v *layerValue) setValue(value any) error {
	list, ok := value.([]any)
	if !ok {
		return fault.New(fault.Invalid, "expected a list of options")
	}
	for _, item := range list {
		if err := v.Set(fmt.Sprint(item)); err != nil {
			return err
		}
	}
	return nil
}
