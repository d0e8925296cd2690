// Package server is the border where the Engine API over HTTP meets the nouns.
//
// Handlers translate and decide nothing: a request becomes a domain value, one
// call is made, and the answer becomes a wire type of moby/moby/api.
//
// Where things are: routes.go is the one table of routes, dispatch.go finds a
// route and speaks about versions, compat.go is the one table of differences
// between API versions, errors.go the one table of error kinds; create.go,
// inspect.go and list.go translate containers, mounts.go and ports.go know the
// grammar of -v and -p, refuse.go refuses what cannot be honoured yet; hijack.go
// and frames.go carry streams.
package server
