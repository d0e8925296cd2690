package server

import (
	"encoding/json"
	"slices"

	"berth/internal/fault"
	"berth/internal/server/compat"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// platform reads a platform in JSON, in which the newer requests give it. Its errors are Docker's.
func platform(word string) (ocispec.Platform, error) {
	var p ocispec.Platform
	if err := json.Unmarshal([]byte(word), &p); err != nil {
		return p, fault.Wrap(fault.Invalid, err, "failed to parse platform")
	}
	optional := p.Variant != "" || p.OSVersion != "" || len(p.OSFeatures) > 0
	switch {
	case p.OS == "" && p.Architecture == "" && optional:
		return p, fault.New(fault.Invalid, "optional platform fields provided, but OS and Architecture are missing")
	case p.OS == "" || p.Architecture == "":
		return p, fault.New(fault.Invalid, "both OS and Architecture must be provided")
	}
	return p, nil
}

// platforms reads all values of a parameter, in the versions that have it; empty ones are none.
func (c *call) platforms(key string, since compat.Change) ([]ocispec.Platform, error) {
	if !c.version.Has(since) {
		return nil, nil
	}
	words := slices.DeleteFunc(slices.Clone(c.query[key]), func(w string) bool { return w == "" })
	if key == "platform" && len(words) > 1 && !c.version.Has(compat.ManyPlatforms) {
		return nil, fault.New(fault.Invalid, "multiple platform parameters are not supported in this API version; use API version 1.52 or later")
	}
	var list []ocispec.Platform
	for _, w := range words {
		p, err := platform(w)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// onePlatform reads a parameter that may be there once; nil when it is not.
func (c *call) onePlatform(key string, since compat.Change) (*ocispec.Platform, error) {
	word := c.query.Get(key)
	if word == "" || !c.version.Has(since) {
		return nil, nil
	}
	p, err := platform(word)
	if err != nil {
		return nil, err
	}
	return &p, nil
}
