package idmap

import (
	"encoding/json"
	"testing"

	"github.com/moby/moby/api/types/mount"
)

func TestTheWordIsReadAsTheProposalHasIt(t *testing.T) {
	for word, want := range map[string]Mapping{
		"": {Source: MatchUser}, "match-user": {Source: MatchUser}, "match-user:www": {MatchUser, "www"},
		"match-user:33:44": {MatchUser, "33:44"}, "userns": {Source: UserNS},
	} {
		if got, err := Parse(word); err != nil || *got != want {
			t.Errorf("%q: %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"match-user:", "userns:www", "all", ":", "match-user "} {
		if got, err := Parse(word); err == nil {
			t.Errorf("%q: %v", word, got)
		}
	}
}

func TestTheWireHasTheOptionBesideDockers(t *testing.T) {
	m := Mount{Mount: mount.Mount{Type: "bind", Source: "/s", Target: "/t"}, BindOptions: &BindOptions{BindOptions: mount.BindOptions{NonRecursive: true}, IDMapping: &Mapping{Source: MatchUser}}}
	text, err := json.Marshal(m)
	if want := `{"Type":"bind","Source":"/s","Target":"/t","BindOptions":{"NonRecursive":true,"IDMapping":{"Source":"match-user"}}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
