package grammar

import (
	"encoding/json"
	"testing"

	"berth/internal/container/config"
)

// TestWhatIsWrongWithAMountIsSaidInDockersWords has what Docker's parser says (daemon/volume/mounts), and what is said of
// what it has no words for.
func TestWhatIsWrongWithAMountIsSaidInDockersWords(t *testing.T) {
	for body, want := range map[string]string{
		`{"Type":"bind","Source":"/a"}`:                                                                            `"bind": field Target must not be empty`,
		`{"Type":"bind","Source":"/a","Target":"/"}`:                                                               `"bind": invalid specification: destination can't be '/'`,
		`{"Type":"bind","Source":"/a","Target":"/b/.."}`:                                                           `"bind": invalid specification: destination can't be '/'`,
		`{"Type":"bind","Source":"/a","Target":"b"}`:                                                               `"bind": invalid mount path: 'b' mount path must be absolute`,
		`{"Type":"bind","Source":"/a","Target":"/b\u0000c"}`:                                                       `"bind": invalid mount path: it holds a NUL byte`,
		`{"Type":"bind","Target":"/b"}`:                                                                            `"bind": field Source must not be empty`,
		`{"Type":"bind","Source":"a","Target":"/b"}`:                                                               `"bind": invalid mount path: 'a' mount path must be absolute`,
		`{"Type":"bind","Source":"/a","Target":"/b","VolumeOptions":{}}`:                                           `"bind": field VolumeOptions must not be specified`,
		`{"Type":"bind","Source":"/a","Target":"/b","ImageOptions":{}}`:                                            `"bind": field ImageOptions must not be specified`,
		`{"Type":"bind","Source":"/a","Target":"/b","TmpfsOptions":{}}`:                                            `"bind": field TmpfsOptions must not be specified`,
		`{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"Propagation":"all"}}`:                          `"bind": invalid propagation mode: all`,
		`{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"ReadOnlyForceRecursive":true}}`:                `"bind": ReadOnlyForceRecursive is only for a mount that is ReadOnly`,
		`{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"all"}}}`:                 `"bind": invalid ID mapping source: "all" (must be "match-user" or "userns")`,
		`{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"userns","User":"www"}}}`: `"bind": the ID mapping userns takes no user`,
		`{"Type":"bind","Source":"/a","Target":"/b","BindOptions":{"IDMapping":{"Source":"userns"}}}`:              `"bind": the ID mapping userns needs a container with a user namespace of its own, and users are not remapped here`,
		`{"Type":"volume","Source":"vol","Target":"/b","BindOptions":{}}`:                                          `"volume": field BindOptions must not be specified`,
		`{"Type":"volume","Source":"vol","Target":"/b","TmpfsOptions":{}}`:                                         `"volume": field TmpfsOptions must not be specified`,
		`{"Type":"volume","Target":"/b","ReadOnly":true}`:                                                          `"volume": must not set ReadOnly mode when using anonymous volumes`,
		`{"Type":"volume","Target":"/b","VolumeOptions":{"Subpath":"a"}}`:                                          `"volume": must not set Subpath when using anonymous volumes`,
		`{"Type":"volume","Source":"vol","Target":"/b","VolumeOptions":{"Subpath":"../a"}}`:                        `"volume": subpath must be a relative path within the volume`,
		`{"Type":"volume","Source":"vol","Target":"/b","VolumeOptions":{"Subpath":"/a"}}`:                          `"volume": subpath must be a relative path within the volume`,
		`{"Type":"tmpfs","Source":"a","Target":"/b"}`:                                                              `"tmpfs": field Source must not be specified`,
		`{"Type":"tmpfs","Target":"/b","BindOptions":{}}`:                                                          `"tmpfs": field BindOptions must not be specified`,
		`{"Type":"tmpfs","Target":"/b","VolumeOptions":{}}`:                                                        `"tmpfs": field VolumeOptions must not be specified`,
		`{"Type":"image","Target":"/b"}`:                                                                           `"image": field Source must not be empty`,
		`{"Type":"image","Source":"i","Target":"/b","BindOptions":{}}`:                                             `"image": field BindOptions must not be specified`,
		`{"Type":"image","Source":"i","Target":"/b","ImageOptions":{"Subpath":"../a"}}`:                            `"image": subpath must be a relative path within the volume`,
		`{"Type":"image","Source":"i","Target":"/b","ImageOptions":{"Subpath":"/a"}}`:                              `"image": subpath must be a relative path within the volume`,
		`{"Type":"npipe","Source":"/a","Target":"/b"}`:                                                             `"npipe": mount type unknown`,
		`{"Source":"/a","Target":"/b"}`:                                                                            `"": mount type unknown`,
	} {
		var host HostConfig
		if err := json.Unmarshal([]byte(`{"Mounts":[`+body+`]}`), &host); err != nil {
			t.Fatal(err)
		}
		var to config.HostConfig
		if err := takeMounts(&host, &to); err == nil || err.Error() != "invalid mount config for type "+want {
			t.Errorf("%s: %v", body, err)
		}
	}
}
