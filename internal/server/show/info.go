package show

import (
	"berth/internal/server/compat"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
)

// commitBefore49 is a commit of a program as older versions show it.
type commitBefore49 struct{ ID, Expected string }

// registriesBefore47 adds what older versions show.
type registriesBefore47 struct {
	*registry.ServiceConfig
	AllowNondistributableArtifactsCIDRs, AllowNondistributableArtifactsHostnames []string
}

// infoBefore50 adds what older versions show: these were always false in the end.
type infoBefore50 struct {
	*system.Info
	BridgeNfIptables  bool
	BridgeNfIp6tables bool
}

type infoBefore49 struct {
	infoBefore50
	ContainerdCommit, RuncCommit, InitCommit commitBefore49
}

type infoBefore47 struct {
	infoBefore49
	RegistryConfig registriesBefore47
}

// Info is what the engine says of itself and of its host, in the shape of an API version.
func Info(info *system.Info, v compat.Version) any {
	if v.Has(compat.InfoNoBridgeNf) {
		return info
	}
	at50 := infoBefore50{Info: info}
	if v.Has(compat.InfoFirewall) {
		return at50
	}
	info.FirewallBackend = nil
	commit := func(c system.Commit) commitBefore49 { return commitBefore49{c.ID, c.ID} }
	at49 := infoBefore49{at50, commit(info.ContainerdCommit), commit(info.RuncCommit), commit(info.InitCommit)}
	if v.Has(compat.InfoNoArtifacts) {
		return at49
	}
	return infoBefore47{at49, registriesBefore47{ServiceConfig: info.RegistryConfig}}
}
