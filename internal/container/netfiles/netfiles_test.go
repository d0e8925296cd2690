package netfiles

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOnlyWhatHasChangedIsWritten(t *testing.T) {
	dir := t.TempDir()
	to := Paths{filepath.Join(dir, "hosts"), filepath.Join(dir, "hostname"), filepath.Join(dir, "resolv.conf")}
	first := Files{[]byte("h\n"), []byte("n\n"), []byte{}}
	if err := first.Write(to, Files{}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to.ResolvConf); err != nil || len(text) != 0 {
		t.Errorf("an empty file is written too: %q %v", text, err)
	}
	for _, path := range []string{to.Hosts, to.Hostname, to.ResolvConf} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	second := Files{first.Hosts, []byte("m\n"), []byte{}}
	if err := second.Write(to, first); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "hostname" {
		t.Errorf("written were %v, %v; want the hostname", left, err)
	}
}

func TestTheFullNameComesFirst(t *testing.T) {
	for _, c := range []struct {
		host, domain string
		want         []string
	}{{"a", "", []string{"a"}}, {"a", "b.c", []string{"a.b.c", "a"}}, {"a.b", "c", []string{"a.b.c", "a"}}, {"a.b", "", []string{"a.b", "a"}}} {
		if got := Names(c.host, c.domain); !slices.Equal(got, c.want) {
			t.Errorf("%q %q: %q, want %q", c.host, c.domain, got, c.want)
		}
	}
}
