//go:build linux

package integration

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"testing"

	"berth/test/harness"
)

// TestTheRegistryRunsInAContainerOfOurs has the registry's program as the only file of an image: it needs
// nothing else, and its data directory is a volume.
func TestTheRegistryRunsInAContainerOfOurs(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "berth")
	program, err := os.ReadFile(harness.Binary(t, "berth-registry"))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.WriteHeader(&tar.Header{Name: "berth-registry", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.In(&packed).Must("import", "-c", `ENTRYPOINT ["/berth-registry"]`, "-", "registry")
	address := fmt.Sprintf("127.0.0.1:%d", d.Port(0))
	serve := []string{"run", "-d", "--name", "registry", "-p", address + ":5000", "-v", "registry:/var/lib/berth-registry", "registry", "serve", "--listen", "0.0.0.0:5000"}
	c.Must(serve...)
	listens := func() {
		harness.Eventually(t, "the registry answers", func() error {
			r, err := http.Get("http://" + address + "/v2/")
			if err == nil {
				err = r.Body.Close()
			}
			return err
		})
	}
	listens()
	name := address + "/of/hello:1"
	c.Must("tag", "berth/hello", name)
	c.Must("push", name)
	c.Must("rm", "-f", "registry")
	c.Must(serve...) // another container, the same volume
	listens()
	c.Must("rmi", name)
	c.Must("pull", name)
	c.Must("run", "--rm", name, "true")
	c.Must("rm", "-f", "registry")
	c.Must("volume", "rm", "registry")
}
