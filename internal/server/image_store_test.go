package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/internal/fault"
	"berth/internal/image"
)

// fakeStore notes what it is asked, with the platforms.
type fakeStore struct{ *fake }

func (f fakeStore) Manifests(context.Context, image.Image) ([]image.Manifest, error) {
	return []image.Manifest{
		{Descriptor: ocispec.Descriptor{Digest: "sha256:m"}, Kind: image.KindImage, Available: true, Content: 3, Unpacked: 4, Platform: ocispec.Platform{OS: "linux", Architecture: "arm64"}},
		{Descriptor: ocispec.Descriptor{Digest: "sha256:a"}, Kind: image.KindAttestation, For: "sha256:m"},
	}, f.note("manifests")
}

func (f fakeStore) Variant(_ context.Context, ref string, p ocispec.Platform) (image.Image, error) {
	return sampleImage(), f.note("variant", ref, p.Architecture)
}

func (f fakeStore) History(_ context.Context, ref string, p *ocispec.Platform) ([]image.Step, error) {
	words := []string{"history", ref}
	if p != nil {
		words = append(words, p.Architecture)
	}
	return []image.Step{{ID: "sha256:x", CreatedBy: "sh", Tags: []string{"x:1"}, Size: 7}, {ID: "<missing>"}}, f.note(words...)
}

func (f fakeStore) Attestations(_ context.Context, ref string, o image.AttestationOptions) ([]image.Statement, error) {
	return []image.Statement{{Type: "t", Body: json.RawMessage(`{"a": 1}`)}}, f.note("attestations", ref, fmt.Sprint(o.Types, o.Bodies, o.Platform != nil))
}

func (f fakeStore) Save(_ context.Context, o image.SaveOptions) error {
	words := append([]string{"save"}, o.Names...)
	for _, p := range o.Platforms {
		words = append(words, p.Architecture)
	}
	if err := f.note(words...); err != nil {
		return err
	}
	if _, err := io.WriteString(o.Begin(7, []digest.Digest{"sha256:x"}), "archive"); err != nil {
		return err
	}
	if o.Names[0] == "half" {
		return fault.New(fault.Internal, "the disk has gone")
	}
	return nil
}

func (f fakeStore) Prune(_ context.Context, o image.PruneOptions) (image.PruneReport, error) {
	words := fmt.Sprint("prune all=", o.All, " until=", !o.Until.IsZero(), " a=", o.Matches(map[string]string{"a": "b"}), " used=", len(o.InUse("sha256:img")))
	return image.PruneReport{Reclaimed: 12, Removed: []image.Pruned{{Removals: []image.Removal{{Untagged: "x:1"}, {Deleted: "sha256:x"}}}}}, f.note(words)
}

func (f fakeStore) Protect(_ context.Context, ref string, protected bool) (image.Image, error) {
	return image.Image{}, f.note("protect", ref, fmt.Sprint(protected))
}

func TestWhatIsAskedOfTheImageStoreArrives(t *testing.T) {
	arm := url.QueryEscape(`{"os":"linux","architecture":"arm64"}`)
	filters := func(text string) string { return "?filters=" + url.QueryEscape(text) }
	for _, c := range []struct {
		method, target string
		code           int
		seen, body     string
	}{
		{"GET", "/images/a/b:1/get", 200, "save a/b:1", "archive"},
		{"GET", "/images/get?names=x&names=y:1", 200, "save x y:1", "archive"},
		{"GET", "/images/x/get?platform=" + arm, 200, "save x arm64", "archive"},
		{"GET", "/v1.51/images/x/get?platform=" + arm + "&platform=" + arm, 400, "", "multiple platform parameters are not supported in this API version; use API version 1.52 or later"},
		{"GET", "/v1.47/images/x/get?platform=nonsense", 200, "save x", "archive"},
		{"GET", "/images/x/get?platform=nonsense", 400, "", "failed to parse platform"},
		{"GET", "/images/x/get?platform=%7B%22os%22:%22linux%22%7D", 400, "", "both OS and Architecture must be provided"},
		{"GET", "/images/x/get?platform=%7B%22variant%22:%22v8%22%7D", 400, "", "optional platform fields provided, but OS and Architecture are missing"},
		{"GET", "/images/x/history", 200, "history x", `[{"Comment":"","Created":0,"CreatedBy":"sh","Id":"sha256:x","Size":7,"Tags":["x:1"]},{"Comment":"","Created":0,"CreatedBy":"","Id":"<missing>","Size":0,"Tags":null}]`},
		{"GET", "/images/x/history?platform=" + arm, 200, "history x arm64", ""},
		{"GET", "/images/x/json?platform=" + arm, 200, "variant x arm64", ""},
		{"GET", "/images/x/json?manifests=1", 200, "manifests", `"AttestationData":{"For":"sha256:m"}`},
		{"GET", "/v1.47/images/x/json?manifests=1", 200, "", `"Id"`},
		{"GET", "/images/x/json?manifests=1&platform=" + arm, 400, "", "conflicting options: manifests and platform options cannot both be set"},
		{"GET", "/images/json?manifests=1", 200, "manifests", `"ImageData":{"Platform":{"architecture":"arm64","os":"linux"},"Size":{"Unpacked":4},"Containers":[]}`},
		{"GET", "/images/json?identity=1", 400, "", "conflicting options: identity requires manifests=1"},
		{"GET", "/v1.53/images/json?identity=1", 200, "", `"Id"`},
		{"GET", "/images/json?shared-size=1", 200, "", `"SharedSize":0`},
		{"GET", "/v1.41/images/json?shared-size=1", 200, "", `"SharedSize":-1`},
		{"GET", "/images/x/attestations?type=a&statement=1&platform=" + arm, 200, "attestations x [a] true true", `"Statement":{"a":1}`},
		{"GET", "/images/x/attestations?platform=" + arm + "&platform=" + arm, 400, "", "one platform at a time"},
		{"POST", "/images/prune", 200, "prune all=false until=false a=true used=0", `{"ImagesDeleted":[{"Untagged":"x:1"},{"Deleted":"sha256:x"}],"SpaceReclaimed":12}`},
		{"POST", "/images/prune" + filters(`{"dangling":["false"],"until":["1h"],"label!":["a"]}`), 200, "prune all=true until=true a=false used=0", ""},
		{"POST", "/images/prune" + filters(`{"dangling":["perhaps"]}`), 400, "", "invalid filter 'dangling=[perhaps]'"},
		{"POST", "/images/prune" + filters(`{"odd":["x"]}`), 400, "", "invalid filter 'odd'"},
		{"POST", "/images/a/b/protect", 204, "protect a/b true", ""},
		{"POST", "/images/x/unprotect", 204, "protect x false", ""},
		{"DELETE", "/images/x?platforms=" + arm, 200, "remove image x", ""},
		{"DELETE", "/images/x?platforms=nonsense", 400, "", "failed to parse platform"},
		{"POST", "/images/load?platform=nonsense", 400, "", "failed to parse platform"},
	} {
		f := &fake{images: []image.Image{sampleImage()}}
		w := ask(f, c.method, c.target, "")
		if w.Code != c.code || f.seen() != c.seen || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s: %d %s, seen %q", c.method, c.target, w.Code, w.Body, f.seen())
		}
		if strings.HasPrefix(c.seen, "save") && (w.Header().Get("Content-Type") != "application/x-tar" || w.Header().Get("Content-Length") != "7") {
			t.Errorf("%s: %v", c.target, w.Header())
		}
	}
}

func TestASaveThatBreaksOffIsNoWholeAnswer(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it ended in an orderly way")
		}
	}()
	ask(&fake{}, "GET", "/images/half/get", "")
}

func TestAListHidesWhatOthersWereCommittedOfAndLosesNoOtherImage(t *testing.T) {
	parent, child, dangling := sampleImage(), sampleImage(), sampleImage()
	parent.ID, parent.Names = "sha256:parent", nil
	child.ID, child.Parent = "sha256:child", "sha256:parent"
	dangling.ID, dangling.Names = "sha256:dangling", nil
	f := &fake{images: []image.Image{parent, child, dangling}}
	for target, want := range map[string]int{"/images/json": 2, "/images/json?all=1": 3} {
		var list []struct{ ID, ParentID string }
		if err := json.Unmarshal(ask(f, "GET", target, "").Body.Bytes(), &list); err != nil || len(list) != want {
			t.Errorf("%s: %v, %v", target, list, err)
		}
	}
}
