// Package registry runs berth-registry as users do: with the clients of others,
// with the conformance program of the specification, and beside Debian's
// docker-registry, which is asked the same.
package registry
