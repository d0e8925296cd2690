package container

import (
	"encoding/json"
	"os"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/state"
)

// departuresBucket notes the containers whose record has gone and whose removal may not be
// over: a daemon that is killed in between leaves the rest to the next one.
const departuresBucket = "departures"

// departure is what the rest of a removal needs to know.
type departure struct {
	Container Container
	Volumes   bool // its anonymous ones go too
}

// leave is the writes of a removal: the record goes, and what is left to do is noted.
func leave(c Container, volumes bool) []state.Op {
	rest := Container{ID: c.ID, Name: c.Name, Created: c.Created}
	rest.Config.Image, rest.Config.Labels, rest.HostConfig.Mounts = c.Config.Image, c.Config.Labels, c.HostConfig.Mounts
	b, err := json.Marshal(departure{rest, volumes})
	if err != nil {
		panic("a container's record cannot be encoded: " + err.Error()) // only plain types in it
	}
	return []state.Op{{Bucket: bucket, Key: c.ID}, {Bucket: departuresBucket, Key: c.ID, Value: b}}
}

// forget takes a container's record away, and notes in the same commit what is still to be done. Nobody waits for
// that of one that goes by itself: a record that stays is of a container that does not run, and Recover removes it.
func (s runs) forget(c Container, volumes bool) error {
	if c.HostConfig.AutoRemove {
		s.deps.Store.Later(leave(c, volumes)...) // before its name is free; any commit may bring it
		return nil
	}
	err := s.deps.Store.Commit(leave(c, volumes)...)
	if err != nil {
		// A disk that is full: what the container has written makes room. A crash
		// now leaves a record without a directory, which can be removed.
		if err = os.RemoveAll(s.deps.Paths.Dir(c.ID)); err == nil {
			err = s.deps.Store.Commit(leave(c, volumes)...)
		}
	}
	return err
}

// forgotten is the last of a removal: what is written down of it goes, and nobody waits for that.
func (s runs) forgotten(c Container) {
	s.deps.Store.Later(state.Op{Bucket: departuresBucket, Key: c.ID})
	if !c.HostConfig.AutoRemove {
		return
	}
	s.host.Later(func() {
		if err := s.deps.Store.Commit(); err != nil {
			s.deps.Warn("container %s: %v", c.ID, err)
		}
	})
}

// finishRemovals does what removals have left to do that the daemon's end interrupted: a directory
// without a record goes by itself. That a volume went may be told twice, which is better than never.
func (s recovery) finishRemovals() error {
	var over []state.Op
	err := s.deps.Store.Each(departuresBucket, func(id string, value []byte) error {
		over = append(over, state.Op{Bucket: departuresBucket, Key: id})
		var d departure
		if err := json.Unmarshal(value, &d); err != nil {
			return fault.Wrap(fault.Internal, err, "the removal of container %s cannot be read", id)
		}
		if s.tells.Told(d.Container, event.Destroy) {
			return nil // it was over
		}
		s.host.Storage().LeaveVolumes(d.Container, d.Volumes)
		s.tells.Of(d.Container, event.Destroy)
		return nil
	})
	if err != nil || len(over) == 0 {
		return err
	}
	return s.deps.Store.Commit(over...)
}
