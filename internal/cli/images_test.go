package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manifests is an image for two platforms, with an attestation of one of them.
func manifests() []map[string]any {
	kind := func(n string, total, content int, kind string, more map[string]any) map[string]any {
		m := map[string]any{"ID": "sha256:" + n + id[1:], "Available": n != "c", "Kind": kind, "Size": map[string]any{"Total": total, "Content": content}}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	image := func(arch string, containers ...string) map[string]any {
		return map[string]any{"ImageData": map[string]any{"Platform": map[string]any{"os": "linux", "architecture": arch}, "Containers": containers}}
	}
	return []map[string]any{
		kind("b", 9_200_000, 7_600_000, "image", image("amd64", id)), kind("c", 100, 100, "image", image("arm64")),
		kind("d", 500, 500, "attestation", map[string]any{"AttestationData": map[string]any{"For": "sha256:b" + id[1:]}}),
	}
}

func summaries() []map[string]any {
	return []map[string]any{
		{"Id": "sha256:" + id, "RepoTags": []string{"two:1", "two:latest"}, "RepoDigests": []string{"two@sha256:" + id}, "Created": 1700000000, "Size": 9_300_000, "Containers": 0, "Manifests": manifests()},
		{"Id": "sha256:e" + id[1:], "RepoTags": []string{"app:v1"}, "RepoDigests": []string{}, "Created": 1700000001, "Size": 5_500_000, "Containers": 0},
		{"Id": "sha256:f" + id[1:], "RepoTags": []string{}, "RepoDigests": []string{"gone@sha256:" + id}, "Created": 1700000002, "Size": 100, "Containers": 0},
	}
}

func TestImageCommandsAskAndAnswerAsTheStockClients(t *testing.T) {
	f := newFake(t).user(loggedIn)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("GET /images/json", answer(http.StatusOK, summaries()))
	f.on("GET /images/a/history", answer(http.StatusOK, []map[string]any{
		{"Id": "sha256:" + id, "Created": time.Now().Add(-49 * time.Hour).Unix(), "CreatedBy": "/bin/sh -c #(nop)\tCMD [\"sh\"] and what else there is to be said", "Size": 0, "Tags": []string{"a:1"}, "Comment": "buildkit"},
		{"Id": "<missing>", "Created": 0, "CreatedBy": "", "Size": 4_270_123},
	}))
	f.on("GET /images/a/json", answer(http.StatusOK, map[string]any{"Id": "sha256:" + id, "Architecture": "arm64"}))
	f.on("GET /images/get", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "tar of "+r.FormValue("names")) })
	f.on("POST /images/load", streams(`{"stream":"Loaded image: a:1\n"}`))
	f.on("DELETE /images/a", answer(http.StatusOK, []map[string]any{{"Untagged": "a:latest"}, {"Deleted": "sha256:" + id}}))
	f.on("POST /images/prune", answer(http.StatusOK, map[string]any{"ImagesDeleted": []map[string]any{{"Untagged": "a:1"}, {"Deleted": "sha256:" + id}}, "SpaceReclaimed": 12345678}))
	f.on("GET /images/search", answer(http.StatusOK, []map[string]any{
		{"name": "debian", "description": "Debian is a Linux distribution that's composed entirely\nof free software", "star_count": 5000, "is_official": true},
		{"name": "x/debian", "description": "", "star_count": 0, "is_automated": true},
	}))
	f.on("POST /images/create", streams(`{"status":"sha256:`+id+`"}`))
	tar := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(tar, []byte("tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"history a", "history -q a", "history -q --no-trunc a", "history --no-trunc a", "history -H=false a", "history --format json a", "history --format {{.Comment}} a",
		"history --platform linux/arm64 a", "history --platform x a", "history gone", "image history a", "history --format table a",
		"image inspect a", "image inspect --platform linux/arm64 a", "image inspect --platform x a", "image inspect -f {{.Architecture}} a",
		"save a", "save a b", "save --platform linux/arm64 a", "save --platform x a", "save -o " + t.TempDir() + " a", "save -o /nonexistent/x a", "save -o /dev/null/x a", "image save a",
		"load -i " + tar, "load -q -i " + tar, "load --platform linux/arm64 -i " + tar, "load --platform x -i " + tar, "load -i /nonexistent", "image load -i " + tar,
		"rmi a", "rmi -f a", "rmi --no-prune a", "rmi --platform linux/arm64 a", "rmi --platform linux/arm64,linux/amd64 a", "rmi --platform x a", "rmi a gone", "rmi -f a gone", "rmi -f gone", "image rm a", "image remove a", "image rmi a",
		"image prune -f", "image prune -af", "image prune -f --filter until=24h --filter label=a=b", "image prune", "image prune -a", "image prune -f --filter x",
		"search debian", "search --no-trunc debian", "search --limit 5 debian", "search -f stars=3 -f is-official=true debian", "search -f is-automated=true debian", "search reg:5000/debian",
		"search --format json debian", "search --format {{.Name}}:{{.StarCount}}:{{.IsOfficial}} debian", "search --format table debian", "search -f x debian",
		"import " + tar, "import " + tar + " a:1", "import -c CMD=x -m hi " + tar + " a", "import --platform linux/arm64 " + tar, "import http://example.com/x.tar a", "import " + tar + " A",
		"images", "images -a", "images -q", "images --digests", "images --no-trunc", "images a", "images -f dangling=true", "images -f dangling=true -f label=a -f label=b a", "images --format json", "images -f x", "image ls", "image list -q",
		"images --tree -q", "images --tree --no-trunc", "images --tree --digests", "images --tree --format json", "images --tree -q --digests",
		"tag a b", "tag a b:c", "tag a A", "tag a b@sha256:" + id, "image tag a b",
	} {
		f.sameRequests(strings.Fields(args)...)
	}
}

func TestALoadIsReadFromTheInput(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("POST /images/load", f.keep("load", streams(`{"stream":"Loaded image: a:1\n"}`)))
	f.same("the archive", "load")
	if got := f.body("load"); got != "the archive" {
		t.Errorf("sent %q", got)
	}
}

func TestASavedArchiveIsThereAsAWholeOrNotAtAll(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tar")
	f.on("GET /images/get", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	f.run("", "save", "-o", path, "a").want(t, 0, "", "")
	f.on("GET /images/get", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	if r := f.run("", "save", "-o", path, "a"); r.code != 1 || r.err == "" {
		t.Errorf("%+v", r)
	}
	if b, _ := os.ReadFile(path); string(b) != "whole" {
		t.Errorf("the archive is now %q", b)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestImagesAsATree(t *testing.T) {
	f := newFake(t)
	f.on("GET /images/json", answer(http.StatusOK, summaries()))
	f.run("", "images", "--tree").want(t, 0, `IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA
app:v1           e123456789ab        5.5MB             0B        

two:1         
two:latest       0123456789ab        9.3MB          7.6MB   U    
├─ linux/amd64   b123456789ab        9.2MB          7.6MB   U    
└─ linux/arm64   c123456789ab         100B           100B        

`, "")
	if got := f.lastQuery(); got != "manifests=1" {
		t.Errorf("asks %s", got)
	}
	if r := f.run("", "images", "--tree", "-a"); !strings.Contains(r.out, "\n<untagged>       f123456789ab         100B             0B        \n") {
		t.Error(r.out)
	}
}

func TestADaemonThatIsTooOldForAFlagIsNotAsked(t *testing.T) {
	for _, args := range []string{
		"images --tree", "save --platform linux/arm64 a", "load --platform linux/arm64", "rmi --platform linux/arm64 a", "history --platform linux/arm64 a",
		"image inspect --platform linux/arm64 a", "push --platform linux/arm64 a", "create --annotation a=b x", "run --health-start-interval 2s x", "create --pull always x",
	} {
		f := newFake(t)
		old := func(h http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Api-Version", "1.41"); h(w, r) }
		}
		f.on("HEAD /_ping", old(pong)).on("GET /_ping", old(pong))
		f.sameRequests(strings.Fields(args)...)
	}
}

func TestImagesAreProtectedOneByOne(t *testing.T) {
	f := newFake(t)
	f.on("POST /images/a/b:1/protect", noContent).on("POST /images/c/unprotect", noContent)
	f.run("", "image", "protect", "a/b:1", "gone").want(t, 1, "a/b:1\n", "Error response from daemon: page not found\n")
	f.run("", "image", "unprotect", "c").want(t, 0, "c\n", "")
	f.run("", "image", "protect").want(t, 1, "",
		"berth: 'berth image protect' requires at least 1 argument\n\nUsage:  berth image protect IMAGE [IMAGE...]\n\nSee 'berth image protect --help' for more information\n")
}
