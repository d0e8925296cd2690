package remote

import (
	"net/http"
	"net/url"
	"testing"
	"time"
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
