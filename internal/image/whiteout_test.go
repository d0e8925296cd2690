package image

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

func TestADataRootOnAnOverlayTakesLayersThatRemoveNothingAndSaysWhyItTakesNoOther(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	dir := t.TempDir()
	for _, sub := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := mount.Overlay([]string{dir + "/lower"}, dir+"/upper", dir+"/work")
	if err != nil {
		t.Fatal(err)
	}
	defer overlay.Close()
	s := openAt(t, "/proc/self/fd/"+strconv.Itoa(int(overlay.Fd()))+"/images")
	base := makeTar(t, file{name: "etc/motd", data: []byte("hello")})
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, base))
	before := state(t, s)
	_, err = s.Load(context.Background(), bytes.NewReader(legacyArchive(t, []string{"y:1"}, base, makeTar(t, file{name: "etc/.wh.motd"}))), LoadOptions{})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "put data-root on ext4, xfs or btrfs") {
		t.Errorf("an error of kind %v: %v", fault.KindOf(err), err)
	}
	if after := state(t, s); after != before {
		t.Errorf("left behind:\n%s\n--- before:\n%s", after, before)
	}
}
