package remote

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/distribution/reference"
)

func FuzzWhateverARegistrySaysIsToldInSomeWords(f *testing.F) {
	f.Add(404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, `</v2/_catalog?last=b>; rel="next"`)
	f.Add(429, `{"details":"slow down"}`, `<>; rel=next`)
	f.Add(200, `<html>`, `<http://[::1/>; rel="next"`)
	f.Add(400, `{"errors":[{}]}`, `;;`)
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Link": {header}}, Request: &http.Request{URL: &url.URL{Scheme: "https", Host: "h", Path: "/v2/"}}}
		if e := said(status, []byte(body)); e.text == "" || e.first == "" {
			t.Errorf("nothing is told of %d %q", status, body)
		}
		if next := nextPage(resp); next != nil && next.Scheme == "" {
			t.Errorf("%q leads to %v", header, next)
		}
		if pause, ok := retryAfter(header, time.Now()); ok && pause < 0 {
			t.Errorf("%q is %v", header, pause)
		}
	})
}

func FuzzWhatIsInsecureIsReadOrRefused(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.2.3:5000")
	f.Add("reg.example:5000", "[::1")
	f.Fuzz(func(t *testing.T, word, host string) {
		if in, err := ParseInsecure([]string{word}); err == nil && len(in.Networks) == 2 {
			in.Has(host)
			if !in.Has(word) {
				t.Errorf("%q is insecure, and is not", word)
			}
		}
	})
}

func FuzzAHostsFileIsReadOrRefused(f *testing.F) {
	f.Add("server = \"https://x\"\n[host.\"https://m:1\"]\n capabilities = [\"pull\"]\n skip_verify = true\n")
	f.Add("[host.\"http://m/v2/x\"]\n override_path = true\n[host.\"http://m/v2/x\".header]\n a = [\"b\"]\n")
	f.Add("ca = 1")
	f.Add("server = \"::\"")
	f.Add("[host.\"#000\"]")
	root := f.TempDir()
	dir := filepath.Join(root, "r.example")
	if err := os.Mkdir(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	name, err := reference.ParseNormalizedNamed("r.example/a")
	if err != nil {
		f.Fatal(err)
	}
	c := New(Config{CertDirs: []string{root}})
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := c.Repository(name, Pull, Credentials{})
		if err != nil {
			return
		}
		defer r.Close()
		for _, s := range r.hosts {
			if s.base.Host == "" || s.base.Scheme != "http" && s.base.Scheme != "https" {
				t.Errorf("%q leads to %s", text, s.base.String())
			}
		}
	})
}
