package volume

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/fault"
)

// fakePlugin counts mounts by their IDs, as plugins do.
type fakePlugin struct {
	mu     sync.Mutex
	has    map[string]map[string]bool // IDs by volume
	silent bool
	calls  []string
}

func (p *fakePlugin) did(call string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent {
		return fault.New(fault.Unavailable, "it does not answer")
	}
	p.calls = append(p.calls, call)
	return nil
}

func (p *fakePlugin) quiet(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
}

func (p *fakePlugin) ids(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.has[name]))
}

func (p *fakePlugin) Create(name string, _ map[string]string) error {
	err := p.did("create " + name)
	if err == nil {
		p.has[name] = map[string]bool{}
	}
	return err
}

func (p *fakePlugin) Remove(name string) error {
	err := p.did("remove " + name)
	if err == nil {
		delete(p.has, name)
	}
	return err
}

func (p *fakePlugin) Get(name string) (Found, error) {
	if err := p.did("get " + name); err != nil {
		return Found{}, err
	}
	if p.has[name] == nil {
		return Found{}, errors.New("volume not found")
	}
	return Found{Name: name, Status: map[string]any{"state": "fine"}}, nil
}

func (p *fakePlugin) List() (list []Found, err error) {
	for _, name := range slices.Sorted(maps.Keys(p.has)) {
		list = append(list, Found{Name: name})
	}
	return list, p.did("list")
}

func (p *fakePlugin) Mount(name, id string) (string, error) {
	err := p.did("mount")
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.has[name][id] = true
	}
	return "/mnt/" + name, err
}

func (p *fakePlugin) Unmount(name, id string) error {
	err := p.did("unmount")
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.has[name], id)
	}
	return err
}

func (p *fakePlugin) Scope() string { return "global" }

// fakePlugins is one plugin, by the name of plug.
type fakePlugins struct{ is *fakePlugin }

func (p fakePlugins) Lookup(name string) (Driver, error) {
	if name != "plug" {
		return nil, fault.New(fault.NotFound, "error looking up volume plugin %s: plugin %q not found", name, name)
	}
	return p.is, nil
}

func (p fakePlugins) Glance(name string) (Driver, error) { return p.Lookup(name) }

func (p fakePlugins) All() (map[string]Driver, map[string]error) {
	return map[string]Driver{"plug": p.is}, map[string]error{"mute": errors.New("it does not answer")}
}

func openForeign(t *testing.T) (*Service, *fakePlugin) {
	t.Helper()
	p := &fakePlugin{has: map[string]map[string]bool{}}
	s := open(t)
	s.Use(fakePlugins{p})
	must(t, s.Sweep())
	return s, p
}

// nextForeign is the service of the next daemon, before anybody has said that it runs.
func nextForeign(t *testing.T, s *Service, p *fakePlugin) *Service {
	t.Helper()
	s.Close()
	next := again(t, s)
	next.Use(fakePlugins{p})
	return next
}

func TestAPluginsVolumeIsMadeByItAndKnownToTheNextDaemon(t *testing.T) {
	s, p := openForeign(t)
	for _, name := range []string{"data", "size=10G,name=odd/name"} {
		v, fresh, err := s.Create(Request{Name: name, Driver: "plug", Labels: map[string]string{"a": "b"}})
		if err != nil || !fresh || v.Driver != "plug" || v.Scope != "global" || v.Dir != "" {
			t.Fatal(v, fresh, err)
		}
		if _, fresh, err := s.Create(Request{Name: name}); err != nil || fresh {
			t.Error(fresh, err)
		}
	}
	if _, _, err := s.Create(Request{Name: "data", Driver: Local}); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if _, _, err := s.Create(Request{Name: "data", Driver: "nope"}); err == nil || err.Error() != `create data: error looking up volume plugin nope: plugin "nope" not found` {
		t.Error(err)
	}
	p.has["only-there"] = map[string]bool{}
	s = nextForeign(t, s, p)
	must(t, s.Sweep())
	list, warnings := Foreign{s}.Survey()
	var names []string
	for _, v := range list {
		names = append(names, v.Name+" "+v.Driver+" "+v.Labels["a"])
	}
	if !slices.Equal(names, []string{"data plug b", "only-there plug ", "size=10G,name=odd/name plug b"}) || !slices.Equal(warnings, []string{"list mute: it does not answer"}) {
		t.Error(names, warnings)
	}
	v, err := Foreign{s}.Lookup("only-there")
	if err != nil || v.Status["state"] != "fine" || v.Scope != "global" {
		t.Error(v, err)
	}
	for _, name := range []string{"data", "size=10G,name=odd/name"} {
		must(t, s.Remove(name))
	}
	if list, _ := (Foreign{s}).Survey(); len(list) != 1 || len(p.has) != 1 {
		t.Error(list, p.has)
	}
	s.Close()
	if left, _ := filepath.Glob(s.root + "/*/*"); len(left) != 0 {
		t.Error(left)
	}
}

func TestAPluginHearsOfEachContainerOnceAndOfItsEndOnce(t *testing.T) {
	s, p := openForeign(t)
	_, _, err := s.Create(Request{Name: "data", Driver: "plug"})
	must(t, err)
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	for _, user := range []string{one, one, two, "a view"} {
		if dir, err := s.Mount("data", user); err != nil || dir != "/mnt/data" {
			t.Fatal(dir, err)
		}
	}
	if ids := p.ids("data"); len(ids) != 3 || !slices.Contains(ids, one) || !slices.Contains(ids, two) {
		t.Fatal(ids)
	}
	for _, user := range []string{one, one, "a view", two, two} {
		must(t, s.Unmount("data", user))
	}
	if ids := p.ids("data"); len(ids) != 0 || strings.Count(strings.Join(p.calls, " "), "unmount") != 3 {
		t.Error(ids, p.calls)
	}
}

func TestTheNextDaemonGivesAPluginBackWhatNobodyRunsWithAndKeepsTheRest(t *testing.T) {
	s, p := openForeign(t)
	_, _, err := s.Create(Request{Name: "data", Driver: "plug"})
	must(t, err)
	runs, ended, unknown := strings.Repeat("1", 64), strings.Repeat("2", 64), strings.Repeat("3", 64)
	for _, user := range []string{runs, ended, unknown} {
		_, err := s.Mount("data", user)
		must(t, err)
	}
	s = nextForeign(t, s, p)
	p.quiet(true) // a daemon starts also while the plugin is not there
	for _, user := range []string{runs, ended} {
		if _, _, err := s.Claim(Request{Name: "data"}, user); err != nil {
			t.Fatal(err)
		}
	}
	if dir, err := s.Mount("data", runs); err != nil || dir != "/mnt/data" {
		t.Fatal(dir, err)
	}
	must(t, s.Unmount("data", ended))
	must(t, s.Sweep())
	if _, err := s.Mount("data", ended); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	p.quiet(false)
	for i := 0; len(p.ids("data")) != 1; i++ {
		if i == 600 {
			t.Fatal(p.ids("data"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if ids := p.ids("data"); ids[0] != runs {
		t.Error(ids)
	}
	must(t, s.Unmount("data", runs))
	if len(p.ids("data")) != 0 || len(s.references.keys()) != 0 {
		t.Error(p.ids("data"), s.references.keys())
	}
}

func TestAVolumeThatItsPluginDoesNotRemoveStaysUnlessItIsAbandoned(t *testing.T) {
	s, p := openForeign(t)
	_, _, err := s.Create(Request{Name: "data", Driver: "plug"})
	must(t, err)
	p.quiet(true)
	if err := s.Remove("data"); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if _, err := s.Get("data"); err != nil {
		t.Error(err)
	}
	must(t, Foreign{s}.Abandon("data"))
	if _, err := s.Get("data"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}
