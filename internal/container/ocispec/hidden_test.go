package ocispec

import (
	"slices"
	"testing"

	"berth/internal/container/config"
	"berth/internal/runtime"
)

func TestPathsAreHiddenUnlessARightOrAListSaysOtherwise(t *testing.T) {
	own := []string{"/proc/own"}
	for name, at := range map[string]struct {
		h      config.HostConfig
		masked []string
	}{
		"as it is":             {config.HostConfig{}, runtime.DefaultMaskedPaths()},
		"privileged":           {config.HostConfig{Privileged: true}, nil},
		"asked to open":        {config.HostConfig{SecurityOpt: []string{"systempaths=unconfined"}}, nil},
		"its own":              {config.HostConfig{MaskedPaths: &own}, own},
		"its own, with rights": {config.HostConfig{MaskedPaths: &own, Privileged: true}, own},
	} {
		masked, readonly := Hidden(&at.h)
		if !slices.Equal(masked, at.masked) || (readonly == nil) != (at.h.Privileged || at.h.SecurityOpt != nil) {
			t.Errorf("%s: %v, %v", name, masked, readonly)
		}
	}
}
