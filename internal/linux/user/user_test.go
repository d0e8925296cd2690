//go:build linux

package user

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func root(t *testing.T, passwd, group string) *os.File {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": passwd, "group": group} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

const (
	passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n"
	groups = "root:x:0:\nwww:x:34:\nextra:x:50:web\nwheel:x:60:\n"
)

func TestUsersAreFoundAsDockerFindsThem(t *testing.T) {
	r := root(t, passwd, groups)
	for _, test := range []struct {
		spec string
		add  []string
		want User
	}{
		{"", nil, User{0, 0, []uint32{0}, "/root"}},
		{"root", nil, User{0, 0, []uint32{0}, "/root"}},
		{"web", nil, User{33, 34, []uint32{34, 50}, "/var/www"}},
		{"33", nil, User{33, 34, []uint32{34, 50}, "/var/www"}},
		{"web:wheel", nil, User{33, 60, []uint32{60}, "/var/www"}},
		{"web", []string{"wheel", "77", "50"}, User{33, 34, []uint32{34, 50, 60, 77}, "/var/www"}},
		{"1000", nil, User{1000, 0, []uint32{0}, "/"}},
		{"1000:1001", nil, User{1000, 1001, []uint32{1001}, "/"}},
	} {
		got, err := Lookup(r, test.spec, test.add)
		slices.Sort(got.Groups)
		if err != nil || got.UID != test.want.UID || got.GID != test.want.GID || got.Home != test.want.Home || !slices.Equal(got.Groups, test.want.Groups) {
			t.Errorf("%q %q: %+v %v, want %+v", test.spec, test.add, got, err, test.want)
		}
	}
}

func TestUnknownNamesAreToldInDockersWords(t *testing.T) {
	r := root(t, passwd, groups)
	for spec, want := range map[string]string{
		"foo":     "unable to find user foo: no matching entries in passwd file",
		"web:bar": "unable to find group bar: no matching entries in group file",
	} {
		if _, err := Lookup(r, spec, nil); !fault.Is(err, fault.Invalid) || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}

func TestAnImageWithoutFilesKnowsNumbersOnly(t *testing.T) {
	r := root(t, "", "")
	if u, err := Lookup(r, "5:6", nil); err != nil || u.UID != 5 || u.GID != 6 {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := Lookup(r, "web", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoRegularFileIsNotOpened(t *testing.T) {
	r := root(t, "", groups)
	passwd := filepath.Join(r.Name(), "etc", "passwd")
	for what, make := range map[string]func() error{
		// Opening this one fails: no driver has the number.
		"a device":    func() error { return unix.Mknod(passwd, unix.S_IFCHR|0o666, int(unix.Mkdev(4095, 7))) },
		"a pipe":      func() error { return unix.Mkfifo(passwd, 0o666) },
		"a directory": func() error { return os.Mkdir(passwd, 0o755) },
	} {
		if err := make(); err != nil {
			t.Skip(err) // mknod needs root
		}
		if u, err := Lookup(r, "5:wheel", nil); err != nil || u.UID != 5 || u.GID != 60 {
			t.Errorf("%s: %+v %v", what, u, err)
		}
		if err := os.Remove(passwd); err != nil {
			t.Fatal(err)
		}
	}
}
