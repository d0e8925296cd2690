package server

import (
	"net"

	"berth/internal/server/listen"
)

// ListenOptions say who may use a listener.
type ListenOptions = listen.Options

// Listen opens a listener as -H names it, see listen.Open.
func Listen(spec string, opts ListenOptions) (net.Listener, error) { return listen.Open(spec, opts) }
