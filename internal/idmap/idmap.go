// Package idmap is what can be said of the owners of a bind mount's files, as client and
// daemon say it to each other: Docker's wire types with the option that is proposed for them
// (moby/moby#53368). The kernel maps the owners (mount_setattr(2), MOUNT_ATTR_IDMAP); the files keep
// those that they have on the host.
package idmap

import (
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"berth/internal/fault"
)

// The ways to map.
const (
	// MatchUser makes the owner of the mount's source, user and group, the container's user. It maps this one owner:
	// the files of all others are nobody's in the mount, and nobody else can make any.
	MatchUser = "match-user"
	// UserNS maps as the container's own user namespace does.
	UserNS = "userns"
)

// Mapping is one wish.
type Mapping struct {
	Source string // MatchUser or UserNS
	User   string `json:",omitempty"` // of MatchUser: name, UID or UID:GID; "" is the user that the container runs as
}

// BindOptions are Docker's, and the wish.
type BindOptions struct {
	mount.BindOptions
	IDMapping *Mapping `json:",omitempty"`
}

// Mount is Docker's, with these options.
type Mount struct {
	mount.Mount
	BindOptions *BindOptions `json:",omitempty"` // in the place of Docker's
}

// Parse reads the client's word: match-user, match-user:USER, userns; none is match-user.
func Parse(word string) (*Mapping, error) {
	source, user, named := strings.Cut(word, ":")
	if word == "" {
		source = MatchUser
	}
	if named && (user == "" || source != MatchUser) {
		return nil, fmt.Errorf("invalid ID mapping: %q (must be \"match-user\", \"match-user:USER\" or \"userns\")", word)
	}
	m := &Mapping{Source: source, User: user}
	if m.Check() != nil {
		return nil, fmt.Errorf("invalid ID mapping: %q (must be \"match-user\", \"match-user:USER\" or \"userns\")", word)
	}
	return m, nil
}

// Check refuses what is no wish. The error is fault.Invalid.
func (m *Mapping) Check() error {
	switch {
	case m == nil || m.Source == MatchUser || m.Source == UserNS && m.User == "":
		return nil
	case m.Source == UserNS:
		return fault.New(fault.Invalid, "the ID mapping userns takes no user")
	}
	return fault.New(fault.Invalid, "invalid ID mapping source: %q (must be \"match-user\" or \"userns\")", m.Source)
}
