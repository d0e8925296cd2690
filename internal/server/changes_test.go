package server

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/internal/container"
	"berth/internal/container/config"
)

// fakeChanges notes what it is asked for.
type fakeChanges struct{ *fake }

func (f fakeChanges) Pause(_ context.Context, ref string) error   { return f.note("pause", ref) }
func (f fakeChanges) Unpause(_ context.Context, ref string) error { return f.note("unpause", ref) }

func (f fakeChanges) Restart(_ context.Context, ref string, o container.StopOptions) error {
	words := []string{"restart", ref}
	if o.Signal != "" {
		words = append(words, o.Signal)
	}
	if o.Timeout != nil {
		words = append(words, strconv.Itoa(*o.Timeout))
	}
	return f.note(words...)
}

func (f fakeChanges) Rename(_ context.Context, ref, name string) error {
	return f.note("rename", ref, name)
}

// Prune takes the containers that the options match.
func (f fakeChanges) Prune(_ context.Context, o container.PruneOptions) (container.PruneReport, error) {
	var r container.PruneReport
	for _, c := range f.containers {
		if (o.Until.IsZero() || !c.Created.After(o.Until)) && o.Matches(c.Config.Labels) {
			r.IDs = append(r.IDs, c.ID)
			n, err := o.Size(c.ID)
			if err != nil {
				return r, err
			}
			r.Reclaimed += n
		}
	}
	return r, f.note("prune")
}

func TestAPruneTakesWhatItsFiltersMatch(t *testing.T) {
	made := time.Now().Add(-time.Hour)
	f := &fake{}
	for id, labels := range map[string]map[string]string{"plain": nil, "ab": {"a": "b"}, "ac": {"a": "c"}, "abd": {"a": "b", "d": ""}} {
		c := container.Container{ID: id, Created: made}
		c.Config.Labels = labels
		f.containers = append(f.containers, c)
	}
	for filters, want := range map[string]string{
		``: "ab abd ac plain", `{}`: "ab abd ac plain",
		`{"label":["a"]}`: "ab abd ac", `{"label":["a=b"]}`: "ab abd", `{"label":["a=b","d"]}`: "abd", `{"label":{"a=b":true}}`: "ab abd",
		`{"label!":["a"]}`: "plain", `{"label!":["a=b"]}`: "ac plain", `{"label!":["a=b","d"]}`: "ab ac plain", `{"label":["a=b"],"label!":["d"]}`: "ab",
		`{"until":["30m"]}`: "ab abd ac plain", `{"until":["2h"]}`: "", `{"until":["-1h"]}`: "ab abd ac plain", `{"until":["0"]}`: "",
		`{"until":["1000000h"]}`: "", `{"until":["` + made.Format(time.RFC3339Nano) + `"]}`: "ab abd ac plain",
		`{"until":["` + strconv.FormatInt(made.Unix()-1, 10) + `"]}`: "",
	} {
		w := ask(f, "POST", "/containers/prune?filters="+url.QueryEscape(filters), "")
		var got []string
		for _, id := range []string{"ab", "abd", "ac", "plain"} {
			if strings.Contains(w.Body.String(), `"`+id+`"`) {
				got = append(got, id)
			}
		}
		if w.Code != 200 || strings.Join(got, " ") != want {
			t.Errorf("%s: %d %s", filters, w.Code, w.Body)
		}
	}
	f.containers = nil
	if w := ask(f, "POST", "/containers/prune", ""); w.Body.String() != `{"ContainersDeleted":null,"SpaceReclaimed":0}`+"\n" {
		t.Errorf("nothing to prune: %s", w.Body)
	}
	for filters, want := range map[string]string{
		`{"foo":["x"]}`: "invalid filter 'foo'", `{"until":["x"]}`: `failed to parse value as time or duration: "x"`,
		`{"until":[""]}`: `failed to parse value as time or duration: ""`, `{"until":["1h","2h"]}`: "more than one until filter specified", `{bad`: "invalid filter",
	} {
		if w := ask(f, "POST", "/containers/prune?filters="+url.QueryEscape(filters), ""); w.Code != 400 || message(t, w) != want {
			t.Errorf("%s: %d %s", filters, w.Code, w.Body)
		}
	}
}

func TestARemovalOfALinkNamesItAndRemovesNoContainer(t *testing.T) {
	f := &fake{}
	if w := ask(f, "DELETE", "/containers/x/y?link=1", ""); w.Code != 204 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := strings.TrimSpace(f.seen()); got != "unlink x/y" {
		t.Error(got)
	}
}

func (f fakeChanges) Unlink(_ context.Context, ref string) error { return f.note("unlink", ref) }

func (f fakeChanges) Update(_ context.Context, ref string, _ config.Update) error {
	return f.note("update", ref)
}
