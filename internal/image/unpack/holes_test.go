package unpack

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestZerosOfALayerBecomeHolesAndNothingElseChanges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("needs root: layers belong to other users")
	}
	content := append(make([]byte, 1<<20), "middle"...)
	content = append(content, make([]byte, 3<<20)...)
	when := time.Unix(1_000_000_000, 0)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	records := map[string]string{"SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.a": "b"}
	for _, h := range []tar.Header{
		{Name: "dir/zeros", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 7, Size: int64(len(content)), ModTime: when, Format: tar.FormatPAX, PAXRecords: records},
		{Name: "full", Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content)), ModTime: when},
		{Name: "link", Typeflag: tar.TypeLink, Linkname: "dir/zeros", Mode: 0o4755, Uid: 7, ModTime: when, Format: tar.FormatPAX, PAXRecords: records},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		switch h.Name {
		case "full":
			w.Write(bytes.Repeat([]byte("x"), len(content)))
		case "dir/zeros":
			w.Write(content)
		}
	}
	w.Close()
	upper := t.TempDir()
	if err := apply(context.Background(), &layer, upper, nil, nil); err != nil {
		t.Fatal(err)
	}
	for name, most := range map[string]int64{"dir/zeros": 64 << 10, "link": 64 << 10, "full": 5 << 20} {
		path := filepath.Join(upper, name)
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		if st.Blocks*512 > most || st.Mtim.Sec != when.Unix() {
			t.Errorf("%s takes %d bytes and is of %d", name, st.Blocks*512, st.Mtim.Sec)
		}
		if name == "full" {
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, content) || st.Mode&0o7777 != 0o4755 || st.Uid != 7 {
			t.Errorf("%s: %d bytes, mode %o, owner %d, %v", name, len(got), st.Mode, st.Uid, err)
		}
		value := make([]byte, 64)
		if n, err := unix.Getxattr(path, "security.capability", value); err != nil || string(value[:n]) != capability {
			t.Errorf("%s: %q, %v", name, value[:max(n, 0)], err)
		}
	}
}

func TestTheHolesThatTarTellsOfAreHoles(t *testing.T) {
	from := t.TempDir()
	path := filepath.Join(from, "sparse")
	if err := os.WriteFile(path, []byte("begin"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 64<<20); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--format=gnu"}, {"--format=posix"}, {"--format=posix", "--sparse-version=0.1"}} {
		packed, err := exec.Command("tar", append(args, "-C", from, "-S", "-cf", "-", "sparse")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		upper := t.TempDir()
		if err := apply(context.Background(), bytes.NewReader(packed), upper, nil, nil); err != nil {
			t.Errorf("%v: %v", args, err)
			continue
		}
		var st unix.Stat_t
		got, err := os.ReadFile(filepath.Join(upper, "sparse"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, %v", args, len(got), err)
		}
		if err := unix.Stat(filepath.Join(upper, "sparse"), &st); err != nil || st.Blocks*512 > 128<<10 {
			t.Errorf("%v: %d bytes are taken, %v", args, st.Blocks*512, err)
		}
	}
}
