package cli

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSnapshotsAreTakenListedAndRolledBackTo(t *testing.T) {
	f := newFake(t)
	x := map[string]any{"ID": id, "Name": "one", "Volume": "data", "CreatedAt": time.Now().Add(-2 * time.Hour).Format(time.RFC3339Nano), "Labels": map[string]string{"a": "b"}, "Size": 1500000, "UniqueSize": 1000}
	f.on("POST /volumes/data/snapshots", answer(http.StatusCreated, x))
	f.on("GET /volumes/data/snapshots", answer(http.StatusOK, []any{x}))
	f.on("GET /snapshots", answer(http.StatusOK, []any{x}))
	f.on("POST /volumes/data/rollback", answer(http.StatusOK, x))
	f.on("POST /volumes/data/clone", answer(http.StatusCreated, map[string]any{"Name": "copy"}))
	f.on("DELETE /volumes/data/snapshots/one", noContent)
	f.run("", "volume", "snapshot", "--name", "one", "--label", "a=b", "data").want(t, 0, id+"\n", "")
	f.run("", "volume", "snapshots", "data").want(t, 0,
		"SNAPSHOT ID    NAME      VOLUME NAME   CREATED       SIZE\n0123456789ab   one       data          2 hours ago   1.5MB\n", "")
	f.run("", "volume", "snapshots", "-s").want(t, 0,
		"SNAPSHOT ID    NAME      VOLUME NAME   CREATED       SIZE      UNIQUE SIZE\n0123456789ab   one       data          2 hours ago   1.5MB     1kB\n", "")
	f.run("", "volume", "snapshots", "--format", "{{.Labels}} {{.Label \"a\"}} {{.Of}}", "data").want(t, 0, "a=b b data\n", "")
	f.run("", "volume", "rollback", "data", "one").want(t, 0, id+"\n", "")
	f.run("", "volume", "clone", "--snapshot", "one", "data", "copy").want(t, 0, "copy\n", "")
	f.run("", "volume", "snapshots", "rm", "data", "one", "two").want(t, 1, "one\n", "Error response from daemon: page not found\n")
	if help := f.run("", "container", "snapshot", "--help"); !strings.Contains(help.out, "CONTAINER") {
		t.Error(help)
	}
}
