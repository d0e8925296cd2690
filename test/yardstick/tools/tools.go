//go:build tools

// Package tools pins the validation programs of the OCI. They are a module of
// their own: nothing that ships depends on what they need.
package tools

import (
	_ "github.com/opencontainers/runtime-tools/validation/util"
)
