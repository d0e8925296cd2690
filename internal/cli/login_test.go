package cli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/registry"
)

// authority answers /auth: by the password.
func authority(w http.ResponseWriter, r *http.Request) {
	var a registry.AuthConfig
	_ = json.NewDecoder(r.Body).Decode(&a)
	switch a.Password {
	case "bad":
		refusal(http.StatusUnauthorized, `Get "https://x/v2/": unauthorized: incorrect username or password`)(w, r)
	case "broken":
		refusal(http.StatusInternalServerError, "boom")(w, r)
	case "token":
		answer(http.StatusOK, registry.AuthResponse{Status: "Login Succeeded", IdentityToken: "T"})(w, r)
	default:
		answer(http.StatusOK, registry.AuthResponse{Status: "Login Succeeded"})(w, r)
	}
}

// keychain is a credential helper that keeps logins in files below a directory,
// and writes down what it was asked.
const keychain = `#!/bin/sh
in=$(cat)
echo "$1 $in" >>"$KEYCHAIN/asked"
case $1 in
get) name=$(echo "$in" | tr -c 'a-z0-9\n' _); cat "$KEYCHAIN/$name" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
store) name=$(echo "$in" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr -c 'a-z0-9\n' _); echo "$in" >"$KEYCHAIN/$name" ;;
erase) rm -f "$KEYCHAIN/$(echo "$in" | tr -c 'a-z0-9\n' _)" ;;
esac
`

// logins does the same with a client, and tells what it printed and what it
// left in config.json and asked of the helper.
func logins(f *fake, config string, run func(stdin string, args ...string) result) []string {
	f.config = f.t.TempDir()
	chain := f.t.TempDir()
	f.t.Setenv("KEYCHAIN", chain)
	path := filepath.Join(f.config, "config.json")
	if config != "" {
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	var seen []string
	for _, line := range []string{
		"login -u u -p p host:5000", "login host:5000", "login -u u -p bad host:5000", "login -u u -p token host:5000", "login host:5000", "login -u u -p broken host", "login",
		"login -u u", "login -p p", "login --password-stdin", "login -p x --password-stdin -u u", "login -u u --password-stdin https://other:1/v2/", "login -u hub -p p docker.io",
		"login docker.io", "login -u u -p bad docker.io", "logout", "logout host:5000", "logout nope", "logout https://other:1/v2/",
	} {
		r := run("secret\n", strings.Fields(line)...)
		text := fmt.Sprintf("%s: %+v", line, r)
		var kept any
		if b, err := os.ReadFile(path); err == nil {
			if err := json.Unmarshal(b, &kept); err != nil {
				f.t.Error(err)
			}
			if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
				f.t.Errorf("config.json may be read by others: %v", info.Mode())
			}
		}
		asked, _ := os.ReadFile(filepath.Join(chain, "asked"))
		_ = os.Remove(filepath.Join(chain, "asked"))
		all := strings.ReplaceAll(fmt.Sprintf("%s\n%v\n%s", text, kept, asked), f.config, "CONFIG")
		// The stock client keeps a token of the Hub's, and says nothing of a helper that fails.
		all = strings.ReplaceAll(all, "get https://index.docker.io/v1/refresh-token\n", "")
		lines := strings.Split(regexp.MustCompile("WARNING: error getting .*\n").ReplaceAllString(all, ""), "\n")
		slices.Sort(lines) // it tells failures in the order of a map
		seen = append(seen, strings.Join(lines, "\n"))
	}
	return seen
}

func TestLoginsAreKeptAsTheStockClientKeepsThem(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-fake"), []byte(keychain), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for what, config := range map[string]string{
		"in the clear":           "",
		"beside other settings":  `{"psFormat":"x","HttpHeaders":{"a":"b"},"auths":{"https://host:5000":{"auth":"YTpi"}}}`,
		"by a helper":            `{"credsStore":"fake"}`,
		"by a server's own":      `{"credHelpers":{"host:5000":"fake"}}`,
		"by one that is missing": `{"credsStore":"gone"}`,
	} {
		f := newFake(t)
		f.on("HEAD /_ping", pong).on("GET /_ping", pong).on("POST /auth", authority)
		want, got := logins(f, config, f.stock), logins(f, config, f.run)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s\nberth  %s\ndocker %s", what, got[i], want[i])
			}
		}
	}
}

func TestAConfigurationThatCannotBeReadIsNotReplaced(t *testing.T) {
	for _, text := range []string{"{", "null", `{"auths":[]}`, "[]"} {
		f := newFake(t)
		f.on("POST /auth", authority)
		f.config = t.TempDir()
		path := filepath.Join(f.config, "config.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := f.run("", "login", "-u", "u", "-p", "p", "host")
		if b, _ := os.ReadFile(path); r.code != 1 || string(b) != text || !strings.Contains(r.err, "Error saving credentials") {
			t.Errorf("%s: %+v, the file is now %s", text, r, b)
		}
	}
}

func TestLoginsOfTheEnvironmentComeFirst(t *testing.T) {
	sent := func(f *fake, config, name string) (auth registry.AuthConfig, errOut string) {
		f.user(`{"auths":{"reg:5000":{"auth":"ZmlsZTpw"},"only.io":{"auth":"ZmlsZTpw"}}}`)
		f.on("POST /images/create", streams(""))
		f.requests()
		env := map[string]string{"BERTH_HOST": f.host, "DOCKER_CONFIG": f.config, "DOCKER_AUTH_CONFIG": config}
		r := runWith(t, env, "", "pull", "-q", name)
		_, header, _ := strings.Cut(f.requests(), " ")
		header, _, _ = strings.Cut(header[strings.Index(header, " ")+1:], " ")
		b, err := base64.URLEncoding.DecodeString(header)
		if err != nil {
			t.Fatal(err, header)
		}
		if err := json.Unmarshal(b, &auth); err != nil {
			t.Fatal(err)
		}
		return auth, r.err
	}
	const ours = `{"auths":{"reg:5000":{"auth":"ZW52OnA="}}}`
	for _, c := range []struct{ config, name, user, err string }{
		{ours, "reg:5000/a", "env", ""},
		{ours, "only.io/a", "file", ""},
		{"{}", "reg:5000/a", "file", ""},
		{"{", "reg:5000/a", "file", "Failed to create credential store from DOCKER_AUTH_CONFIG:  unexpected EOF\n"},
		{ours + ours, "reg:5000/a", "file", "Failed to create credential store from DOCKER_AUTH_CONFIG:  DOCKER_AUTH_CONFIG does not support more than one JSON object\n"},
		{`{"auths":{"reg:5000":{}}}`, "reg:5000/a", "file", "Failed to create credential store from DOCKER_AUTH_CONFIG:  DOCKER_AUTH_CONFIG environment variable is missing key `auth` for reg:5000\n"},
		{`{"credsStore":"x"}`, "reg:5000/a", "file", "Failed to create credential store from DOCKER_AUTH_CONFIG:  json: unknown field \"credsStore\"\n"},
	} {
		auth, errOut := sent(newFake(t), c.config, c.name)
		if auth.Username != c.user || errOut != c.err {
			t.Errorf("%s, %s: logs in as %+v and says %q", c.config, c.name, auth, errOut)
		}
	}
	r := runWith(t, map[string]string{"DOCKER_AUTH_CONFIG": ours}, "", "logout", "reg:5000")
	if want := "DOCKER_AUTH_CONFIG is set and takes precedence."; r.code != 0 || !strings.Contains(r.err, want) {
		t.Errorf("%+v", r)
	}
}

func TestADashAsAPasswordStandsForTheInput(t *testing.T) {
	f := newFake(t)
	f.on("POST /auth", f.keep("auth", authority))
	r := f.run("secret\n", "login", "-u", "u", "-p", "-", "host")
	if r.code != 0 || strings.Contains(r.err, "insecure") || !strings.Contains(f.body("auth"), `"password":"secret"`) {
		t.Errorf("%+v, sent %s", r, f.body("auth"))
	}
	f.run("secret\n", "login", "-p", "-", "host").want(t, 1, "", "the --password-stdin option requires --username to be set\n")
}

func TestABrokenConfigurationIsToldAsByTheStockClient(t *testing.T) {
	names := strings.NewReplacer("configfile.ConfigFile", "TYPE", "session.Config", "TYPE", "ConfigFile.", "TYPE.", "Config.", "TYPE.")
	for _, text := range []string{"", "{", "{}x", "[]", "null", "nonsense", `{"psFormat":1}`} {
		f := newFake(t).user(text)
		f.on("HEAD /_ping", pong).on("GET /_ping", pong).on("POST /images/create", streams(pulled))
		f.on("GET /containers/json", answer(http.StatusOK, []any{}))
		for _, args := range []string{"ps", "pull -q a", "pull -q reg:5000/a"} {
			want, got := f.stock("", strings.Fields(args)...), f.run("", strings.Fields(args)...)
			want.err, got.err = names.Replace(want.err), names.Replace(got.err)
			if got != want {
				t.Errorf("%q, %s\nberth  %+v\ndocker %+v", text, args, got, want)
			}
		}
	}
}

func TestAHelperThatFailsIsToldAndThePullGoesOn(t *testing.T) {
	f := newFake(t).user(`{"credsStore":"gone"}`)
	f.on("POST /images/create", streams(""))
	f.run("", "pull", "-q", "a").want(t, 0, "docker.io/library/a:latest\n",
		"WARNING: error getting credentials - err: exec: \"docker-credential-gone\": executable file not found in $PATH, out: ``\n")
}
