// Package params lists the endpoints and parameters of the Engine API that are about
// containers, execs, events and the system, and with which values each of them is tried:
// good ones, values at the edge, bad ones, and none. Its tests send every one to Debian's
// docker.io and to berth and want the same answer and the same effect, and fail when a
// parameter of the API is not tried. docs/params.md is made of it (go run ./tools/params).
package params
