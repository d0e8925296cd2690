package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
)

// depot is a registry in memory. With a token it wants to be asked with that,
// which its own token server gives to the user u with the password p.
type depot struct {
	*httptest.Server
	token string

	mu        sync.Mutex
	manifests map[string][2]string // by repository and version: media type, content
	blobs     map[string]string    // by repository and digest
	noMounts  bool
}

func newDepot(t *testing.T, token string) *depot {
	d := &depot{token: token, manifests: map[string][2]string{}, blobs: map[string]string{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	for name, p := range map[string]string{"amd": `"architecture":"amd64","os":"linux"`, "arm": `"architecture":"arm","variant":"v6","os":"linux"`, "odd": `"architecture":"vax","os":"ultrix"`} {
		d.image("a/one", name, dockerManifest, "{"+p+"}")
	}
	d.image("b/two", "oci", ociManifest, `{"architecture":"s390x","os":"linux","os.version":"1"}`)
	one := d.image("a/one", "amd", dockerManifest, `{"architecture":"amd64","os":"linux"}`)
	d.manifests["a/list 1"] = [2]string{dockerList, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"size":%d,"digest":%q,"platform":{"architecture":"amd64","os":"linux"}}]}`,
		dockerList, dockerManifest, len(d.manifests["a/one amd"][1]), one)}
	d.manifests["a/list "+one] = d.manifests["a/one amd"]
	d.blobs["a/list "+digest.FromString(`{"architecture":"amd64","os":"linux"}`).String()] = `{"architecture":"amd64","os":"linux"}`
	d.manifests["a/one strange"] = [2]string{"application/json", "{}"}
	return d
}

// image adds an image and returns its digest.
func (d *depot) image(repo, tag, media, config string) string {
	c, layer := digest.FromString(config), digest.FromString(repo+tag)
	d.blobs[repo+" "+c.String()], d.blobs[repo+" "+layer.String()] = config, repo+tag
	raw := fmt.Sprintf("{\n  \"schemaVersion\": 2,\n  \"mediaType\": %q,\n  \"config\": {\"mediaType\": \"c\", \"size\": %d, \"digest\": %q},\n  \"layers\": [{\"mediaType\": \"l\", \"size\": %d, \"digest\": %q}]\n}",
		media, len(config), c, len(repo+tag), layer)
	sum := digest.FromString(raw).String()
	d.manifests[repo+" "+tag], d.manifests[repo+" "+sum] = [2]string{media, raw}, [2]string{media, raw}
	return sum
}

func (d *depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.URL.Path == "/token" {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": d.token})
		return
	}
	if d.token != "" && r.Header.Get("Authorization") != "Bearer "+d.token {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+d.URL+`/token",service="depot"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if repo, version, ok := strings.Cut(path, "/manifests/"); ok {
		d.manifest(w, r, repo, version)
		return
	}
	repo, rest, _ := strings.Cut(path, "/blobs/")
	switch from := r.FormValue("from") + " " + r.FormValue("mount"); {
	case r.Method == http.MethodPost && d.blobs[from] != "" && !d.noMounts:
		d.blobs[repo+" "+r.FormValue("mount")] = d.blobs[from]
		w.Header().Set("Docker-Content-Digest", r.FormValue("mount"))
		w.Header().Set("Location", "/v2/"+repo+"/blobs/"+r.FormValue("mount"))
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPost:
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/1")
		w.Header().Set("Docker-Upload-Uuid", "1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case d.blobs[repo+" "+rest] != "":
		_, _ = io.WriteString(w, d.blobs[repo+" "+rest])
	case path != "":
		w.WriteHeader(http.StatusNotFound)
	}
}

func (d *depot) manifest(w http.ResponseWriter, r *http.Request, repo, version string) {
	if r.Method == http.MethodPut {
		b, _ := io.ReadAll(r.Body)
		sum := digest.FromBytes(b).String()
		for _, v := range []string{version, sum} {
			d.manifests[repo+" "+v] = [2]string{r.Header.Get("Content-Type"), string(b)}
		}
		w.Header().Set("Docker-Content-Digest", sum)
		w.WriteHeader(http.StatusCreated)
		return
	}
	m, ok := d.manifests[repo+" "+version]
	if !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		return
	}
	w.Header().Set("Content-Type", m[0])
	w.Header().Set("Docker-Content-Digest", digest.FromString(m[1]).String())
	_, _ = io.WriteString(w, m[1])
}

// listsMade does the same with a client at a depot of its own, and tells what it
// printed, what it keeps, and what there is at the registry at the end.
func listsMade(f *fake, d *depot, config string, run func(stdin string, args ...string) result) []string {
	f.user(config)
	host := strings.TrimPrefix(d.URL, "http://")
	local := strings.Replace(host, "127.0.0.1", "localhost", 1)
	plain := func(s string) string {
		return strings.NewReplacer(host, "HOST", strings.ReplaceAll(host, ":", "-"), "HOST", local, "LOCAL", strings.ReplaceAll(local, ":", "-"), "LOCAL").Replace(s)
	}
	none := regexp.MustCompile(`no such manifest: \S+|manifest unknown`) // docker 29 says which, as we do
	var seen []string
	for _, line := range []string{
		"inspect --insecure H/a/one:amd", "inspect --insecure -v H/a/one:amd", "inspect --insecure -v H/b/two:oci", "inspect --insecure H/a/list:1", "inspect --insecure -v H/a/list:1", "inspect --insecure H/a/one:none", "inspect --insecure H/a/one:strange",
		"inspect H/x H/y", "inspect H/A", "create --insecure H/a/one:all H/a/one:amd H/a/one:arm", "create --insecure H/a/one:all H/a/one:arm", "create --insecure --amend H/a/one:all H/a/one:arm", "create --insecure H/a/one:none H/a/one:nope", "create --insecure A B",
		"create --insecure H/x:1 H/A", "create --insecure H/x:1 H/a/list:1", "inspect H/a/one:all", "inspect -v H/a/one:all", "inspect H/a/one:all H/a/one:arm", "inspect -v H/a/one:all H/a/one:arm", "inspect H/a/one:all H/a/one:gone",
		"annotate H/a/one:all H/a/one:arm --os linux --arch arm64 --variant v8 --os-version 5 --os-features a,b,a", "annotate H/a/one:all H/a/one:arm --os-features b,c", "annotate H/a/one:all H/a/one:nope", "annotate H/a/one:all H/a/one:arm --arch vax", "annotate A B", "annotate H/a B",
		"inspect H/a/one:all", "push --insecure H/a/one:all", "inspect --insecure H/a/one:all", "push --insecure --purge H/a/one:all", "push --insecure H/a/one:all", "inspect --insecure H/a/one:all",
		"create --insecure H/c/mixed:1 H/b/two:oci H/a/one:amd", "push --insecure -p H/c/mixed:1", "create --insecure H/c/odd:1 H/a/one:odd", "push --insecure -p H/c/odd:1", "inspect --insecure -v H/c/mixed:1", "create --insecure H/c/none:1 L/a/one:amd", "inspect H/c/none:1", "push --insecure H/c/none:1", "rm H/c/odd:1 H/c/gone:1 A", "rm H/c/odd:1",
		"create --insecure H/c/rm:1 H/a/one:amd", "rm H/c/rm:1", "inspect", "inspect a b c", "create a", "push", "annotate a", "rm", "nope",
	} {
		r := run("", append([]string{"manifest"}, strings.Fields(strings.NewReplacer("H/", host+"/", "L/", local+"/").Replace(line))...)...)
		seen = append(seen, none.ReplaceAllString(plain(fmt.Sprintf("%s: %+v", line, r)), "no such manifest"))
		kept := filepath.Join(f.config, "manifests")
		_ = filepath.Walk(kept, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				b, _ := os.ReadFile(path)
				seen = append(seen, plain(strings.TrimPrefix(path, kept)+" "+string(b)))
			}
			return nil
		})
	}
	var there []string
	for name, m := range d.manifests {
		there = append(there, plain(name+" "+m[0]+" "+m[1]))
	}
	sort.Strings(there)
	return append(seen, there...)
}

func TestListsOfManifestsAreMadeAndPushedAsByTheStockClient(t *testing.T) {
	for _, token := range []string{"", "T1"} {
		f := newFake(t)
		var got [2][]string
		for i, run := range []func(string, ...string) result{f.stock, f.run} {
			d := newDepot(t, token)
			host := strings.TrimPrefix(d.URL, "http://")
			auths := fmt.Sprintf(`{"auths":{%q:{"auth":"dTpw"},%q:{"auth":"dTpw"}}}`, host, strings.Replace(host, "127.0.0.1", "localhost", 1))
			got[i] = listsMade(f, d, auths, run)
		}
		for i, want := range got[0] {
			if i >= len(got[1]) || got[1][i] != want {
				t.Errorf("token %q\nberth  %s\ndocker %s", token, got[1][min(i, len(got[1])-1)], want)
			}
		}
		if len(got[0]) != len(got[1]) {
			t.Errorf("berth tells %d things, docker %d", len(got[1]), len(got[0]))
		}
	}
}

func TestWhatARegistryRefusesOfAListIsTold(t *testing.T) {
	for _, line := range []string{"push --insecure H/new:1", "push H/new:1", "inspect H/a/one:amd", "create H/x:1 H/a/one:amd"} {
		f := newFake(t)
		var got [2]result
		for i, run := range []func(string, ...string) result{f.stock, f.run} {
			d := newDepot(t, "")
			d.noMounts = true
			f.user(`{}`)
			host := strings.TrimPrefix(d.URL, "http://")
			if r := run("", "manifest", "create", "--insecure", host+"/new:1", host+"/a/one:amd"); r.code != 0 {
				t.Fatalf("%+v", r)
			}
			got[i] = run("", append([]string{"manifest"}, strings.Fields(strings.ReplaceAll(line, "H/", host+"/"))...)...)
			got[i].err = strings.ReplaceAll(got[i].err, host, "HOST")
			if _, ok := d.manifests["new 1"]; ok {
				t.Errorf("%s: the list is at the registry without its images", line)
			}
		}
		if !strings.HasPrefix(line, "push") { // which takes a registry of this host without TLS, as we do always
			if got[1].code != 0 {
				t.Errorf("%s: %+v", line, got[1])
			}
			continue
		}
		if got[0] != got[1] {
			t.Errorf("%s\nberth  %+v\ndocker %+v", line, got[1], got[0])
		}
	}
}
