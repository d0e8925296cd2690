package removal

import (
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
)

func TestRemovalsFollowDockersRules(t *testing.T) {
	id := digest.FromString("x")
	img := func(name string, names ...string) Image { return Image{ID: id, Name: name, Names: names} }
	const a, b = "docker.io/library/a:1", "docker.io/library/b:1"
	hex, ctr := id.Encoded()[:12], strings.Repeat("c", 64)
	running, stopped := []Use{{ContainerID: ctr, Running: true}}, []Use{{ContainerID: ctr}}
	for what, c := range map[string]struct {
		img             Image
		uses            []Use
		children, force bool
		want            []Line
		err             string
	}{
		"one of several names":             {img: img(a, a, b), uses: running, want: []Line{{Untagged: "a:1"}}},
		"the last name":                    {img: img(a, a), want: []Line{{Untagged: "a:1"}, {Deleted: id.String()}}},
		"the last name of a used one":      {img: img(a, a), uses: stopped, err: "conflict: unable to delete a:1 (must be forced) - container cccccccccccc is using its referenced image " + hex},
		"the last name of a used one, -f":  {img: img(a, a), uses: running, force: true, want: []Line{{Untagged: "a:1"}}},
		"ID with one name":                 {img: img("", a), want: []Line{{Untagged: "a:1"}, {Deleted: id.String()}}},
		"ID with two names":                {img: img("", a, b), err: "conflict: unable to delete " + hex + " (must be forced) - image is referenced in multiple repositories"},
		"ID with two names, -f":            {img: img("", a, b), force: true, want: []Line{{Untagged: "a:1"}, {Untagged: "b:1"}, {Deleted: id.String()}}},
		"ID of a running one, -f":          {img: img("", a), uses: running, force: true, err: "conflict: unable to delete " + hex + " (cannot be forced) - image is being used by running container cccccccccccc"},
		"ID of a stopped one":              {img: img("", a), uses: stopped, err: "conflict: unable to delete " + hex + " (must be forced) - image is being used by stopped container cccccccccccc"},
		"ID of a stopped one, -f":          {img: img("", a), uses: stopped, force: true, want: []Line{{Untagged: "a:1"}}},
		"ID of a dangling stopped one, -f": {img: img(""), uses: stopped, force: true, err: "conflict: unable to delete " + hex + " (cannot be forced) - image is being used by stopped container cccccccccccc"},
		"the last name of a parent":        {img: img(a, a), children: true, want: []Line{{Untagged: "a:1"}}},
		"ID of a parent, -f":               {img: img("", a), children: true, force: true, err: "conflict: unable to delete " + hex + " (cannot be forced) - image has dependent child images"},
		"dangling":                         {img: img(""), want: []Line{{Deleted: id.String()}}},
		"digest takes all of a repository": {img: img("docker.io/library/a", a, b), want: []Line{{Untagged: "a:1"}}},
	} {
		plan, err := Decide(c.img, c.uses, c.children, c.force)
		if c.err != "" {
			if !fault.Is(err, fault.Conflict) || err.Error() != c.err {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if got := plan.Answer(); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}
