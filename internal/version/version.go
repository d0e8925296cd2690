// Package version is what this build calls itself.
package version

// Version is set by the linker (Makefile); a plain go build is "dev".
var Version = "dev"
