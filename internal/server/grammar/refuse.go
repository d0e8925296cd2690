package grammar

import (
	"reflect"
	"strings"

	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// refuseRest refuses the first field of v (a pointer to a struct from which
// everything that can be honoured has been taken out) that still says something.
//
// A field says nothing when it is zero, an empty slice or map, or a pointer to
// such a value: this is how clients send their defaults.
func refuseRest(where string, v any) error {
	if name := firstSet(reflect.ValueOf(v).Elem()); name != "" {
		return fault.New(fault.Unsupported, "%s.%s is not supported yet", where, name)
	}
	return nil
}

// firstSet returns the name of the first field of a struct that says something.
// The fields of an embedded struct count as the struct's own, as in JSON.
func firstSet(v reflect.Value) string {
	for i := range v.NumField() {
		field := v.Field(i)
		if saysNothing(field) {
			continue
		}
		name := v.Type().Field(i)
		if name.Anonymous && field.Kind() == reflect.Struct {
			return firstSet(field)
		}
		return name.Name
	}
	return ""
}

func saysNothing(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil() || saysNothing(v.Elem())
	case reflect.Struct:
		if v.IsZero() {
			return true
		}
		for i := range v.NumField() {
			if !saysNothing(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

// take returns *p and leaves the zero value, so that refuseRest sees what nobody took.
func take[T any](p *T) T {
	v := *p
	*p = *new(T)
	return v
}

// refuseOthers refuses what is nobody's to do here, in the words that Docker has for it.
func refuseOthers(from *wire.HostConfig, to *config.HostConfig) error {
	if requests := take(&from.DeviceRequests); len(requests) > 0 {
		r := requests[0]
		return fault.New(fault.Invalid, "could not select device driver %q with capabilities: %v", r.Driver, r.Capabilities)
	}
	switch {
	case !wire.Isolation(to.Isolation).IsDefault():
		return fault.New(fault.Invalid, "Invalid isolation: %q - linux only supports 'default'", to.Isolation)
	case from.IOMaximumIOps != 0:
		return fault.New(fault.Invalid, "Invalid QoS settings: linux does not support configuration of maximum IOPs")
	case from.IOMaximumBandwidth != 0:
		return fault.New(fault.Invalid, "Invalid QoS settings: linux does not support configuration of maximum bandwidth")
	}
	return nil
}

// takeLinks reads links; there are none with another network namespace.
func takeLinks(from *wire.HostConfig, to *config.HostConfig) error {
	links := take(&from.Links)
	for _, text := range links {
		l, err := config.ParseLink(text)
		if err != nil {
			return err
		}
		to.Links = append(to.Links, l)
	}
	kind := ""
	if to.NetworkMode == "host" {
		kind = "host type networking"
	} else if strings.HasPrefix(to.NetworkMode, "container:") {
		kind = "container type network"
	}
	if kind != "" && len(links) > 0 {
		return fault.New(fault.Invalid, "conflicting options: %s can't be used with links. This would result in undefined behavior", kind)
	}
	return nil
}
