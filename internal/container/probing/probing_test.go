package probing

import (
	"os"
	"testing"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/event"
)

func TestWhatIsKnownOfAContainersHealthIsThereForTheNextDaemon(t *testing.T) {
	deps := provision.Deps{Paths: provision.Paths{Data: t.TempDir()}, Warn: t.Errorf}
	s := New(nil, deps, notice.NewTeller(func(event.Message) {}, t.Errorf))
	checked := record.Container{ID: "checked", Config: config.Config{Healthcheck: &health.Check{Test: []string{"CMD", "true"}}}}
	if err := os.Mkdir(deps.Paths.Dir(checked.ID), 0o700); err != nil {
		t.Fatal(err)
	}
	var h, next, unchecked Health
	h.Begin(checked)
	if got := h.State(); got == nil || got.Status != health.Starting {
		t.Fatalf("a run begins with %+v", got)
	}
	s.Halt(&h, checked.ID)
	s.Recall(&next, checked)
	if got := next.State(); got == nil || got.Status != h.State().Status || got.Status != health.Unhealthy {
		t.Errorf("nobody probes it: %+v, kept as %+v", h.State(), got)
	}
	unchecked.Begin(record.Container{ID: "unchecked"})
	s.Halt(&unchecked, "unchecked")
	s.Recall(&unchecked, record.Container{ID: "unchecked"})
	if unchecked.State() != nil || unchecked.Probed() {
		t.Error("one without a check has a health")
	}
}
