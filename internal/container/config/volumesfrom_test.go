package config

import (
	"reflect"
	"testing"

	"berth/internal/fault"
)

func TestMountsOfOthersComeBeforeOnesOwn(t *testing.T) {
	donors := map[string][]Mount{
		"one": {{Type: "volume", Source: "v", Target: "/v", Anonymous: true}, {Type: "bind", Source: "/h", Target: "/b", ReadOnly: true}, {Type: "bind", Source: "/x", Target: "/own"}},
		"two": {{Type: "volume", Source: "w", Target: "/v"}},
	}
	find := func(name string) (string, []Mount, error) {
		if donors[name] == nil {
			return "", nil, fault.New(fault.NotFound, "No such container: %s", name)
		}
		return "id-" + name, donors[name], nil
	}
	own := Mount{Type: "tmpfs", Target: "/own"}
	for _, c := range []struct {
		words []string
		want  []Mount
	}{
		{nil, []Mount{own}},
		{[]string{"one"}, []Mount{
			{Type: "volume", Source: "v", Target: "/v", Anonymous: true, NoCopy: true, From: "id-one"},
			{Type: "bind", Source: "/h", Target: "/b", ReadOnly: true, NoCopy: true, From: "id-one"}, own,
		}},
		{[]string{"one:rw", "two:ro,z"}, []Mount{
			{Type: "bind", Source: "/h", Target: "/b", ReadOnly: true, NoCopy: true, From: "id-one"},
			{Type: "volume", Source: "w", Target: "/v", ReadOnly: true, NoCopy: true, From: "id-two"}, own,
		}},
	} {
		h := HostConfig{VolumesFrom: c.words, Mounts: []Mount{own}}
		if err := Inherit(&h, find); err != nil || !reflect.DeepEqual(h.Mounts, c.want) {
			t.Errorf("%v: %+v, %v", c.words, h.Mounts, err)
		}
	}
	for word, want := range map[string]string{
		"": "volumes-from specification cannot be an empty string", "none": "No such container: none", "one:q": "invalid mode: q",
		"one:ro,rw": "invalid mode: ro,rw", "one:nocopy": "invalid mode: nocopy", "one:z,z": "invalid mode: z,z", "one:z,Z": "invalid mode: z,Z", "one:rslave": "invalid mode: rslave",
	} {
		if err := Inherit(&HostConfig{VolumesFrom: []string{word}}, find); !fault.Is(err, fault.Invalid) || err.Error() != want {
			t.Errorf("%q: %v", word, err)
		}
	}
}
