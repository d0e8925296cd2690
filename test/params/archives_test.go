//go:build linux

package params

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"berth/test/harness"
)

// archive makes the archive of a name that the table uses.
func archive(t testing.TB, name string) ([]byte, bool) {
	dir := func(name string) harness.File { return harness.File{Name: name + "/", Mode: 0o700} }
	file := func(name string) harness.File { return harness.File{Name: name, Body: []byte("new"), Mode: 0o640} }
	whole := harness.Tar(t, dir("more"), file("more/one"), file("two"))
	switch name {
	case "tar":
		return whole, true
	case "tar.gz":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(whole); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes(), true
	case "half":
		return whole[:700], true
	case "empty":
		return harness.Tar(t), true
	case "wrong":
		return harness.Tar(t, file("e")), true
	case "back":
		return harness.Tar(t, dir("file")), true
	case "out":
		return harness.Tar(t, harness.File{Name: "away", Link: "/", Kind: tar.TypeSymlink}, file("away/../../x")), true
	}
	return nil, false
}
