package process

import (
	"fmt"
	"io"
	"os"
	"strings"

	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/mirror"
	"berth/internal/registry/store"
)

// mirrored is an upstream's content, kept in a store.
func mirrored(m Mirror, kept *store.Store, log io.Writer) (registry.Content, error) {
	var user, password string
	if m.Credentials != "" {
		b, err := os.ReadFile(m.Credentials)
		if err != nil {
			return nil, err
		}
		var ok bool
		if user, password, ok = strings.Cut(strings.TrimSpace(string(b)), ":"); !ok {
			return nil, fault.New(fault.Invalid, "%s is not user:password", m.Credentials)
		}
	}
	up, err := mirror.NewUpstream(m.Of, user, password)
	if err != nil {
		return nil, err
	}
	return &mirror.Mirror{Cache: kept, Upstream: up, Failed: func(err error) { fmt.Fprintf(log, "mirror: %v\n", err) }}, nil
}
