//go:build linux

package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/image/transfer"
	"berth/internal/remote"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The marker is what a killed daemon leaves: the next one collects what belongs to nobody, which a pull's parts do not.
func TestAPullThatIsBrokenOffGoesOnInTheNextDaemon(t *testing.T) {
	s, r, e := makeSample(t, 3), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	name := r.host() + "/a/x"
	ctx, cancel := context.WithCancel(t.Context())
	r.begin(&faulty{kind: "half", at: "GET blob 3", always: true}) // so that one blob is there at least, and one in part
	_, err := e.Pull(ctx, image.PullOptions{Name: name, Tag: "1"}, func(transfer.Message) {})
	cancel()
	if err == nil {
		t.Fatal("the pull was broken off, and ended well")
	}
	if err := errors.Join(e.Close(), os.WriteFile(filepath.Join(e.dir, "unclean"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	service, err := image.Open(context.Background(), e.dir)
	if err != nil {
		t.Fatal(err)
	}
	again := engineOf(service, e.dir)
	defer again.Close()
	arrived := again.arrived(t, s)
	r.begin(nil)
	if err := again.pull(name); err != nil {
		t.Fatal(err)
	}
	if r.begin(nil); arrived == 0 {
		t.Error("nothing was kept")
	}
	again.check(t, name+":1", s)
}

func TestSeveralPullsOfTheSameFetchItOnce(t *testing.T) {
	s, r, e := makeSample(t, 3), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	s.offer(r, "b/y")
	var all sync.WaitGroup
	for _, name := range []string{"/a/x", "/b/y", "/a/x", "/b/y"} {
		all.Go(func() {
			if err := e.pull(r.host() + name); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sent, _, _ := r.moved(); sent > s.size+4*(s.whole()-s.size) { // each may fetch the config
		t.Errorf("%d bytes were fetched of %d", sent, s.whole())
	}
	e.check(t, r.host()+"/a/x:1", s)
	e.check(t, r.host()+"/b/y:1", s)
}

func TestAnImageIsPulledByItsDigestAndEveryTagOfARepository(t *testing.T) {
	s, r, e := makeSample(t, 1), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	id := digest.FromBytes(s.manifests[1].body)
	name := r.host() + "/a/x"
	var said []string
	hear := func(m transfer.Message) { said = append(said, strings.TrimSpace(m.ID+" "+m.Status)) }
	if _, err := e.Pull(t.Context(), image.PullOptions{Name: name, Tag: id.String()}, hear); err != nil {
		t.Fatal(err)
	}
	img, err := e.Get(t.Context(), name+"@"+id.String())
	if err != nil || img.ID != id || len(img.Names) != 1 || img.Digests[0] != name+"@"+id.String() {
		t.Fatal(img.Names, img.Digests, err)
	}
	if want := "Status: Downloaded newer image for " + name + "@" + id.String(); said[len(said)-1] != want {
		t.Error(said)
	}
	if _, err := e.Get(t.Context(), name+":1"); !fault.Is(err, fault.NotFound) {
		t.Error("it has a tag that nobody gave it", err)
	}
	r.mu.Lock()
	r.manifests["a/x@2"] = r.manifests["a/x@1"]
	r.mu.Unlock()
	if names, err := e.Pull(t.Context(), image.PullOptions{Name: name}, hear); err != nil || fmt.Sprint(names) != fmt.Sprintf("[%s:1 %s:2]", name, name) {
		t.Error(names, err)
	}
	if _, err := e.Remove(t.Context(), name+"@"+id.String(), image.RemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestTheImageOfAPlatformIsPulledOrTheLackOfItTold(t *testing.T) {
	s, r, e := makeSample(t, 1), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	r.mu.Lock()
	single := s.manifests[0]
	r.manifests["a/x@single"] = single
	r.mu.Unlock()
	for _, c := range []struct{ tag, platform, says string }{
		{"1", "linux/arm64", "no matching manifest for linux/arm64 in the manifest list entries"},
		{"1", "linux/arm64/v8", "no matching manifest for linux/arm64/v8 in the manifest list entries"},
		{"single", "linux/arm64", "image with reference " + r.host() + "/a/x:single was found but does not provide the specified platform (linux/arm64)"},
		{"1", "windows/", "invalid"},
		{"1", "linux/amd64", ""}, {"single", "linux/amd64", ""},
	} {
		_, err := e.Pull(t.Context(), image.PullOptions{Name: r.host() + "/a/x", Tag: c.tag, Platform: c.platform}, func(transfer.Message) {})
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s for %s: %v", c.tag, c.platform, err)
		}
	}
}

func TestAManifestThatLiesIsRefusedAndNothingIsSeen(t *testing.T) {
	s, e := makeSample(t, 1), newEngine(t)
	for name, c := range map[string]struct{ old, with, says string }{
		"a layer's digest":  {`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:`, `"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:zz`, "the registry's manifest is not valid"},
		"a layer's size":    {fmt.Sprintf(`"size":%d}]`, s.size), `"size":7}]`, "filesystem layer verification failed for digest"},
		"a layer's length":  {fmt.Sprintf(`"size":%d}]`, s.size), `"size":99999999}]`, "of 99999999 bytes"},
		"a layer's type":    {"vnd.oci.image.layer.v1.tar+gzip", "x-what", `unsupported media type "application/x-what" of layer`},
		"the config's type": {"vnd.oci.image.config.v1+json", "vnd.cncf.helm.config.v1+json", "it is not an image"},
		"its own JSON":      {`"layers"`, `"layers`, "the registry's manifest is not valid"},
		"no layer":          {`"layers":[`, `"layers":[],"x":[`, "invalid image: 0 layers and 1 diff IDs"},
		"a path":            {`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:`, `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"../../etc/passwd`, "the registry's manifest is not valid"},
		"an endless config": {`"config":{`, `"config":{"size":99999999999,"x":`, ""},
	} {
		r := newRegistry(t)
		s.offer(r, "a/x")
		body := bytes.Replace(s.manifests[0].body, []byte(c.old), []byte(c.with), 1)
		if bytes.Equal(body, s.manifests[0].body) {
			t.Fatalf("%s: the manifest is as it was: %s", name, body)
		}
		m := manifest{ocispec.MediaTypeImageManifest, body}
		r.mu.Lock()
		r.manifests["a/x@1"], r.manifests["a/x@"+digest.FromBytes(body).String()] = m, m
		r.mu.Unlock()
		err := e.pull(r.host() + "/a/x")
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := e.Get(t.Context(), r.host()+"/a/x:1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: it is there all the same: %v", name, err)
		}
	}
}

func TestAPushTellsWhatIsNotThereAndMountsWhatTheRegistryHas(t *testing.T) {
	s, r, e := makeSample(t, 2), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	name := r.host() + "/a/x"
	if err := e.push(name); err == nil || err.Error() != "An image does not exist locally with the tag: "+name {
		t.Error(err)
	}
	if err := e.pull(name); err != nil {
		t.Fatal(err)
	}
	_, err := e.Push(t.Context(), image.PushOptions{Name: name, Tag: "2"}, func(transfer.Message) {})
	if err == nil || err.Error() != "tag does not exist: "+name+":2" {
		t.Error(err)
	}
	_, err = e.Push(t.Context(), image.PushOptions{Name: name, Tag: digest.FromString("x").String()}, func(transfer.Message) {})
	if !fault.Is(err, fault.Invalid) || err.Error() != "cannot push a digest reference" {
		t.Error(err)
	}
	r.begin(nil)
	r.mounts = true
	if err := e.Tag(t.Context(), name+":1", r.host()+"/b/y:1"); err != nil {
		t.Fatal(err)
	}
	r.begin(nil)
	var mounted sync.Map
	if _, err := e.Push(t.Context(), image.PushOptions{Name: r.host() + "/b/y", Tag: "1"}, func(m transfer.Message) { mounted.Store(m.Status, true) }); err != nil {
		t.Fatal(err)
	}
	_, taken, _ := r.moved()
	if _, ok := mounted.Load("Mounted from a/x"); !ok || taken > 0 {
		t.Errorf("%d bytes were sent that the registry had", taken)
	}
	if err := e.pull(r.host() + "/b/y"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsThereIsNotFetchedAgainAndAWrongLoginIsTold(t *testing.T) {
	s, r, e := makeSample(t, 1), newRegistry(t), newEngine(t)
	s.offer(r, "a/x")
	if err := e.pull(r.host() + "/a/x"); err != nil {
		t.Fatal(err)
	}
	r.begin(nil)
	if err := e.pull(r.host() + "/a/x"); err != nil {
		t.Fatal(err)
	}
	for _, seen := range points(r) {
		if strings.HasPrefix(seen, http.MethodGet+" manifest") || strings.Contains(seen, "blob") {
			t.Errorf("%s was asked for", seen)
		}
	}
	_, err := e.Pull(t.Context(), image.PullOptions{Name: r.host() + "/a/x", Tag: "1", Who: remote.Credentials{RegistryToken: "wrong"}}, func(transfer.Message) {})
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "unauthorized: authentication required") {
		t.Error(err)
	}
}
