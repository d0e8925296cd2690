// Package container is the life of containers: what state they are in, and
// every verb that moves them from one to another. What they were asked to be is
// in package config, what is known of them in package record, and what a run
// takes from the machine in package provision.
package container

import (
	"berth/internal/container/files"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/logdriver"
	"berth/internal/state"
)

// What the rooms below call by these names.
type (
	Container  = record.Container
	Run        = record.Run
	Endpoint   = record.Endpoint
	State      = record.State
	Wanted     = record.Wanted
	Place      = provision.Place
	Connection = provision.Connection
	Wish       = provision.Wish
	Paths      = provision.Paths
)

// The states of a container, and what its user can want.
const (
	Created    = record.Created
	Starting   = record.Starting
	Running    = record.Running
	Restarting = record.Restarting
	Paused     = record.Paused
	Exited     = record.Exited
	Removing   = record.Removing
	Dead       = record.Dead
	Removed    = record.Removed
	WantedUp   = record.WantedUp
	WantedDown = record.WantedDown
)

// OwnRuntime is the name of the runtime that needs no program: berth's own.
const OwnRuntime = provision.OwnRuntime

// Deps is what a Service works with.
type Deps struct {
	provision.Deps
	Store   *state.Store
	Events  notice.History   // what has been published; nil when nobody keeps it
	Log     logdriver.Choice // of containers that choose none
	Commits files.Committer
}
