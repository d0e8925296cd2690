//go:build linux

package registry

import (
	"strings"
	"syscall"
	"testing"
)

func TestAMirrorServesAnUpstreamAndGoesOnWithoutIt(t *testing.T) {
	up := start(t, "--tokens", "--htpasswd", htpasswd(t, "ci"))
	tool(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-creds=ci:secret", "oci:"+busyboxLayout(t)+":busybox", "docker://"+up.addr+"/library/busybox:1")
	m := start(t, "--mirror-of", "http://"+up.addr, "--mirror-credentials", written(t, "credentials", "ci:secret\n"))
	pull := func(repo string) (string, error) {
		return try(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+m.addr+"/"+repo, "dir:"+t.TempDir())
	}
	if out, err := pull("library/busybox:1"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := pull("library/busybox:2"); err == nil || !strings.Contains(out, "manifest unknown") && !strings.Contains(out, "no manifest") {
		t.Errorf("a tag that is not there: %v %s", err, out)
	}
	if out, err := try(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+m.addr+"/library/busybox:1", "docker://"+m.addr+"/x:1"); err == nil {
		t.Errorf("a mirror took a push: %s", out)
	}
	up.end(syscall.SIGKILL)
	if out, err := pull("library/busybox:1"); err != nil {
		t.Errorf("without the upstream: %v: %s", err, out)
	}
	if out, err := pull("library/other:1"); err == nil || !strings.Contains(out, "502") && !strings.Contains(out, "upstream") {
		t.Errorf("what only the upstream has: %v: %s", err, out)
	}
}
