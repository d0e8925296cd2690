package provision

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/container/config"
	"berth/internal/fault"
)

func TestABindSourceIsMadeOnlyWhenAskedTo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "a/b")
	err := bindSource(config.Mount{Type: "bind", Source: missing})
	if !fault.Is(err, fault.Invalid) || err.Error() != `invalid mount config for type "bind": bind source path does not exist: `+missing {
		t.Error(err)
	}
	if err := bindSource(config.Mount{Type: "bind", Source: missing, Create: true}); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(missing); err != nil || !st.IsDir() {
		t.Error(err)
	}
}

func TestUndoGivesBackTheLastFirstAndNothingTwice(t *testing.T) {
	var got string
	var u Undo
	for _, s := range []string{"a", "b", "c"} {
		u.Add(func() { got += s })
	}
	u.Run()
	u.Run()
	if got != "cba" {
		t.Error(got)
	}
	u.Add(func() { got = "ran" })
	u.Clear()
	u.Run()
	if got != "cba" {
		t.Error(got)
	}
}
