package manifest

import (
	"encoding/json"
	"testing"

	"berth/internal/cli/imageref"
)

// FuzzAKeptManifestIsReadOrRefused reads what may lie in the store, which other
// programs write too, and what it may have from a registry.
func FuzzAKeptManifestIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"Ref":"reg.io/a:1","Descriptor":{"mediaType":"m","digest":"sha256:x","size":1},"Raw":"e30="}`))
	f.Add([]byte(`{"Ref":"reg.io/a:1","Descriptor":{"platform":null},"OCIManifest":{"config":{"digest":"sha256:"},"layers":[{}]}}`))
	f.Add([]byte(`{"Ref":"reg.io/a@sha256:0","SchemaV2Manifest":null}`))
	list := imageref.Ref{Domain: "reg.io", Path: "list", Tag: "1"}
	f.Fuzz(func(t *testing.T, b []byte) {
		var img image
		if json.Unmarshal(b, &img) != nil {
			return
		}
		_, _ = partsOf(img)
		d, err := listOf(list, []image{img})
		if err == nil && !json.Valid(d.Raw) {
			t.Errorf("the list is %s", d.Raw)
		}
		for _, verbose := range []bool{true, false} {
			text, err := inspected{one: &img}.text(verbose)
			if err == nil && !json.Valid(text) {
				t.Errorf("shown as %s", text)
			}
		}
	})
}
