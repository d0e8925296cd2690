package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRegistriesAreConfigured(t *testing.T) {
	path := filepath.Join(t.TempDir(), "daemon.json")
	text := `{"insecure-registries":["10.0.0.0/8","Reg.Example:5000"],"registry-mirrors":{"docker.io":["https://m1"],"quay.io":["http://m2/x/"]},
		"proxies":{"http-proxy":"http://p:1","no-proxy":"a,b"},"max-concurrent-downloads":7,"max-concurrent-uploads":0,"max-download-attempts":2}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse([]string{"--config-file", path, "--https-proxy", "http://q"})
	if err != nil {
		t.Fatal(err)
	}
	r := c.Registries
	if got := r.Mirrors.String(); got != "https://m1/,quay.io=http://m2/x/" || strings.Join(r.Insecure, " ") != "10.0.0.0/8 Reg.Example:5000" ||
		r.Proxies != (proxiesValue{HTTP: "http://p:1", HTTPS: "http://q", No: "a,b"}) || r.Downloads != 7 || r.Uploads != 0 || r.Attempts != 2 {
		t.Errorf("%+v, %s", r, got)
	}
	if c, err = Parse([]string{"--config-file", os.DevNull, "--registry-mirror", "https://m", "--registry-mirror", "ghcr.io=https://n:1"}); err != nil || c.Registries.Mirrors.String() != "ghcr.io=https://n:1/,https://m/" {
		t.Error(c.Registries.Mirrors, err)
	}
}

func TestWrongRegistriesAreRefused(t *testing.T) {
	for flag, says := range map[string]string{
		"--registry-mirror=ftp://m":       `invalid mirror: unsupported scheme "ftp"`,
		"--registry-mirror=https://u:p@m": "invalid mirror: username/password not allowed in URI",
		"--registry-mirror=https://m?x":   "invalid mirror: query or fragment",
		"--insecure-registry=http://x":    "insecure registry http://x should not contain '://'",
		"--insecure-registry=10.0.0.0/99": "insecure registry 10.0.0.0/99 is not valid",
		"--max-concurrent-downloads=-1":   "invalid max concurrent downloads: -1",
		"--max-concurrent-uploads=-1":     "invalid max concurrent uploads: -1",
		"--max-download-attempts=0":       "invalid max download attempts: 0",
		`--proxies={"ftp-proxy":"x"}`:     `"ftp-proxy" is not one of`,
	} {
		if _, err := Parse([]string{"--config-file", os.DevNull, flag}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
