//go:build linux

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/test/harness"

	"github.com/opencontainers/go-digest"
)

// failing is a registry that refuses everything, in the way that the first part of a repository's name says.
type failing struct {
	challenge string // what it wants before all else; HOST is itself
}

func (f failing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	how, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	number, form, _ := strings.Cut(how, "-")
	status, err := strconv.Atoi(number)
	switch {
	case r.URL.Path == "/token":
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
	case f.challenge != "":
		w.Header().Set("WWW-Authenticate", strings.ReplaceAll(f.challenge, "HOST", r.Host))
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	case how == "":
		w.WriteHeader(http.StatusOK)
	case err != nil:
		odd(w, r, how, rest)
	case form == "":
		w.WriteHeader(status)
	case form == "text":
		w.WriteHeader(status)
		fmt.Fprint(w, "no & <b>such</b> thing\n")
	case form == "none":
		w.WriteHeader(status)
		fmt.Fprint(w, `{"errors":[]}`)
	case form == "two":
		w.WriteHeader(status)
		fmt.Fprint(w, `{"errors":[{"code":"TAG_INVALID","message":"one"},{"code":"MANIFEST_INVALID","message":"two","detail":{"a":1}}]}`)
	default:
		code := strings.ToUpper(form)
		refuse(w, status, code, map[string]string{
			"DENIED": "requested access to the resource is denied", "UNAUTHORIZED": "authentication required",
			"NAME_UNKNOWN": "repository name not known to registry", "MANIFEST_UNKNOWN": "manifest unknown",
		}[code])
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	if message == "" {
		message = "not now"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q,"detail":{"name":"x"}}]}`, code, message)
}

// odd answers with what is no image for this machine.
func odd(w http.ResponseWriter, r *http.Request, _, rest string) {
	const index = `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":1,"digest":"sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b","platform":{"architecture":"s390x","os":"linux"}}]}`
	if !strings.Contains(rest, "manifests/") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.list.v2+json")
	w.Header().Set("Docker-Content-Digest", digest.FromString(index).String())
	w.Header().Set("Content-Length", strconv.Itoa(len(index)))
	if r.Method != http.MethodHead {
		fmt.Fprint(w, index)
	}
}

// certificate is one for an address, of an authority that nobody knows.
func certificate(t *testing.T, ip string, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "registry"}, NotBefore: from, NotAfter: until, IPAddresses: []net.IP{net.ParseIP(ip)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveFailing serves a failing registry, behind TLS when there is a certificate.
func serveFailing(t *testing.T, at, challenge string, certificates ...tls.Certificate) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	if len(certificates) > 0 {
		l = tls.NewListener(l, &tls.Config{Certificates: certificates})
	}
	server := &http.Server{Handler: failing{challenge}, ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(l) }() // until it is closed
}

// sameFailures are the ports of registries that fail in the same way for two daemons.
type sameFailures struct{ plain, basic, token, unknown, early, late, clear, nobody int }

func (f sameFailures) serve(t *testing.T, p harness.Place) {
	now, gateway := time.Now(), p.Gateway()
	serveFailing(t, fmt.Sprintf("127.0.0.1:%d", f.plain), "")
	serveFailing(t, fmt.Sprintf("127.0.0.1:%d", f.basic), `Basic realm="here"`)
	serveFailing(t, fmt.Sprintf("127.0.0.1:%d", f.token), `Bearer realm="http://HOST/token",service="here"`)
	serveFailing(t, fmt.Sprintf("%s:%d", gateway, f.clear), "")
	serveFailing(t, fmt.Sprintf("%s:%d", gateway, f.unknown), "", certificate(t, gateway, now.Add(-time.Hour), now.Add(time.Hour)))
	serveFailing(t, fmt.Sprintf("%s:%d", gateway, f.early), "", certificate(t, gateway, now.Add(time.Hour), now.Add(2*time.Hour)))
	serveFailing(t, fmt.Sprintf("%s:%d", gateway, f.late), "", certificate(t, gateway, now.Add(-2*time.Hour), now.Add(-time.Hour)))
}

// names are images that none of them has. GATEWAY is an address that is not the machine's own.
func (f sameFailures) names() []string {
	var names []string
	for _, how := range []string{"403-denied", "401-unauthorized", "404-name_unknown", "404-manifest_unknown", "400-two", "400-none", "400", "401-text", "403",
		"403-text", "404", "404-text", "405", "418-teapot", "429", "429-toomanyrequests", "429-text", "500", "500-unknown", "500-text", "503-unavailable", "index"} {
		names = append(names, fmt.Sprintf("127.0.0.1:%d/%s/x", f.plain, how))
	}
	for _, port := range []int{f.unknown, f.early, f.late, f.clear, f.nobody} {
		names = append(names, fmt.Sprintf("GATEWAY:%d/x", port))
	}
	for _, port := range []int{f.basic, f.token, f.nobody} {
		names = append(names, fmt.Sprintf("127.0.0.1:%d/x", port))
	}
	return append(names, "no-such-host.invalid/x")
}

// verbs are what is tried. Where Docker takes fifty seconds to give up a push, none is.
func (f sameFailures) verbs(name string) []string {
	if how, plain := strings.CutPrefix(name, fmt.Sprintf("127.0.0.1:%d/", f.plain)); plain && !strings.HasPrefix(how, "403-denied/") && !strings.HasPrefix(how, "401-") {
		return []string{"pull", "inspect"}
	}
	return []string{"pull", "inspect", "push"}
}

// answerAbout is what a daemon says last when it is to do something with an image of a failing registry.
func answerAbout(t *testing.T, p harness.Place, verb, name string) harness.Answer {
	t.Helper()
	name = strings.ReplaceAll(name, "GATEWAY", p.Gateway())
	var a harness.Answer
	switch verb {
	case "pull":
		a = p.Ask(t, "POST", "/v1.41/images/create?tag=1&fromImage="+name, "")
	case "push":
		if a = p.Ask(t, "POST", "/v1.41/images/busybox/tag?tag=1&repo="+name, ""); a.Status != http.StatusCreated {
			t.Fatal(a)
		}
		a = p.AskWith(t, "POST", "/v1.41/images/"+name+"/push?tag=1", http.Header{"X-Registry-Auth": {"e30="}})
		a.Body = a.Body[strings.LastIndexByte(a.Body, '\n')+1:] // of the lines before it the layers are others
	default:
		a = p.Ask(t, "GET", "/v1.41/distribution/"+name+":1/json", "")
	}
	for _, differs := range []struct{ text, to string }{
		{regexp.QuoteMeta(p.Gateway()), "GATEWAY"},
		{`current time \S+`, "current time NOW"},
		{`(is before|is after) \S+Z`, "$1 THEN"},
		{`tls: failed to verify certificate: `, ""},                // Go says that since
		{`(lookup no-such-host\.invalid) on [^"\\]+`, "$1 FAILED"}, // one of them has no way to a name server
		{`(Get|Head) (\S+/manifests/)`, "Ask $2"},
	} {
		a.Body = regexp.MustCompile(differs.text).ReplaceAllString(a.Body, differs.to)
	}
	return a
}

func TestWhatARegistryRefusesIsToldAsDockerTellsIt(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t, harness.WithArgs("--max-download-attempts", "1"))
	d.Busybox()
	f := sameFailures{plain: d.Port(10), basic: d.Port(11), token: d.Port(12), unknown: d.Port(13), early: d.Port(14), late: d.Port(15), clear: d.Port(16), nobody: d.Port(17)}
	f.serve(t, d.Place)
	if err := docker.Inside(func() error { f.serve(t, docker.Place); return nil }); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, name := range f.names() {
		all.Go(func() {
			for _, verb := range f.verbs(name) {
				if want, got := answerAbout(t, docker.Place, verb, name), answerAbout(t, d.Place, verb, name); got != want {
					t.Errorf("%s %s\n got %+v\nwant %+v", verb, name, got, want)
				}
			}
		})
	}
	all.Wait()
}
