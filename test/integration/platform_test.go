//go:build linux

package integration

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"berth/test/harness"
)

// platformIndex is an OCI layout of the image many:1, whose variants are the same busybox, and a file that says for
// which of the architectures each is.
func platformIndex(t *testing.T, arches ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	file := func(w *tar.Writer, name string, data []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	document := func(v any) []byte {
		p, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	written := map[string]bool{}
	blob := func(kind string, data []byte) map[string]any {
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		if !written[sum] {
			file(w, "blobs/sha256/"+sum, data)
		}
		written[sum] = true
		return map[string]any{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + sum, "size": len(data)}
	}
	index := map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}
	var manifests []any
	for _, arch := range arches {
		var own bytes.Buffer
		l := tar.NewWriter(&own)
		file(l, "arch", []byte(arch+"\n"))
		l.Close()
		layers := []map[string]any{blob("layer.v1.tar", harness.BusyboxTar(t)), blob("layer.v1.tar", own.Bytes())}
		config := blob("config.v1+json", document(map[string]any{"architecture": arch, "os": "linux", "config": map[string]any{"Cmd": []string{"cat", "/arch"}},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []any{layers[0]["digest"], layers[1]["digest"]}}}))
		m := blob("manifest.v1+json", document(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers}))
		m["platform"] = map[string]any{"os": "linux", "architecture": arch}
		manifests = append(manifests, m)
	}
	index["manifests"] = manifests
	target := blob("index.v1+json", document(index))
	target["annotations"] = map[string]string{"io.containerd.image.name": "docker.io/library/many:1"}
	file(w, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	file(w, "index.json", document(map[string]any{"schemaVersion": 2, "manifests": []any{target}}))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAContainerRunsThePlatformOfAnIndexThatItWasMadeFor(t *testing.T) {
	t.Parallel()
	const other = "s390x"
	d := harness.Start(t)
	c := d.Client(t, "berth")
	c.In(bytes.NewReader(platformIndex(t, runtime.GOARCH, other))).Must("load")
	c.Prints(runtime.GOARCH, "run", "--rm", "--network", "none", "many:1")
	c.Prints(other, "run", "--rm", "--network", "none", "--platform", "linux/"+other, "many:1")
	c.Must("create", "--name", "theirs", "--network", "none", "--platform", "linux/"+other, "many:1")
	c.Prints(c.Must("image", "inspect", "-f", "{{.Id}}", "many:1"), "inspect", "-f", "{{.Image}}", "theirs")
	d.Restart()
	c.Prints(other, "start", "-a", "theirs")
	c.Must("commit", "theirs", "made:1")
	c.Prints(other, "image", "inspect", "-f", "{{.Architecture}}", "made:1")
	c.Prints(other, "run", "--rm", "--network", "none", "made:1")
	c.Fails(1, "is being used by container", "rmi", "--platform", "linux/"+other, "many:1")
	c.Must("rm", "theirs")
	c.Must("rmi", "--platform", "linux/"+other, "many:1")
}
