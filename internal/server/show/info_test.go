package show

import (
	"encoding/json"
	"testing"

	"berth/internal/server/compat"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
)

func TestInfoHasTheFieldsOfItsVersion(t *testing.T) {
	for v, want := range map[compat.Version]map[string]bool{
		41: {"BridgeNfIptables": true, "Expected": true, "AllowNondistributableArtifactsCIDRs": true, "FirewallBackend": false},
		47: {"BridgeNfIptables": true, "Expected": true, "AllowNondistributableArtifactsCIDRs": false, "FirewallBackend": false},
		49: {"BridgeNfIptables": true, "Expected": false, "AllowNondistributableArtifactsCIDRs": false, "FirewallBackend": true},
		50: {"BridgeNfIptables": false, "Expected": false, "AllowNondistributableArtifactsCIDRs": false, "FirewallBackend": true},
	} {
		b, err := json.Marshal(Info(&system.Info{ID: "x", RegistryConfig: &registry.ServiceConfig{Mirrors: []string{"m"}}, FirewallBackend: &system.FirewallInfo{Driver: "nftables"}}, v))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{}
		_, has["BridgeNfIptables"] = m["BridgeNfIptables"]
		_, has["FirewallBackend"] = m["FirewallBackend"]
		_, has["Expected"] = m["RuncCommit"].(map[string]any)["Expected"]
		_, has["AllowNondistributableArtifactsCIDRs"] = m["RegistryConfig"].(map[string]any)["AllowNondistributableArtifactsCIDRs"]
		for key, is := range want {
			if has[key] != is {
				t.Errorf("%v: %s: %v in %s", v, key, has[key], b)
			}
		}
		if m["ID"] != "x" || m["RegistryConfig"].(map[string]any)["Mirrors"] == nil {
			t.Errorf("%v: %s", v, b)
		}
	}
}
