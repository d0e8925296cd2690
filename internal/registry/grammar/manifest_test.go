package grammar

import (
	"fmt"
	"strings"
	"testing"

	"berth/internal/registry/refusal"
)

func sum(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func image(mediaType, more string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/x","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":3}]%s}`,
		mediaType, sum("a"), sum("b"), more)
}

func TestAManifestSaysWhatItNeeds(t *testing.T) {
	l, err := ReadLinks(OCIManifest, []byte(image(OCIManifest, `,"subject":{"digest":"`+sum("c")+`"},"annotations":{"k":"v"}`)))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(l)
	want := fmt.Sprint(Links{MediaType: OCIManifest, Blobs: l.Blobs, Subject: l.Subject, ArtifactType: "application/x", Annotations: map[string]string{"k": "v"}})
	if got != want || len(l.Blobs) != 2 || l.Subject.String() != sum("c") {
		t.Errorf("got %s", got)
	}
	if l, err = ReadLinks("", []byte(`{"schemaVersion":2,"manifests":[{"digest":"`+sum("a")+`","size":1}]}`)); err != nil || l.MediaType != OCIIndex || len(l.Manifests) != 1 {
		t.Errorf("an index without a type: %+v %v", l, err)
	}
}

func TestLayersThatMayLieElsewhereNeedNotBePushed(t *testing.T) {
	for _, layer := range []string{
		`"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"`,
		`"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar"`,
		`"mediaType":"x","urls":["https://example.com/"]`,
	} {
		body := `{"schemaVersion":2,"config":{"digest":"` + sum("a") + `","size":1},"layers":[{` + layer + `,"digest":"` + sum("b") + `","size":1}]}`
		if l, err := ReadLinks(DockerManifest, []byte(body)); err != nil || len(l.Blobs) != 1 || len(l.Elsewhere) != 1 {
			t.Errorf("%s: %+v %v", layer, l, err)
		}
	}
}

func TestAManifestThatIsNoneOrTwoThingsIsRefused(t *testing.T) {
	for what, c := range map[string][2]string{
		"not JSON":            {OCIManifest, `{`},
		"nothing":             {OCIManifest, ``},
		"a list":              {OCIManifest, `[]`},
		"something after it":  {OCIManifest, image(OCIManifest, "") + `{}`},
		"another type inside": {DockerManifest, image(OCIManifest, "")},
		"image and index":     {OCIManifest, image(OCIManifest, `,"manifests":[]`)},
		"index as an image":   {OCIManifest, `{"schemaVersion":2,"manifests":[]}`},
		"image as an index":   {OCIIndex, image(OCIIndex, "")},
		"schema 1":            {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`},
		"unknown type":        {"application/json", image("application/json", "")},
		"bad type":            {";;", image(OCIManifest, "")},
		"a bad digest":        {OCIManifest, strings.Replace(image(OCIManifest, ""), sum("b"), "sha256:../..", 1)},
		"a negative size":     {OCIManifest, strings.Replace(image(OCIManifest, ""), `"size":3`, `"size":-3`, 1)},
		"a bad subject":       {OCIManifest, image(OCIManifest, `,"subject":{"digest":"x"}`)},
		"no config":           {OCIManifest, `{"schemaVersion":2,"layers":[]}`},
		"no layers":           {OCIManifest, `{"schemaVersion":2,"config":{"digest":"` + sum("a") + `"}}`},
	} {
		if l, err := ReadLinks(c[0], []byte(c[1])); !refusal.Is(err, refusal.ManifestInvalid) {
			t.Errorf("%s: %+v, %v", what, l, err)
		}
	}
}

func FuzzAManifestIsReadOrRefused(f *testing.F) {
	f.Add(OCIManifest, []byte(image(OCIManifest, "")))
	f.Add("", []byte(`{"schemaVersion":2,"manifests":[{}]}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		l, err := ReadLinks(kind, body)
		if err != nil {
			if !refusal.Is(err, refusal.ManifestInvalid) {
				t.Errorf("refused as %v", err)
			}
			return
		}
		for _, d := range append(append(l.Blobs, l.Elsewhere...), l.Manifests...) {
			if d.Validate() != nil {
				t.Errorf("%q names %q", body, d)
			}
		}
	})
}
