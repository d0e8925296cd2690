package ocispec

import (
	"berth/internal/container/config"
	"berth/internal/runtime"
)

// Hidden are the paths of /proc and /sys that a container may not see and those that it may not write
// to, but for the paths of single CPUs. Both are nil where nothing is hidden unless somebody asks for it.
func Hidden(h *config.HostConfig) (masked, readonly []string) {
	sec, err := config.ParseSecurity(h.SecurityOpt)
	if err == nil && !h.Privileged && !sec.OpenPaths {
		masked, readonly = runtime.DefaultMaskedPaths(), runtime.DefaultReadonlyPaths()
	}
	if h.MaskedPaths != nil {
		masked = append([]string{}, *h.MaskedPaths...)
	}
	if h.ReadonlyPaths != nil {
		readonly = append([]string{}, *h.ReadonlyPaths...)
	}
	return masked, readonly
}
