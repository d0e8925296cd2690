//go:build linux

package alike

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestMountsAreAlikeOnBothDaemons makes containers with the same mounts at docker.io and at berthd, and compares what is
// refused and how, what inspect shows of the mounts byte for byte, and what starting says. The containers print what they see.
func TestMountsAreAlikeOnBothDaemons(t *testing.T) {
	t.Parallel()
	stock, ours := harness.StartStock(t), harness.Start(t)
	stock.Busybox(t)
	ours.Busybox()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	daemons := [2]mountTry{{stock.HTTP(), dir}, {ours.HTTP(), dir}}
	for _, d := range daemons {
		d.ask(t, http.MethodPost, "/containers/create?name=donor", `{"Image":"busybox","Volumes":{"/b/c":{}},"HostConfig":{"Binds":["`+dir+`:/b:ro","donated:/b2"],"Tmpfs":{"/tmpfs":""}}}`)
	}
	bodies := mountBodies()
	for _, body := range slices.Sorted(maps.Keys(bodies)) {
		var told [2]string
		for i, d := range daemons {
			told[i] = d.tell(t, body, bodies[body])
			for _, made := range []string{"made", "made2"} { // what the daemon has made in the directory
				if err := os.RemoveAll(filepath.Join(dir, made)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if told[0] != told[1] {
			_, short, _ := strings.Cut(body, "true\"],")
			t.Errorf("%s\n%s", short, lineDiff(told[1], told[0]))
		}
	}
}

// mountTry is one daemon, and the directory that DIR stands for.
type mountTry struct {
	http *http.Client
	dir  string
}

// tell makes, looks at, runs and removes a container, and tells how it went.
func (d mountTry) tell(t *testing.T, body string, run bool) string {
	t.Helper()
	answer := d.ask(t, http.MethodPost, "/containers/create", strings.ReplaceAll(body, "DIR", d.dir))
	out := "create: " + answer + "\n"
	var made struct{ ID string }
	if json.Unmarshal([]byte(answer[4:]), &made) != nil || made.ID == "" {
		return d.masked(out)
	}
	var shown struct {
		HostConfig struct{ Binds, Mounts, Tmpfs, VolumesFrom json.RawMessage }
		Mounts     []json.RawMessage
		Config     struct{ Volumes json.RawMessage }
	}
	text := d.ask(t, http.MethodGet, "/containers/"+made.ID+"/json", "")
	if err := json.Unmarshal([]byte(text[4:]), &shown); err != nil {
		t.Fatal(err)
	}
	out = fmt.Sprintf("create: %s\nbinds: %s\nmounts: %s\ntmpfs: %s\nvolumes: %s\n", answer[:4], shown.HostConfig.Binds, shown.HostConfig.Mounts, shown.HostConfig.Tmpfs, shown.Config.Volumes)
	var points []string
	for _, p := range shown.Mounts { // Docker has them in the order of a map
		points = append(points, "mounted: "+string(p)+"\n")
	}
	out += sortedText(points)
	if !run {
		d.ask(t, http.MethodDelete, "/containers/"+made.ID+"?v=1&force=1", "")
		return d.masked(out)
	}
	out += "start: " + d.ask(t, http.MethodPost, "/containers/"+made.ID+"/start", "") + "\n"
	d.ask(t, http.MethodPost, "/containers/"+made.ID+"/wait", "")
	out += "log: " + d.ask(t, http.MethodGet, "/containers/"+made.ID+"/logs?stdout=1", "")
	d.ask(t, http.MethodDelete, "/containers/"+made.ID+"?v=1&force=1", "")
	return d.masked(out)
}

func (d mountTry) masked(text string) string {
	text = strings.ReplaceAll(text, d.dir, "DIR")
	text = regexp.MustCompile(`(?m)^create: (400|500) `).ReplaceAllString(text, "create: refused ") // docker.io is from before Docker told them apart
	text = regexp.MustCompile(`(?m)^start: [45]\d\d .*$`).ReplaceAllString(text, "start: refused")  // the words are runc's
	text = regexp.MustCompile(`\b[0-9a-f]{64}\b`).ReplaceAllString(text, "*")
	return regexp.MustCompile(`/tmp/berth-t-[^"]*/volumes/`).ReplaceAllString(text, "*/")
}

// ask gives the status and the body of an answer. The version is docker.io's.
func (d mountTry) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, "http://d/v1.41"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	resp, err := d.http.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(text)))
}

// look is what the containers print of what they see.
const look = `"Image":"busybox","Tty":true,"Cmd":["sh","-c","for d in /b /b2 /b/c; do test -e $d && grep \" $d \" /proc/self/mountinfo | cut -d' ' -f5,6 && ls -ld $d | cut -c1-10; done; cat /b/file 2>/dev/null; touch /b/new 2>/dev/null && echo writable && rm /b/new; true"]`

// mountBodies are bodies of creates; run tells whether they are started, too.
func mountBodies() map[string]bool {
	out := map[string]bool{}
	for host, run := range mountHosts() {
		out[`{`+look+`,"HostConfig":{"NetworkMode":"none",`+host+`}}`] = run
	}
	for _, config := range []string{
		`"Volumes":{"/b":{}}`, `"Volumes":{"/b/":{}}`, `"Volumes":{"/etc":{}}`, `"Volumes":{"/b":{}},"HostConfig":{"Binds":["DIR:/b"]}`, `"Volumes":{"/b":{}},"HostConfig":{"Tmpfs":{"/b":""}}`,
		`"Volumes":{"/b":{}},"HostConfig":{"Mounts":[{"Type":"bind","Source":"DIR","Target":"/b"}]}`, `"Volumes":{"DIR:/b":{}}`,
	} {
		out[`{`+look+`,`+config+`}`] = false
	}
	return out
}

// mountHosts are parts of a HostConfig. What newer versions of Docker refuse, and docker.io does not, is not among them.
func mountHosts() map[string]bool {
	out := map[string]bool{}
	for _, binds := range []string{
		`"DIR:/b:z"`, `"DIR:/b:Z,ro"`, `"DIR:/b:ro,cached"`, `"DIR:/b:consistent"`, `"DIR:/b:delegated,rprivate"`, `"DIR:/b:private"`, `"DIR:/b:default"`, `"DIR:/b:nocopy"`, `"DIR:/b:copy"`, `"DIR:/b:ro,rw"`, `"DIR:/b:ro,ro"`,
		`"DIR:/b:z,Z"`, `"DIR:/b:shared,slave"`, `"DIR:/b:"`, `"DIR:/b:RO"`, `"DIR:/b:ro,"`, `"DIR:/b:x"`, `"DIR:b"`, `"DIR:/"`, `"DIR:/b/.."`, `"DIR"`, `""`, `":"`, `":/b"`, `"DIR:"`, `"DIR:/b:ro:x"`, `"a/b:/b"`, `"./a:/b"`, `"x:/b"`,
		`"-x:/b"`, `"/b"`, `"/b:ro"`, `"first:/b:nocopy"`, `"first:/b:ro,z"`, `"first:/b:copy"`, `"first:/b:rprivate"`, `"first:ro"`, `"DIR:/b","DIR:/b"`, `"DIR:/b","DIR:/b/"`, `"DIR//:/b/"`, `"DIR/../x/../.:/b"`, `"DIR:/b/../b2"`,
	} {
		out[`"Binds":[`+binds+`]`] = false
	}
	for _, binds := range []string{
		`"DIR:/b"`, `"DIR:/b:ro"`, `"DIR/file:/b"`, `"DIR/made/deep:/b:ro"`, `"DIR:/b","second:/b2","DIR/file:/b/c"`, `"DIR:/b/c","third:/b"`, `"fourth:/etc:ro"`, `"DIR:/proc"`, `"DIR:/proc/x"`, `"DIR:/sys"`, `"DIR:/b:rshared"`, `"DIR:/b:rslave"`,
		`"DIR:/etc/passwd"`, `"DIR:/etc/passwd/x"`, `"DIR/file:/etc"`, `"DIR/file:/etc/hosts:ro"`, `"DIR/file/x:/b"`,
	} {
		out[`"Binds":[`+binds+`]`] = true
	}
	for _, mounts := range []string{
		`{"Type":"bind","Source":"DIR/file","Target":"/b"}`, `{"Type":"bind","Source":"DIR/missing","Target":"/b"}`, `{"Type":"bind","Source":"DIR","Target":"/b","BindOptions":{"Propagation":"private"}}`, `{"Type":"bind","Source":"DIR","Target":"/b","BindOptions":{}}`,
		`{"Type":"bind","Source":"DIR","Target":"/b","BindOptions":{"NonRecursive":true}}`, `{"Type":"bind","Source":"DIR","Target":"/b","BindOptions":{"Propagation":"x"}}`, `{"Type":"bind","Source":"DIR","Target":"/b","Consistency":"cached"}`,
		`{"Type":"bind","Source":"DIR","Target":"/b","Consistency":"default"}`, `{"Type":"bind","Source":"DIR","Target":"b"}`, `{"Type":"bind","Source":"DIR","Target":"/"}`, `{"Type":"bind","Source":"DIR"}`, `{"Type":"bind","Target":"/b"}`,
		`{"Type":"bind","Source":"x","Target":"/b"}`, `{"Type":"bind","Source":"DIR/","Target":"/b/"}`, `{"Type":"bind","Source":"DIR","Target":"/b","VolumeOptions":{}}`, `{"Type":"bind","Source":"DIR","Target":"/b"},{"Type":"bind","Source":"DIR","Target":"/b"}`,
		`{"Type":"volume","Target":"/b"}`, `{"Type":"volume","Source":"fifth","Target":"/b","ReadOnly":true,"VolumeOptions":{"NoCopy":true,"Labels":{"a":"b"}}}`, `{"Type":"volume","Source":"sixth","Target":"/b","VolumeOptions":{"DriverConfig":{"Name":"local"}}}`,
		`{"Type":"volume","Target":"/b","ReadOnly":true}`, `{"Type":"volume","Source":"a/b","Target":"/b"}`, `{"Type":"volume","Source":"/b","Target":"/b"}`, `{"Type":"volume","Source":"seventh","Target":"/b","BindOptions":{"Propagation":"private"}}`,
		`{"Type":"volume","Target":"/b","VolumeOptions":{"Labels":{"x":"y"}}}`, `{"Type":"volume","Source":"eighth","Target":"/etc"}`, `{"Type":"tmpfs","Target":"/b"}`, `{"Type":"tmpfs","Source":"x","Target":"/b"}`,
		`{"Type":"tmpfs","Target":"/b","ReadOnly":true}`, `{"Type":"nonsense","Source":"DIR","Target":"/b"}`, `{"Source":"DIR","Target":"/b"}`, `{}`, ``,
	} {
		out[`"Mounts":[`+mounts+`]`] = false
	}
	for host, run := range map[string]bool{
		`"Mounts":[{"Type":"bind","Source":"DIR","Target":"/b","ReadOnly":true}]`:           true,
		`"Binds":["DIR:/b"],"Mounts":[{"Type":"bind","Source":"DIR","Target":"/b"}]`:        false,
		`"Binds":["DIR:/b"],"Mounts":[{"Type":"bind","Source":"DIR/file","Target":"/b/c"}]`: true,
		`"Binds":["DIR:/b"],"Tmpfs":{"/b":""}`:                                              false,
		`"Tmpfs":{"/b":"","/b2":"size=64k"},"Binds":["DIR:/b/c:ro"]`:                        true,
		`"Tmpfs":{"b":""}`: false,
		`"Tmpfs":{"/":""}`: false,
		`"ReadonlyRootfs":true,"Binds":["DIR:/b","ninth:/b2"]`:            true,
		`"ReadonlyRootfs":true,"Mounts":[{"Type":"tmpfs","Target":"/b"}]`: true,
		`"VolumesFrom":["nobody"]`:                                        false,
		`"VolumesFrom":[""]`:                                              false,
		`"VolumesFrom":["donor"]`:                                         true,
		`"VolumesFrom":["donor:ro"]`:                                      true,
		`"VolumesFrom":["donor:z,cached"]`:                                false,
		`"VolumesFrom":["donor:"]`:                                        false,
		`"VolumesFrom":["donor:ro,rw"]`:                                   false,
		`"VolumesFrom":["donor:rslave"]`:                                  false,
		`"VolumesFrom":["donor:nocopy"]`:                                  false,
		`"VolumesFrom":["donor"],"Binds":["DIR:/b2"]`:                     false,
	} {
		out[host] = run
	}
	return out
}

func sortedText(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "")
}
