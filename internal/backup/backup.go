// Package backup makes backups of volumes and volumes of backups.
//
// A backup is an OCI artifact: a manifest that refers to what the volume was (a config), to its tree
// (chunk/tree), to an index of chunks, and to packs of chunks. So a directory with an OCI layout and any registry can keep it, and tools
// that copy artifacts copy it. Packs are shared: a backup refers to those of earlier ones in the same place whose
// chunks it needs, and sends what is missing only. docs/backup-format.md has it byte for byte.
//
// Nothing that is read is believed. Of what is restored each chunk is verified, and a volume appears by one rename when all of it is.
package backup

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"berth/internal/backup/place"
	"berth/internal/chunk"
	"berth/internal/fault"
	"berth/internal/remote"
)

// Service makes and restores backups. Its methods may be called from any goroutine.
type Service struct {
	registries *remote.Client
	tmp        string // where files without names may lie
	codec      *chunk.Codec
}

// New returns a Service.
func New(registries *remote.Client, tmp string) *Service {
	return &Service{registries, tmp, chunk.NewCodec()}
}

// Spot is where backups are, and who asks for them.
type Spot struct {
	Address string // as people write it: see place.Parse
	Who     remote.Credentials
}

// Progress is how far something is.
type Progress struct {
	ID             string // what it is about: a volume
	Status         string
	Current, Total int64 // bytes, when the status is one that takes a while; Total is 0 when nobody knows
	Aux            any   // for programs; alone in its message
}

// Tell hears of progress; it is called by one goroutine at a time.
type Tell func(Progress)

// use is what is done with a place.
type use int

const (
	toRead use = iota
	toWrite
	toRemove
)

// open opens a place.
func (s *Service) open(at Spot, u use) (place.Place, place.Address, error) {
	a, err := place.Parse(at.Address)
	if err != nil {
		return nil, a, err
	}
	if a.Dir != "" {
		l, err := place.OpenLayout(a.Dir, u == toWrite, u == toRemove)
		if err != nil {
			return nil, a, err
		}
		return l, a, nil
	}
	access := remote.Pull
	if u == toWrite {
		access = remote.Push
	}
	r, err := place.OpenRepository(s.registries, a.Repository, access, at.Who, s.tmp)
	if err != nil {
		return nil, a, err
	}
	return r, a, nil
}

// Subject is a volume that is to be backed up.
type Subject struct {
	Volume
	// Live opens its files as they are, which may be changing.
	Live func() (dir *os.File, shut func(), err error)
	// Frozen lets do read what its files were at one moment, in a copy.
	Frozen func(ctx context.Context, do func(dir *os.File) error) error
}

// find is the tag of a backup that is meant: a tag, the latest one of a volume, or with neither that of the only volume.
func find(ctx context.Context, p place.Place, tag, volume string) (string, error) {
	tags, err := p.Tags(ctx)
	if err != nil || slices.Contains(tags, tag) {
		return tag, err
	}
	return choose(tags, tag, volume)
}

// choose is find among the tags that there are. A tag that there is not may be a volume's name.
func choose(tags []string, tag, volume string) (string, error) {
	if t := latest(tags, tag); t != "" {
		return t, nil
	}
	if tag != "" {
		return "", fault.New(fault.NotFound, "there is no backup %s, nor one of a volume of this name", fault.Quoted(tag))
	}
	if t := latest(tags, volume); t != "" {
		return t, nil
	}
	names := map[string]bool{}
	for _, t := range tags {
		if name, _, ok := place.Split(t); ok {
			names[name] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(names))
	switch len(sorted) {
	case 0:
		return "", fault.New(fault.NotFound, "there are no backups")
	case 1:
		return latest(tags, sorted[0]), nil
	}
	return "", fault.New(fault.Invalid, "there are backups of several volumes; add one of these to the place, after a colon: %s", strings.Join(sorted, ", "))
}

// latest is the tag of a volume's last backup; "" if there is none.
func latest(tags []string, volume string) (last string) {
	for _, t := range tags {
		if _, is := place.IsOf(t, volume); is {
			last = max(last, t)
		}
	}
	return last
}
