package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALayersSizeCountsAFileWithTwoNamesOnce(t *testing.T) {
	d := &Daemon{cfg: Config{DataRoot: t.TempDir()}}
	upper := filepath.Join(d.cfg.DataRoot, "containers", "c", "layer", "upper")
	if err := os.MkdirAll(filepath.Join(upper, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "dir/b"} {
		if err := os.WriteFile(filepath.Join(upper, name), []byte("0123456789"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(upper, "a"), filepath.Join(upper, "c")); err != nil {
		t.Fatal(err)
	}
	if got, err := d.layerSize("c"); got != 20 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := d.layerSize("none"); got != 0 || err != nil {
		t.Errorf("a layer that is gone: %d, %v", got, err)
	}
}
