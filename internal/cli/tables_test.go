package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/cli/format"

	"github.com/moby/moby/api/types/events"
)

// disk is what takes place, in the form of before API 1.52.
func disk() map[string]any {
	hour := time.Now().Add(-3 * time.Hour)
	return map[string]any{
		"LayersSize": 3000,
		"Images": []map[string]any{
			{"Id": "sha256:" + id, "RepoTags": []string{"busybox:1"}, "Created": hour.Unix(), "Size": 2000, "SharedSize": 500, "Containers": 1},
			{"Id": "sha256:f" + id[1:], "Created": hour.Unix(), "Size": 1000, "SharedSize": 0, "Containers": 0},
		},
		"Containers": []map[string]any{
			{"Id": id, "Names": []string{"/web"}, "Image": "busybox:1", "Command": "sh", "Created": hour.Unix(), "State": "running", "Status": "Up 3 hours", "SizeRw": 70, "SizeRootFs": 9000},
			{"Id": "f" + id[1:], "Names": []string{"/x"}, "Image": "busybox:1", "Command": "sh", "Created": hour.Unix(), "State": "exited", "Status": "Exited (0)", "SizeRw": 30},
		},
		"Volumes": []map[string]any{
			{"Name": "used", "Driver": "local", "UsageData": map[string]int{"Size": 10, "RefCount": 1}},
			{"Name": "free", "Driver": "local", "UsageData": map[string]int{"Size": 90, "RefCount": 0}},
		},
		"BuildCache": []map[string]any{
			{"ID": "abcdefghijklmnop", "Type": "regular", "Size": 5, "InUse": true, "CreatedAt": hour, "LastUsedAt": hour, "UsageCount": 2},
			{"ID": "never", "Type": "source.local", "Size": 6, "Shared": true, "CreatedAt": hour},
		},
	}
}

func TestDiskUsageIsAddedUpAsDockersClientDoes(t *testing.T) {
	f := newFake(t)
	f.on("GET /system/df", answer(http.StatusOK, disk()))
	f.run("", "system", "df").want(t, 0, ""+
		"TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"+
		"Images          2         1         3kB       1.5kB (50%)\n"+
		"Containers      2         1         100B      30B (30%)\n"+
		"Local Volumes   2         1         100B      90B (90%)\n"+
		"Build Cache     2         1         5B        0B\n", "")
	f.run("", "system", "df", "-v").want(t, 0, ""+
		"Images space usage:\n\n"+
		"REPOSITORY   TAG       IMAGE ID       CREATED       SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n"+
		"busybox      1         0123456789ab   3 hours ago   2kB       500B          1.5kB         1\n"+
		"<none>       <none>    f123456789ab   3 hours ago   1kB       0B            1kB           0\n"+
		"\nContainers space usage:\n\n"+
		"CONTAINER ID   IMAGE       COMMAND   LOCAL VOLUMES   SIZE      CREATED       STATUS       NAMES\n"+
		"0123456789ab   busybox:1   \"sh\"      0               70B       3 hours ago   Up 3 hours   web\n"+
		"f123456789ab   busybox:1   \"sh\"      0               30B       3 hours ago   Exited (0)   x\n"+
		"\nLocal Volumes space usage:\n\n"+
		"VOLUME NAME   LINKS     SIZE\nused          1         10B\nfree          0         90B\n"+
		"\nBuild cache usage: 5B\n\n"+
		"CACHE ID        CACHE TYPE     SIZE      CREATED       LAST USED     USAGE     SHARED\n"+
		"never           source.local   6B        3 hours ago                 0         true\n"+
		"abcdefghijkl*   regular        5B        3 hours ago   3 hours ago   2         false\n", "")
	// A newer daemon adds up itself.
	f.on("GET /system/df", answer(http.StatusOK, map[string]any{"ContainerUsage": map[string]int{"TotalCount": 7, "ActiveCount": 2, "TotalSize": 10, "Reclaimable": 5}}))
	f.run("", "system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Reclaimable}}").want(t, 0,
		"Images 0 0 0B\nContainers 7 2 5B (50%)\nLocal Volumes 0 0 0B\nBuild Cache 0 0 0B\n", "")
}

func TestDiskUsageLooksLikeTheStockClients(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong).on("GET /system/df", answer(http.StatusOK, disk()))
	for _, args := range []string{
		"system df", "system df -v", "system df --format json", "system df --format raw", "system df -v --format raw", "system df -v --format json", "system df --format {{.Size}}",
		"system df -v --format {{range(.Volumes)}}{{.Name}}{{end}}", "system df --format table", "system df --format {{",
	} {
		f.same("", strings.Fields(args)...)
	}
	f.same("", "system", "df", "-v", "--format", "{{range .BuildCache}}{{.ID}} {{.Parent}} {{.Description}} {{.InUse}};{{end}}{{range .Volumes}}{{.Links}} {{.Group}} {{.Status}};{{end}}")
}

func TestEventsAreLinesWithTheirAttributesByName(t *testing.T) {
	f := newFake(t)
	f.on("GET /events", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "\x1e") // of a JSON text sequence
		_ = json.NewEncoder(w).Encode(events.Message{
			Type: "container", Action: "die", Actor: events.Actor{ID: id, Attributes: map[string]string{"name": "web", "exitCode": "3"}}, TimeNano: 1_000_000_000_000_000_001,
		})
		_ = json.NewEncoder(w).Encode(events.Message{Type: "container", Action: "prune"})
	})
	at := time.Unix(0, 1_000_000_000_000_000_001).Format("2006-01-02T15:04:05.000000000Z07:00")
	f.run("", "events", "--since", "5", "-f", "type=container").want(t, 0, at+" container die "+id+" (exitCode=3, name=web)\ncontainer prune \n", "")
	if q := f.lastQuery(); q != "filters=%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D&since=5" {
		t.Errorf("asked %s", q)
	}
	f.run("", "events", "--format", "{{.Action}}:{{.Actor.Attributes.name}}").want(t, 0, "die:web\nprune:<no value>\n", "")
}

func TestPruneAsksForWhatTheConfigurationAndTheFlagsSay(t *testing.T) {
	f := newFake(t)
	f.config = t.TempDir()
	err := os.WriteFile(filepath.Join(f.config, "config.json"), []byte(`{"pruneFilters":["label=a","label!=keep","until=1h","nonsense"]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.on("POST /containers/prune", answer(http.StatusOK, map[string]any{"ContainersDeleted": []string{id}, "SpaceReclaimed": 2500}))
	f.run("y\n", "container", "prune", "--filter", "label=keep").want(t, 0,
		"WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] Deleted Containers:\n"+id+"\n\nTotal reclaimed space: 2.5kB\n", "")
	if q := f.lastQuery(); q != "filters=%7B%22label%22%3A%7B%22a%22%3Atrue%2C%22keep%22%3Atrue%7D%2C%22until%22%3A%7B%221h%22%3Atrue%7D%7D" {
		t.Errorf("asked %s", q)
	}
	f.run("", "system", "prune").want(t, 0, "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"+
		"  - all dangling images\n  - unused build cache\n\n  Items to be pruned will be filtered with:\n  - label!=keep\n  - label=a\n  - until=1h\n\n"+
		"Are you sure you want to continue? [y/N] ", "")
	// Kinds that a daemon does not have are told and do not stop the others.
	f.on("POST /networks/prune", refusal(http.StatusNotImplemented, "no networks")).on("POST /build/prune", refusal(http.StatusNotImplemented, "no builder"))
	f.on("POST /images/prune", answer(http.StatusOK, map[string]any{"ImagesDeleted": []map[string]string{{"Untagged": "a:b"}, {"Deleted": "sha256:1"}}, "SpaceReclaimed": 500}))
	f.run("", "system", "prune", "-f").want(t, 0, "Deleted Containers:\n"+id+"\n\nDeleted Images:\nuntagged: a:b\ndeleted: sha256:1\n\nTotal reclaimed space: 3kB\n",
		"Error response from daemon: no networks\nError response from daemon: no builder\n")
}

func TestNumbersInTextsAreOrderedAsNumbers(t *testing.T) {
	inOrder := []string{"", "9/tcp", "80/tcp", "080/tcp", "443/tcp", "443/udp", "a", "a1", "a2b", "a10", "b"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			got := format.NaturalCompare(a, b)
			if got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
}

func TestDialStdioIsAConnectionToTheDaemon(t *testing.T) {
	f := newFake(t)
	f.on("GET /_ping", pong)
	r := f.run("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "system", "dial-stdio")
	if r.code != 0 || !strings.HasPrefix(r.out, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(r.out, "\r\n\r\nOK") {
		t.Errorf("%+v", r)
	}
}
