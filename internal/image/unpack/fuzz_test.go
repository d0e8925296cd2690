package unpack

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a tar holds, what is beside the layer's directory stays as it is.
func FuzzApply(f *testing.F) {
	seed := func(headers ...tar.Header) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				f.Fatal(err)
			}
		}
		w.Close()
		f.Add(b.Bytes())
	}
	seed(tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "../beside"}, tar.Header{Name: "a/x", Typeflag: tar.TypeReg})
	seed(tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/.wh..wh..opq", Typeflag: tar.TypeReg}, tar.Header{Name: ".wh.x", Typeflag: tar.TypeReg})
	seed(tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "../../beside/file"})
	seed(tar.Header{Name: "x", Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}})
	if os.Getuid() != 0 {
		f.Skip("needs root: layers belong to other users")
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		dir := t.TempDir()
		upper, lower, beside := filepath.Join(dir, "upper"), filepath.Join(dir, "lower"), filepath.Join(dir, "beside")
		for _, d := range []string{upper, lower, beside} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(beside, "file"), []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = apply(context.Background(), bytes.NewReader(stream), upper, []string{lower}, nil) // an error is as good as an answer
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 3 {
			t.Errorf("beside the layer: %v, %v", entries, err)
		}
		info, err := os.Stat(filepath.Join(beside, "file"))
		if err != nil || info.Mode() != 0o600 || info.Size() != 4 {
			t.Errorf("the file beside: %v, %v", info, err)
		}
	})
}
