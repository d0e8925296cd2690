//go:build linux

// Package systemd has control groups made by systemd, as scopes: it is the
// manager of the tree then, and a container is one of its units. It speaks D-Bus
// to the manager itself.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/fault"
)

// Manager is a systemd.
type Manager struct{ socket string }

// System is the host's own systemd. It listens to root at a socket of its own, so that no bus
// is needed.
func System() Manager { return Manager{socket: "/run/systemd/private"} }

// Start has systemd make the unit around a process, which it moves there.
func (m Manager) Start(ctx context.Context, u Unit, pid int, properties []Property) error {
	properties = append([]Property{
		{"Slice", u.Slice},
		{"Delegate", true},
		{"PIDs", []uint32{uint32(pid)}},
		{"DefaultDependencies", false},
		{"MemoryAccounting", true}, {"CPUAccounting", true}, {"IOAccounting", true}, {"TasksAccounting", true},
	}, properties...)
	return m.job(ctx, u, "start", manager("StartTransientUnit", u.Name, "replace", properties, noAux{}))
}

// Stop ends the unit and whatever is in it. That there is none is fine.
func (m Manager) Stop(ctx context.Context, u Unit) error {
	err := m.job(ctx, u, "stop", manager("StopUnit", u.Name, "replace"))
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	// A unit that failed is remembered until somebody says that it need not be.
	if b, dialErr := dial(ctx, m.socket); dialErr == nil {
		defer b.close()
		_, _ = b.do(manager("ResetFailedUnit", u.Name), nil) // most have not failed
	}
	return err
}

// Set changes the unit's properties.
func (m Manager) Set(ctx context.Context, u Unit, properties []Property) error {
	if len(properties) == 0 {
		return nil
	}
	b, err := dial(ctx, m.socket)
	if err != nil {
		return err
	}
	defer b.close()
	_, err = b.do(manager("SetUnitProperties", u.Name, true, properties), nil)
	return u.explain("change", err)
}

func (m Manager) job(ctx context.Context, u Unit, what string, c call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b, err := dial(ctx, m.socket)
	if err != nil {
		return err
	}
	defer b.close()
	result, err := b.job(c)
	if err == nil && result != "done" {
		err = fmt.Errorf("its job ended as %q", result)
	}
	return u.explain(what, err)
}

func manager(member string, arguments ...any) call {
	return call{path: managerPath, iface: managerIface, member: member, arguments: arguments}
}

func (u Unit) explain(what string, err error) error {
	var answer *busError
	kind := fault.Internal
	if errors.As(err, &answer) {
		switch strings.TrimPrefix(answer.name, managerName+".") {
		case "UnitExists":
			kind = fault.Conflict
		case "NoSuchUnit":
			kind = fault.NotFound
		default:
			kind = fault.Invalid
		}
	}
	return fault.Wrap(kind, err, "systemd cannot %s the unit %s", what, u.Name)
}
