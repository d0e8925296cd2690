// Package server is the border where the Engine API over HTTP meets the nouns.
//
// Handlers translate and decide nothing: a request becomes a domain value, one
// call is made, and the answer becomes a wire type of moby/moby/api.
//
// Where things are: routes.go is the one table of routes, dispatch.go finds the
// route of a request, errors.go is the one table of error kinds; every resource has
// its files of handlers; hijack.go and frames.go carry streams. Below this room:
//
//	compat   the one table of differences between API versions
//	grammar  reads a create: -v, --mount, -p, --ulimit; refuses what cannot be honoured
//	show     turns what the services answer into wire types
//	listen   the sockets
package server
