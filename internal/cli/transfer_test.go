package cli

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
)

// pulled is what a daemon tells of a pull.
const pulled = `{"status":"Pulling from library/a","id":"latest"}
{"status":"Pulling fs layer","progressDetail":{},"id":"aaaaaaaaaaaa"}
{"status":"Pulling fs layer","progressDetail":{},"id":"bbbbbbbbbbbb"}
{"status":"Downloading","progressDetail":{"current":1000000,"total":4000000},"id":"aaaaaaaaaaaa"}
{"status":"Already exists","progressDetail":{},"id":"cccccccccccc"}
{"status":"Downloading","progressDetail":{"current":4000000,"total":4000000},"id":"bbbbbbbbbbbb"}
{"status":"Download complete","progressDetail":{},"id":"aaaaaaaaaaaa"}
{"status":"Download complete","progressDetail":{},"id":"bbbbbbbbbbbb"}
{"status":"Extracting","progressDetail":{"current":1,"units":"s"},"id":"aaaaaaaaaaaa"}
{"status":"Pull complete","progressDetail":{},"id":"aaaaaaaaaaaa"}
{"status":"Pull complete","progressDetail":{},"id":"bbbbbbbbbbbb"}
{"status":"Digest: sha256:0123"}
{"status":"Status: Downloaded newer image for a:latest"}
`

func streams(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

// user writes a configuration that both clients read.
func (f *fake) user(config string) *fake {
	f.config = f.t.TempDir()
	if err := os.WriteFile(filepath.Join(f.config, "config.json"), []byte(config), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f
}

const loggedIn = `{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"reg:5000":{"identitytoken":"T","auth":"dTo="},"tok.io":{"registrytoken":"R"}},"HttpHeaders":{"X-Meta-A":"b"}}`

// sameRequests runs both clients and expects the same of them, and that they ask the daemon for the same.
func (f *fake) sameRequests(args ...string) {
	f.t.Helper()
	want := f.stock("", args...)
	wantAsked := f.requests()
	got := f.run("", args...)
	gotAsked := f.requests()
	want.out = regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(withoutNewer(want.out), "") // it colours pipes too
	if got != want {
		f.t.Errorf("%q\nberth  %d %q %q\ndocker %d %q %q", args, got.code, got.out, got.err, want.code, want.out, want.err)
	}
	if gotAsked != wantAsked {
		f.t.Errorf("%q\nberth  asks %s\ndocker asks %s", args, gotAsked, wantAsked)
	}
}

func TestPullsAndPushesLookLikeTheStockClients(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	f := newFake(t).user(loggedIn)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("POST /images/create", streams(pulled))
	for _, name := range []string{"docker.io/library/a", "docker.io/library/broken", "reg:5000/b/c", "tok.io/x"} {
		f.on("POST /images/"+name+"/push", streams(strings.ReplaceAll(pulled, "Pull complete", "Pushed")))
	}
	f.on("POST /images/docker.io/library/broken/push", streams(`{"status":"Preparing","progressDetail":{},"id":"aaaaaaaaaaaa"}
{"errorDetail":{"message":"denied: requested access to the resource is denied"},"error":"denied: requested access to the resource is denied"}
`))
	for _, args := range []string{
		"pull a", "pull -q a", "pull a:1", "pull a@" + digest, "pull a:1@" + digest, "pull -a a", "pull -a a:1", "pull -a a@" + digest, "pull reg:5000/b/c", "pull reg:5000/b/c:2",
		"pull tok.io/x", "pull other.io/x", "pull --platform linux/arm64 a", "pull --disable-content-trust=true a", "pull A", "pull a//b", "pull " + id, "image pull a", "pull docker.io/a", "pull index.docker.io/library/a",
		"push a", "push -q a", "push a:1", "push -a a", "push -a a:1", "push reg:5000/b/c", "push tok.io/x:3", "push --platform linux/arm64 a", "push --platform x a", "push --platform linux/arm64 -q a", "push A", "push broken", "push -q broken", "push absent", "image push a",
	} {
		f.sameRequests(strings.Fields(args)...)
	}
	f.on("POST /images/create", refusal(http.StatusNotFound, "pull access denied for a, repository does not exist or may require a login"))
	f.sameRequests("pull", "a")
	f.on("POST /images/create", streams(`{"errorDetail":{"message":"no matching manifest for linux/amd64 in the manifest list entries"},"error":"x"}`))
	f.sameRequests("pull", "a")
	f.on("POST /images/create", streams(`{"status":"cut`))
	f.sameRequests("pull", "a")
}

func TestAPushTellsWhatItLeftOut(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("POST /images/docker.io/library/a/push", streams(`{"status":"The push refers to repository [docker.io/library/a]"}
{"progressDetail":{},"aux":{"manifestPushedInsteadOfIndex":true,"originalIndex":{"digest":"sha256:0"},"selectedManifest":{"digest":"sha256:1"}}}
{"progressDetail":{},"aux":{"Tag":"latest","Digest":"sha256:2","Size":3}}
{"progressDetail":{},"aux":{"contentMissing":true,"desc":{}}}
{"errorDetail":{"message":"missing content: content digest sha256:3: not found"},"error":"x"}
`))
	f.sameRequests("push", "a")
	f.sameRequests("push", "-q", "a")
}

func TestAContainerIsMadeWithTheUsersLogin(t *testing.T) {
	for _, args := range []string{"create --pull always reg:5000/b", "create --pull always " + id, "create " + id, "create --pull always sha256:" + id, "create --pull always -q a", "create --pull always --platform linux/arm64 a", "create reg:5000/b", "create -q reg:5000/b", "create --pull never a", "run --pull never a", "run --pull sometimes a", "run -d a", "create --platform x a", "create --platform LINUX/x86_64 a", "run --platform linux/a/b/c a", "pull --platform LINUX/x86_64 a"} {
		f := newFake(t).user(loggedIn)
		f.on("HEAD /_ping", pong).on("GET /_ping", pong)
		f.on("POST /images/create", streams(pulled))
		f.on("POST /containers/create", refusal(http.StatusNotFound, "No such image: a:latest"))
		want := f.stock("", strings.Fields(args)...)
		asked := f.requests()
		f.run("", strings.Fields(args)...).want(t, want.code, want.out, want.err)
		if got := f.requests(); got != asked {
			t.Errorf("%s\nberth  asks %s\ndocker asks %s", args, got, asked)
		}
	}
}

func TestSeveralImagesArePulledAtOnceAndEachHasItsEnd(t *testing.T) {
	f := newFake(t)
	var both = make(chan struct{}, 2)
	f.on("POST /images/create", func(w http.ResponseWriter, r *http.Request) {
		// Each waits until the other has come: one after the other would never end.
		both <- struct{}{}
		for len(both) < 2 {
			select {
			case <-r.Context().Done():
				return
			default:
			}
		}
		if strings.HasSuffix(r.FormValue("fromImage"), "gone") {
			refusal(http.StatusNotFound, "pull access denied for gone")(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"status":"Pulling from library/a","id":"latest"}`)
	})
	f.run("", "pull", "gone", "a").want(t, 1, "a:latest | latest: Pulling from library/a\ndocker.io/library/a:latest\n",
		"gone:latest: Error response from daemon: pull access denied for gone\n")
}

func TestContentTrustIsRefusedRatherThanLeftOut(t *testing.T) {
	f := newFake(t)
	f.on("POST /images/create", streams(""))
	const refused = "content trust is not supported: leave DOCKER_CONTENT_TRUST unset, or give --disable-content-trust\n"
	for _, args := range []string{"pull a", "push a", "create a", "run a"} {
		env := map[string]string{"DOCKER_CONTENT_TRUST": "1"}
		runWith(t, env, "", strings.Fields(args)...).want(t, 1, "", refused)
		verb, name, _ := strings.Cut(args, " ")
		f.run("", verb, "--disable-content-trust=false", name).want(t, 1, "", refused)
	}
	env := map[string]string{"DOCKER_CONTENT_TRUST": "1", "BERTH_HOST": "tcp://" + f.server.Listener.Addr().String()}
	runWith(t, env, "", "pull", "-q", "--disable-content-trust", "a").want(t, 0, "docker.io/library/a:latest\n", "")
}

// installHelper puts a credential helper named "list" into the PATH.
func installHelper(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	const helper = `#!/bin/sh
server=$(cat)
case $1$server in
list*) echo '{"reg:5000":"u","tok.io":"<token>"}' ;;
getreg:5000) echo '{"ServerURL":"reg:5000","Username":"u","Secret":"p"}' ;;
gettok.io) echo '{"ServerURL":"tok.io","Username":"<token>","Secret":"T"}' ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-list"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

func TestAHelpersLoginsGoToTheDaemonAsWithTheStockClient(t *testing.T) {
	installHelper(t)
	for _, config := range []string{`{"credsStore":"list"}`, `{"credHelpers":{"reg:5000":"list"},"auths":{"tok.io":{"auth":"dTpw"}}}`} {
		f := newFake(t).user(config)
		f.on("HEAD /_ping", pong).on("GET /_ping", pong).on("POST /images/create", streams(pulled))
		f.on("GET /images/search", answer(http.StatusOK, []any{}))
		for _, args := range []string{"pull -q reg:5000/a", "pull -q tok.io/a", "pull -q a", "search reg:5000/a", "search tok.io/a"} {
			f.sameRequests(strings.Fields(args)...)
		}
	}
}

func TestTheDaemonsSocketGoesIntoAContainerWithTheUsersLogins(t *testing.T) {
	installHelper(t)
	for what, config := range map[string]string{
		"with logins": loggedIn, "without": `{}`, "in a helper": `{"credsStore":"list"}`, "in a server's own": `{"auths":{"a.io":{"auth":"dTpw"}},"credHelpers":{"reg:5000":"list"}}`,
	} {
		f := newFake(t).user(config).onSocket()
		f.on("HEAD /_ping", pong).on("GET /_ping", pong)
		f.on("GET /info", answer(http.StatusOK, map[string]any{"OSType": "linux"}))
		f.on("POST /containers/create", f.keep("create", answer(http.StatusCreated, container.CreateResponse{ID: id})))
		f.on("PUT /containers/"+id+"/archive", f.keep("logins", answer(http.StatusOK, nil)))
		sent := func() (create, logins any, name string) {
			if err := json.Unmarshal([]byte(f.body("create")), &create); err != nil {
				t.Fatal(err)
			}
			prune(create.(map[string]any))
			if f.body("logins") == "" {
				return create, nil, ""
			}
			r := tar.NewReader(strings.NewReader(f.body("logins")))
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if err := json.NewDecoder(r).Decode(&logins); err != nil {
				t.Fatal(err)
			}
			return create, logins, fmt.Sprint(h.Name, h.Mode)
		}
		for _, args := range []string{"create --use-api-socket x", "create --use-api-socket -e DOCKER_CONFIG=/x x", "create --use-api-socket=false x"} {
			want := f.stock("", strings.Fields(args)...)
			if want.code != 0 {
				t.Fatalf("docker %+v", want)
			}
			wantCreate, wantLogins, wantName := sent()
			f.keep("logins", noContent)(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", nil)) // forgets it
			f.run("", strings.Fields(args)...).want(t, want.code, want.out, want.err)
			create, logins, name := sent()
			if !reflect.DeepEqual(create, wantCreate) || !reflect.DeepEqual(logins, wantLogins) || name != wantName {
				t.Errorf("%s, %s\nberth  %v %v %s\ndocker %v %v %s", what, args, create, logins, name, wantCreate, wantLogins, wantName)
			}
			f.keep("logins", noContent)(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", nil))
		}
	}
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.sameRequests("create", "--use-api-socket", "x")
	f.sameRequests("run", "--use-api-socket", "x")
}
