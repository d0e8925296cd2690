package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/login"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// served is a registry that a test makes up.
type served struct {
	*httptest.Server
	host string
}

func serve(t *testing.T, answer http.HandlerFunc) served {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return served{s, strings.TrimPrefix(s.URL, "http://")}
}

func open(t *testing.T, c *Client, host string, who Credentials) *Repository {
	t.Helper()
	r, err := c.Repository(named(t, host+"/a/b"), Pull, who)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func named(t *testing.T, name string) reference.Named {
	t.Helper()
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func blobOf(text string) ocispec.Descriptor {
	return ocispec.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
}

func quick() Retry { return Retry{Attempts: 3, Pause: time.Millisecond} }

// read fetches a blob through a client.
func read(t *testing.T, c *Client, host string, who Credentials) (string, error) {
	t.Helper()
	r, err := c.Repository(named(t, host+"/a/b"), Pull, who)
	if err != nil {
		return "", err
	}
	defer r.Close()
	body, _, err := r.Blob(t.Context(), blobOf("x"), 0)
	if err != nil {
		return "", err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	return string(b), err
}

func TestARegistryIsToldWhoAsksInTheWayThatItWants(t *testing.T) {
	user := Credentials{Credentials: login.Credentials{Username: "u", Password: "p"}}
	identity := Credentials{Credentials: login.Credentials{Username: "<token>", IdentityToken: "idtok"}}
	for _, c := range []struct {
		way  string
		who  Credentials
		want string
	}{
		{"none", Credentials{}, "x"}, {"basic", user, "x"}, {"token", Credentials{}, "x"}, {"token", user, "x"}, {"token", identity, "x"},
		{"basic", Credentials{}, `Get "http://HOST/v2/a/b/blobs/DIGEST": no basic auth credentials`},
		{"basic", Credentials{Credentials: login.Credentials{Username: "u", Password: "bad"}}, "unauthorized: authentication required"},
		{"given", Credentials{RegistryToken: "R"}, "x"}, {"given", Credentials{RegistryToken: "bad"}, `Get "http://HOST/v2/a/b/blobs/DIGEST": unauthorized: authentication required`},
		{"closed", user, `Get "http://HOST/v2/a/b/blobs/DIGEST": denied: go away`},
		{"nonsense", user, `Get "http://HOST/v2/a/b/blobs/DIGEST": unauthorized: authentication required`},
	} {
		var s served
		s = serve(t, func(w http.ResponseWriter, r *http.Request) {
			name, password, basic := r.BasicAuth()
			switch {
			case r.URL.Path == "/token" && c.way == "closed":
				w.WriteHeader(403)
				fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"go away"}]}`)
			case r.URL.Path == "/token":
				scoped := r.FormValue("scope") == "repository:a/b:pull" && r.FormValue("service") == "s"
				known := c.who.Username == "" || name == "u" && password == "p" || r.FormValue("refresh_token") == "idtok"
				fmt.Fprintf(w, `{"token":"%v"}`, scoped && known)
			case c.way == "none", basic && name == "u" && password == "p", r.Header.Get("Authorization") == "Bearer true", r.Header.Get("Authorization") == "Bearer R":
				fmt.Fprint(w, "x")
			default:
				w.Header().Set("WWW-Authenticate", map[string]string{
					"basic": `Basic realm="x"`, "nonsense": "Negotiate", "given": `Bearer realm="x"`,
				}[c.way])
				if c.way == "token" || c.way == "closed" {
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="s"`)
				}
				w.WriteHeader(401)
			}
		})
		got, err := read(t, New(Config{Retry: quick()}), s.host, c.who)
		if err != nil {
			got = strings.NewReplacer(s.host, "HOST", digest.FromString("x").String(), "DIGEST").Replace(err.Error())
		}
		if got != c.want {
			t.Errorf("%s, %+v: %s", c.way, c.who, got)
		}
	}
}

func TestAMirrorIsAskedFirstAndNeverSeesWhoAsks(t *testing.T) {
	var asked atomic.Int32
	mirror := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.Contains(r.Header.Get("Authorization"), "Basic") {
			t.Error("the mirror sees the user's password")
		}
		if r.URL.Path != "/m/v2/a/b/blobs/"+digest.FromString("x").String() {
			t.Error(r.URL.Path)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(401)
	})
	own := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return
		}
		fmt.Fprint(w, "own")
	})
	c := New(Config{Retry: quick(), Mirrors: Mirrors{own.host: {mirror.URL + "/m/"}}})
	got, err := read(t, c, own.host, Credentials{Credentials: login.Credentials{Username: "u", Password: "p"}})
	if got != "own" || err != nil || asked.Load() == 0 {
		t.Errorf("%q, %v, the mirror was asked %d times", got, err, asked.Load())
	}
}

func TestDockerHubIsTheRegistryOfNamesWithoutOne(t *testing.T) {
	hosts, err := New(Config{Mirrors: Mirrors{Hub: {"http://m:1"}}}).hosts(reference.Domain(named(t, "debian")))
	if err != nil || len(hosts) != 2 || hosts[0].base.String() != "http://m:1/v2" || hosts[1].base.String() != "https://registry-1.docker.io/v2" || hosts[0].own || !hosts[1].own {
		t.Errorf("%+v, %v", hosts, err)
	}
}

// A registry with a certificate of its own is believed only when its directory says so.
func TestCertificatesOfAHostAreInItsDirectory(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }))
	client := certificate(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(client.cert)
	s.TLS = &tls.Config{ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	host := "example.com:" + port // the name in httptest's certificate
	try := func(files map[string][]byte, insecure ...string) (string, error) {
		root := t.TempDir()
		for name, text := range files {
			path := filepath.Join(root, host, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		in, err := ParseInsecure(insecure)
		if err != nil {
			t.Fatal(err)
		}
		c := New(Config{Retry: quick(), CertDirs: []string{filepath.Join(root, "none"), root}, Insecure: in, Proxy: ProxyConfig{HTTPS: tunnel(t, s.Listener.Addr().String())}})
		return read(t, c, host, Credentials{})
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, c := range map[string]struct {
		files    map[string][]byte
		insecure []string
		says     string // "" for success
	}{
		"nothing is known":           {nil, nil, "certificate signed by unknown authority"},
		"Docker's layout":            {map[string][]byte{"ca.crt": ca}, nil, ""},
		"insecure by name":           {nil, []string{"example.com"}, ""},
		"insecure by name and port":  {nil, []string{host}, ""},
		"hosts.toml":                 {map[string][]byte{"hosts.toml": []byte("server = \"https://" + host + "\"\nca = \"../" + host + "/my.pem\"\n"), "my.pem": ca}, nil, ""},
		"hosts.toml without a check": {map[string][]byte{"hosts.toml": []byte("[host.\"https://" + host + "\"]\n  skip_verify = true\n")}, nil, ""},
		"a broken hosts.toml":        {map[string][]byte{"hosts.toml": []byte("server = ["), "ca.crt": ca}, nil, "hosts.toml cannot be read"},
		"a key without certificate":  {map[string][]byte{"ca.crt": ca, "me.key": client.key}, nil, "missing client certificate me.cert for key me.key"},
		"a certificate without key":  {map[string][]byte{"ca.crt": ca, "me.cert": client.cert}, nil, "missing key me.key for client certificate me.cert"},
		"a broken certificate":       {map[string][]byte{"ca.crt": []byte("x")}, nil, "unable to load CA cert"},
	} {
		got, err := try(c.files, c.insecure...)
		if c.says == "" && (got != "x" || err != nil) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	if got, err := try(map[string][]byte{"ca.crt": ca, "me.cert": client.cert, "me.key": client.key}); got != "x" || err != nil {
		t.Errorf("with a client certificate: %q, %v", got, err)
	}
	if _, err := try(map[string][]byte{"ca.crt": ca}); err == nil {
		t.Error("the registry that wants a certificate got none and answered")
	}
}

// tunnel is a proxy whose every connection goes to one address; so a name need not be looked up.
func tunnel(t *testing.T, to string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", to)
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(502)
			return
		}
		defer there.Close()
		here, rest, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		fmt.Fprint(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, rest) }()
		_, _ = io.Copy(here, there)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

type pair struct{ cert, key []byte }

// certificate makes one that signs itself.
func certificate(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})}
}

func TestInsecureRegistriesAreNamesAndNetworks(t *testing.T) {
	in, err := ParseInsecure([]string{"10.1.0.0/16", "Reg.example", "other.example:5000", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.9:1": true, "[::1]:5000": true, "10.1.2.3": true, "10.1.2.3:5000": true, "10.2.0.1": false,
		"reg.example": true, "reg.example:443": true, "other.example:5000": true, "other.example:1": false, "[fd00::1]:5000": true,
	} {
		if in.Has(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
	if in.Networks[2] != netip.MustParsePrefix("10.1.0.0/16") {
		t.Error(in.Networks)
	}
	for _, word := range []string{"http://x", "10.0.0.0/33", "", "-x", "a b"} {
		if _, err := ParseInsecure([]string{word}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func TestWhatARegistrySaysIsToldAsDockerTellsIt(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, "manifest for HOST/a/b:1 not found: manifest unknown: manifest unknown"},
		{404, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`, "repository HOST/a/b not found: name unknown: repository name not known to registry"},
		{403, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`,
			"pull access denied for HOST/a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"},
		{403, ``, `error parsing HTTP 403 response body: unexpected end of JSON input: ""`},
		{400, `{"errors":[{"code":"TAG_INVALID","message":"one"},{"code":"NAME_INVALID","message":"two"}]}`, "tag invalid: one"},
		{404, `{"errors":[{"code":"TEAPOT","message":"short and stout"}]}`, "unknown: short and stout"},
		{404, `{"errors":[]}`, `error parsing HTTP 404 response body: no error details found in HTTP response body: "{\"errors\":[]}"`},
		{429, `{"details":"slowly"}`, "toomanyrequests: slowly"},
		{429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}`, "toomanyrequests: You have reached your pull rate limit."},
		{429, ``, `error parsing HTTP 429 response body: unexpected end of JSON input: ""`},
		{500, `{"errors":[]}`, "received unexpected HTTP status: 500 Internal Server Error"},
		{404, `<html>`, `error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>"`},
		{400, ``, `error parsing HTTP 400 response body: unexpected end of JSON input: ""`},
		{302, ``, "received unexpected HTTP status: 302 Found"},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := open(t, New(Config{Retry: Retry{Attempts: 1}}), s.host, Credentials{}).Resolve(t.Context(), "1")
		if err = PullError(err, named(t, s.host+"/a/b:1")); err == nil || strings.ReplaceAll(err.Error(), s.host, "HOST") != c.want {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

func TestAManifestThatCannotBeOneIsRefusedBeforeMoreIsFetched(t *testing.T) {
	body := `{"schemaVersion":2}`
	for name, c := range map[string]struct {
		header http.Header
		body   string
		says   string
	}{
		"too large":       {http.Header{"Content-Type": {ocispec.MediaTypeImageManifest}, "Docker-Content-Digest": {digest.FromString(body).String()}, "Content-Length": {"99000000"}}, "", "rejecting a manifest of 99000000 bytes"},
		"endless":         {http.Header{"Content-Type": {ocispec.MediaTypeImageManifest}}, strings.Repeat(" ", ManifestLimit+10), "rejecting a manifest of more than"},
		"of another kind": {http.Header{"Content-Type": {"text/plain"}}, body, `unsupported media type "text/plain" of a manifest`},
		"of no kind":      {http.Header{"Content-Type": {""}}, body, `unsupported media type "" of a manifest`},
		"of the past":     {http.Header{"Content-Type": {"application/vnd.docker.distribution.manifest.v1+prettyjws"}}, body, "schema 1 support has been removed"},
		"not its digest":  {http.Header{"Content-Type": {ocispec.MediaTypeImageManifest}, "Docker-Content-Digest": {digest.FromString("else").String()}}, body, ""},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for key, values := range c.header {
				w.Header()[key] = values
			}
			fmt.Fprint(w, c.body)
		})
		r := open(t, New(Config{Retry: quick()}), s.host, Credentials{})
		d, err := r.Resolve(t.Context(), "1")
		if c.says == "" && err == nil {
			if _, err = r.Manifest(t.Context(), d); err == nil || !strings.Contains(err.Error(), "manifest verification failed for digest") {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALongListOfTagsIsReadToItsEnd(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("last") == "" {
			w.Header().Set("Link", `</v2/a/b/tags/list?last=2>; rel="next"`)
			fmt.Fprint(w, `{"tags":["1","2"]}`)
			return
		}
		fmt.Fprint(w, `{"tags":["3"]}`)
	})
	tags, err := open(t, New(Config{Retry: quick()}), s.host, Credentials{}).Tags(t.Context())
	if fmt.Sprint(tags) != "[1 2 3]" || err != nil {
		t.Error(tags, err)
	}
}

func TestASearchOfARegistryReadsItsCatalogue(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/_catalog" {
			w.WriteHeader(404)
			return
		}
		if r.URL.Query().Get("last") == "" {
			w.Header().Set("Link", `</v2/_catalog?last=b&n=2>; rel="next"`)
			fmt.Fprint(w, `{"repositories":["a/nginx","b"]}`)
			return
		}
		fmt.Fprint(w, `{"repositories":["NGINX-x","z"]}`)
	})
	found, err := New(Config{Retry: quick()}).Search(t.Context(), s.host+"/nginx", 0, Credentials{})
	if err != nil || len(found) != 2 || found[0].Name != s.host+"/a/nginx" || found[1].Name != s.host+"/NGINX-x" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, limit := range []int{-1, 101} {
		if _, err := New(Config{}).Search(t.Context(), "x", limit, Credentials{}); !fault.Is(err, fault.Invalid) {
			t.Error(limit, err)
		}
	}
}
