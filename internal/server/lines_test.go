package server

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"berth/internal/container"
	"berth/internal/container/health"
)

// listed asks one server, as one client does again and again.
func listed(t *testing.T, s *Server, target string) (list []struct {
	Status string
	Names  []string
	SizeRw int64
	Health *struct{ Status string }
}) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatalf("%s: %v: %s", target, err, w.Body)
	}
	return list
}

func TestAListThatIsAskedForAgainShowsWhatHasChanged(t *testing.T) {
	f := many(3)
	s := newServer(f)
	for i, change := range []struct {
		what string
		f    func(*container.Container)
		want string
	}{
		{"nothing", func(*container.Container) {}, "/many1 Up 2 hours "},
		{"its name", func(c *container.Container) { c.Name, c.Revision = "other", c.Revision+1 }, "/other Up 2 hours "},
		{"the time", func(c *container.Container) { c.Run.Started = c.Run.Started.Add(-time.Hour) }, "/other Up 3 hours "},
		{"its health", func(c *container.Container) { c.Health = &health.State{Status: "healthy"} }, "/other Up 3 hours (healthy) healthy"},
		{"its health again", func(c *container.Container) { c.Health = &health.State{Status: "unhealthy"} }, "/other Up 3 hours (unhealthy) unhealthy"},
		{"its state", func(c *container.Container) { c.State, c.Revision = container.Paused, c.Revision+1 }, "/other Up 3 hours (Paused) unhealthy"},
	} {
		if i == 0 {
			for j := range f.containers {
				f.containers[j].Run.Started = time.Now().Add(-130 * time.Minute)
			}
		}
		change.f(&f.containers[1])
		for range 2 {
			for version, health := range map[string]bool{"/v1.44": false, "": true} {
				list := listed(t, s, version+"/containers/json")
				if len(list) != 3 || list[0].Names[0] != "/many0" || list[2].Names[0] != "/many2" {
					t.Fatalf("after a change of %s: %+v", change.what, list)
				}
				got := list[1].Names[0] + " " + list[1].Status + " "
				if (list[1].Health != nil) != health {
					t.Errorf("after a change of %s: version %q shows %+v", change.what, version, list[1].Health)
				}
				if want := change.want; health && list[1].Health.Status != "none" {
					if got += list[1].Health.Status; got != want {
						t.Errorf("after a change of %s: %q, not %q", change.what, got, want)
					}
				}
			}
		}
	}
}

func TestSizesInAListAreMeasuredEachTime(t *testing.T) {
	f, size := many(1), int64(0)
	s := New(Config{Containers: f, Images: fakeImages{f}, LayerSize: func(string) (int64, error) { size++; return size, nil }})
	for want := int64(1); want < 4; want++ {
		if got := listed(t, s, "/containers/json?size=1"); got[0].SizeRw != want {
			t.Errorf("%d, not %d", got[0].SizeRw, want)
		}
		if got := listed(t, s, "/containers/json"); got[0].SizeRw != 0 {
			t.Errorf("a list without sizes shows %d", got[0].SizeRw)
		}
	}
}
