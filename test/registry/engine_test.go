//go:build linux

package registry

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestAnotherMachinePullsWhatAnEngineHasWithoutAPush(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	d := harness.Start(t, harness.WithArgs("--registry", fmt.Sprintf(`{"listen": %q, "htpasswd": %q}`, addr, htpasswd(t, "ci"))))
	image := d.Busybox()
	d.Berth("tag", image, "team/built:1")
	pull := func(creds, name string) (string, string, error) {
		dir := t.TempDir()
		out, err := try(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", creds, "docker://"+addr+"/"+name, "dir:"+dir)
		return dir, out, err
	}
	dir, out, err := pull("--src-creds=ci:secret", "team/built:1")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The digest is the image's own: who has it by digest finds it under that.
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if id := strings.TrimSpace(d.Berth("image", "inspect", "-f", "{{.Id}}", "team/built:1").Stdout); id != digestOf(string(manifest)) {
		t.Errorf("the engine's image is %s, and %s was pulled", id, digestOf(string(manifest)))
	}
	if _, out, err := pull("--src-no-creds", "team/built:1"); err == nil {
		t.Errorf("nobody in particular pulled: %s", out)
	}
	if _, out, err := pull("--src-creds=ci:secret", "team/built:2"); err == nil {
		t.Errorf("a tag that is not there was pulled: %s", out)
	}
	if out, err := try(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-creds=ci:secret", "dir:"+dir, "docker://"+addr+"/team/other:1"); err == nil {
		t.Errorf("a push was taken: %s", out)
	}
	d.Berth("rmi", "team/built:1")
	if _, out, err := pull("--src-creds=ci:secret", "team/built:1"); err == nil {
		t.Errorf("a removed tag was pulled: %s", out)
	}
}
