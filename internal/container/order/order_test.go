package order

import (
	"slices"
	"strings"
	"testing"
)

// member reads "name flags depends_on", of the project p unless the name says another.
func member(line string) Member {
	words := strings.Fields(line + " - -")
	project, name, other := strings.Cut(words[0], "/")
	if !other {
		project, name = "p", words[0]
	}
	service, _, _ := strings.Cut(name, ".")
	m := Member{ID: "id-" + words[0], Name: name, Labels: map[string]string{projectLabel: project, serviceLabel: service, oneOffLabel: "False"}}
	m.Starts, m.Up = strings.Contains(words[1], "s"), strings.Contains(words[1], "u")
	m.Checked, m.Done = strings.Contains(words[1], "c"), strings.Contains(words[1], "d")
	if strings.Contains(words[1], "o") {
		m.Labels[oneOffLabel] = "True"
	}
	if words[2] != "-" {
		m.Labels[dependsLabel] = words[2]
	}
	return m
}

func TestContainersAreStartedBehindWhatTheyDependOn(t *testing.T) {
	for name, c := range map[string]struct{ members, want string }{
		"without labels": {"a s\nb s", "start a\nstart b\n"},
		"each condition": {"web s db:service_healthy:true,cache:service_started:false,migrate:service_completed_successfully:false\ndb sc\ncache s\nmigrate s db:service_healthy:false",
			"start web after db is healthy and cache is up and migrate has ended well\nstart db\nstart cache\nstart migrate after db is healthy\n"},
		"what is there already is not waited for": {"web s db,migrate:service_completed_successfully\ndb u\nmigrate d", "start web\n"},
		"what runs is waited for until healthy":   {"web s db:service_healthy\ndb uc", "start web after db is healthy\n"},
		"every container of a service":            {"web s db\ndb.1 s\ndb.2 s\ndb.3 o", "start web after db.1 is up and db.2 is up\nstart db.1\nstart db.2\n"},
		"another project's is another":            {"web s db\nq/db s", "start web\nstart db\nnote: web depends on db, which is not there\n"},
		"what does not start is not waited for":   {"web s db:service_healthy\ndb c", "start web\nnote: web depends on db, which is not started\n"},
		"no health check":                         {"web s db:service_healthy\ndb s", "start web after db is up\nstart db\nnote: web waits for db to be healthy, which has no health check\n"},
		"a cycle":                                 {"a s b\nb s c\nc s a,d\nd s", "start a after b is up\nstart b after c is up\nstart c after d is up\nstart d\nnote: c and a wait for each other\n"},
		"itself":                                  {"a s a", "start a\nnote: a depends on a, which is not there\n"},
		"a label that says nothing":               {"a s b:never", "start a\nnote: a: the label com.docker.compose.depends_on cannot be read at \"b:never\"\n"},
	} {
		var members []Member
		for line := range strings.SplitSeq(c.members, "\n") {
			members = append(members, member(line))
		}
		if got := Starts(members).String(); got != c.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestTheLabelIsReadAsComposeWritesIt(t *testing.T) {
	read := func(text string) []Dependency {
		t.Helper()
		list, err := Dependencies(map[string]string{dependsLabel: text})
		if err != nil {
			t.Error(err)
		}
		return list
	}
	want := []Dependency{{"db", Healthy}, {"cache", Started}, {"x", Started}, {"m", Completed}}
	if got := read("db:service_healthy:true, cache,x::false,m:service_completed_successfully"); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := read(""); got != nil {
		t.Errorf("%v", got)
	}
	if _, err := Dependencies(map[string]string{dependsLabel: ":service_healthy"}); err == nil {
		t.Error("an entry without a service is taken")
	}
}

func FuzzNoPlanHasContainersThatWaitForEachOther(f *testing.F) {
	f.Add("a:service_healthy,b,c", "a,c", "b")
	f.Add("b", "c", "a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		members := []Member{member("a sc"), member("b sc"), member("c s")}
		for i, label := range []string{a, b, c} {
			members[i].Labels[dependsLabel] = label
		}
		p := Starts(members)
		if len(p.Steps) != 3 {
			t.Fatalf("%s", p)
		}
		// Whoever has no gate left starts, until nobody is left.
		for range p.Steps {
			for _, s := range slices.Clone(p.Steps) {
				if len(s.Gates) > 0 {
					continue
				}
				p.Steps = slices.DeleteFunc(p.Steps, func(o Step) bool { return o.ID == s.ID })
				for i := range p.Steps {
					p.Steps[i].Gates = slices.DeleteFunc(p.Steps[i].Gates, func(g Gate) bool { return g.ID == s.ID })
				}
			}
		}
		if len(p.Steps) > 0 {
			t.Errorf("%q %q %q: %s", a, b, c, p)
		}
	})
}
