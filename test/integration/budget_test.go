//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/image"
	"berth/test/harness"
)

// ages makes images look unused for some hours: nothing else knows when they were used.
func ages(t *testing.T, d *harness.Daemon, hours map[string]int) {
	t.Helper()
	for name, n := range hours {
		id := d.Docker("image", "inspect", "-f", "{{.Id}}", name)
		at := time.Now().Add(-time.Duration(n) * time.Hour)
		if err := os.Chtimes(filepath.Join(d.DataRoot(), "images/used", strings.ReplaceAll(strings.TrimSpace(id.Stdout), ":", "-")), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADiskBudgetEvictsWhatWasUnusedForLongestAndNothingElse(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--disk-budget", "11500kB"))
	c := d.Client(t, "docker")
	for _, name := range []string{"oldest", "old", "used", "protected", "young"} {
		c.In(bytes.NewReader(harness.Tar(t, harness.File{Name: name, Body: bytes.Repeat([]byte(name), 1<<20/len(name))}))).Must("import", "-", name)
	}
	c.Must("create", "--name", "user", "used", "/x")
	if a := d.Ask(t, "POST", "/images/protected/protect", ""); a.Status != 204 {
		t.Fatalf("protect: %+v", a)
	}
	ages(t, d, map[string]int{"oldest": 50, "old": 40, "used": 60, "protected": 70})
	d.Restart() // which looks at once
	names := func() string {
		return strings.Join(strings.Fields(c.Must("images", "--format", "{{.Repository}}")), " ")
	}
	harness.Eventually(t, "the oldest image to go", func() error {
		if got := names(); strings.Contains(got, "oldest") {
			return errors.New(got)
		}
		return nil
	})
	for _, name := range []string{"old", "used", "protected", "young", "berth/hello"} { // five images of two MiB are too many, four are not
		if got := names(); !strings.Contains(" "+got+" ", " "+name+" ") {
			t.Errorf("%s is not among %s", name, got)
		}
	}
	events := c.Must("events", "--since", "1", "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "type=image", "--filter", "event=evict", "--format", "{{.Actor.Attributes.name}}")
	if !strings.Contains(events, "oldest:latest") || strings.Contains(events, "young") || strings.Contains(events, "used") {
		t.Errorf("events: %q", events)
	}
	if image.Grace < time.Minute {
		t.Errorf("an image that has just come is evicted after %s", image.Grace)
	}
}
