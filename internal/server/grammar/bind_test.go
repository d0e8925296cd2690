package grammar

import (
	"reflect"
	"strings"
	"testing"

	"berth/internal/container/config"
	"berth/internal/fault"
)

func TestBindWordsAreReadAsDockerReadsThem(t *testing.T) {
	for word, want := range map[string]config.Mount{
		"/h:/c":              {Type: "bind", Source: "/h", Target: "/c", Create: true},
		"/h/../g/:/c/":       {Type: "bind", Source: "/g", Target: "/c", Create: true},
		"/h:/c:ro,Z,rshared": {Type: "bind", Source: "/h", Target: "/c", Create: true, ReadOnly: true, Propagation: "rshared", Relabel: true},
		"name:/c:nocopy":     {Type: "volume", Source: "name", Target: "/c", NoCopy: true},
		"name:/c:ro,cached":  {Type: "volume", Source: "name", Target: "/c", ReadOnly: true},
		"/c":                 {Type: "volume", Target: "/c", Anonymous: true, ModeWords: "z"},
	} {
		got, err := ParseBind(word, "")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", word, got, err)
		}
	}
}

func TestHostPortsAreOneOrARange(t *testing.T) {
	for word, want := range map[string][2]uint16{"": {}, "0": {}, "80": {80, 0}, "80-80": {80, 0}, "80-90": {80, 90}, "1-65535": {1, 65535}} {
		if first, last, err := hostPorts(word); err != nil || [2]uint16{first, last} != want {
			t.Errorf("%q: %d, %d, %v", word, first, last, err)
		}
	}
	for _, word := range []string{"x", "-", "80-", "-80", "90-80", "0-80", "65536", "80-65536", "1-2-3", "+80", " 80"} {
		if first, last, err := hostPorts(word); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %d, %d, %v", word, first, last, err)
		}
	}
}

func FuzzBindsAndPorts(f *testing.F) {
	for _, word := range []string{"/a:/b:ro", "v:/b:nocopy,z", "/c", "a:b:c:d", "80-90", "65535", ":", "/a:/b:,", "//:/.."} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if m, err := ParseBind(word, ""); err == nil {
			if m.Target == "" || m.Target[0] != '/' || m.Target == "/" || (m.Type == "bind") != strings.HasPrefix(m.Source, "/") {
				t.Errorf("%q became %+v", word, m)
			}
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", word, err)
		}
		if first, last, err := hostPorts(word); err != nil && !fault.Is(err, fault.Invalid) || last != 0 && last <= first {
			t.Errorf("%q: %d, %d, %v", word, first, last, err)
		}
	})
}
