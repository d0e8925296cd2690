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
		"/c":                 {Type: "volume", Target: "/c", Anonymous: true},
	} {
		got, err := ParseBind(word)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", word, got, err)
		}
	}
}

func FuzzBindsAndPorts(f *testing.F) {
	for _, word := range []string{"/a:/b:ro", "v:/b:nocopy,z", "/c", "a:b:c:d", "80-90", "65535", ":", "/a:/b:,", "//:/.."} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if m, err := ParseBind(word); err == nil {
			if m.Target == "" || m.Target[0] != '/' || m.Target == "/" || (m.Type == "bind") != strings.HasPrefix(m.Source, "/") {
				t.Errorf("%q became %+v", word, m)
			}
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", word, err)
		}
		if _, err := hostPort(word); err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Unsupported) {
			t.Errorf("%q: %v", word, err)
		}
	})
}
