//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// files lists what is in a daemon's data root, but for its databases' contents.
func files(t *testing.T, d *harness.Daemon) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(d.DataRoot(), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			all = append(all, path)
		}
		return nil // something goes while we look: the next look is without it
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// baseline is files once the embedded image is unpacked, which the daemon does
// beside its first answers.
func baseline(t *testing.T, d *harness.Daemon) []string {
	t.Helper()
	d.Client(t, "docker").Must("run", "--rm", "berth/hello", "true")
	return files(t, d)
}

// unchanged waits until the data root is as it was.
func unchanged(t *testing.T, d *harness.Daemon, before []string, what string) {
	t.Helper()
	harness.Eventually(t, what+" leaves something behind", func() error {
		var more []string
		for _, path := range files(t, d) {
			if !slices.Contains(before, path) {
				more = append(more, path)
			}
		}
		if len(more) > 0 {
			return fmt.Errorf("%v", more)
		}
		return nil
	})
}

func TestABadRunSaysWhatDockerSaysAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "--rm", busybox, "true") // makes what stays, like the trash
		taken := c.Must("create", "--name", "taken-"+c.Name, busybox)
		before := baseline(t, d)
		for _, at := range []struct {
			code int
			says string
			args []string
		}{
			{125, "Unable to find image 'no/such:image' locally", []string{"no/such:image"}},
			{125, "invalid reference format", []string{"Not:A:Reference"}},
			{125, "repository name (library/UPPER) must be lowercase", []string{"UPPER"}},
			{125, `Conflict. The container name "/taken-` + c.Name + `" is already in use by container "` + taken + `". You have to remove (or rename) that container to be able to reuse that name.`, []string{"--name", "taken-" + c.Name, busybox}},
			{125, "Invalid container name (-x)", []string{"--name=-x", busybox}},
			{125, "unable to find user nobody9: no matching entries in passwd file", []string{"-u", "nobody9", busybox, "true"}},
			{125, "unable to find group nobody9: no matching entries in group file", []string{"-u", "0:nobody9", busybox, "true"}},
			{127, `exec: "no-such-program": executable file not found in $PATH`, []string{busybox, "no-such-program"}},
			{127, "no such file or directory", []string{busybox, "/no/such/program"}},
			{126, "permission denied", []string{busybox, "/etc/passwd"}},
			{125, "the working directory 'relative' is invalid, it needs to be an absolute path", []string{"-w", "relative", busybox, "true"}},
			{125, "Minimum memory limit allowed is 6MB", []string{"-m", "1m", busybox, "true"}},
			{125, "unknown capability", []string{"--cap-add", "FLYING", busybox, "true"}},
			{125, "Duplicate mount point: /data", []string{"-v", "/tmp:/data", "-v", "/var:/data", busybox, "true"}},
			{125, "invalid mount", []string{"-v", "/tmp:relative", busybox, "true"}},
			{125, "No such container: nowhere", []string{"--network", "container:nowhere", busybox, "true"}},
			{125, "network nowhere not found", []string{"--network", "nowhere", busybox, "true"}},
			{125, "invalid", []string{"-p", "99999:80", busybox, "true"}},
		} {
			args := append([]string{"run", "--rm"}, at.args...)
			c.Fails(at.code, at.says, args...)
			unchanged(t, d, before, c.Name+" "+strings.Join(args, " "))
		}
		c.Prints(taken, "ps", "-aq", "--no-trunc")
		c.Must("rm", taken)
	})
}

func TestABadRequestIsRefusedWithOneSentence(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	before := baseline(t, d)
	for _, at := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/containers/create", "", 400, "invalid JSON: got EOF while reading request body"},
		{"/containers/create", "{", 400, "invalid JSON: unexpected EOF"},
		{"/containers/create", "nonsense", 400, "invalid JSON"},
		{"/containers/create", `{"Image":"berth/hello"} trailing`, 400, "unexpected content after JSON"},
		{"/containers/create", `{"Image":5}`, 400, "cannot unmarshal number"},
		{"/containers/create", `{"Image":"berth/hello","Cmd":{"a":"b"}}`, 400, "cannot unmarshal object"},
		{"/containers/create", `{"Image":"berth/hello","HostConfig":{"Memory":"1g"}}`, 400, "cannot unmarshal string"},
		{"/containers/create", `{"Image":"berth/hello","HostConfig":[]}`, 400, "cannot unmarshal array"},
		{"/containers/create", `{}`, 400, "config cannot be empty in order to create a container"},
		{"/containers/create", `{"Image":"no-such-image"}`, 404, "No such image: no-such-image:latest"},
		{"/containers/no-such/start", "", 404, "No such container: no-such"},
		{"/v1.1/containers/create", `{"Image":"berth/hello"}`, 400, "client version 1.1 is too old"},
		{"/v9.99/containers/create", `{"Image":"berth/hello"}`, 400, "client version 9.99 is too new"},
		{"/no/such/page", "{}", 404, "page not found"},
		{"/swarm/init", "{}", 501, ""},
	} {
		resp, err := d.HTTP().Post("http://berth"+at.path, "application/json", strings.NewReader(at.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		var answer struct{ Message string }
		if err != nil || json.Unmarshal(b, &answer) != nil || resp.StatusCode != at.status || !strings.Contains(answer.Message, at.says) || answer.Message == "" || strings.Contains(strings.TrimSpace(answer.Message), "\n") {
			t.Errorf("POST %s %s: %d %s, want %d %s", at.path, at.body, resp.StatusCode, b, at.status, at.says)
		}
	}
	unchanged(t, d, before, "a bad request")
	if resp, err := d.HTTP().Get("http://berth/v1.47/containers/json?all=1"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the daemon does not answer any more: %v", err)
	} else if b, err := io.ReadAll(resp.Body); err != nil || string(bytes.TrimSpace(b)) != "[]" {
		t.Errorf("there are containers: %s (%v)", b, err)
	}
}

func TestABadArchiveIsRefusedAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	root := harness.BusyboxTar(t)
	good := harness.DockerArchive(t, "good:1", root, "true")
	with := func(files ...harness.File) []byte { return harness.DockerArchive(t, "bad:1", harness.Tar(t, files...)) }
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		before := baseline(t, d)
		for what, archive := range map[string][]byte{
			"nothing":               nil,
			"noise":                 bytes.Repeat([]byte("noise "), 10_000),
			"a truncated one":       good[:len(good)/2],
			"a path upwards":        with(harness.File{Name: "../../escape", Body: []byte("x")}),
			"a path upwards deeper": with(harness.File{Name: "a/../../../escape", Body: []byte("x")}),
			"a hard link upwards":   with(harness.File{Name: "escape", Link: "../../../etc/passwd", Kind: '1'}),
		} {
			r := c.In(bytes.NewReader(archive)).Run("load")
			if r.Code == 0 || strings.TrimSpace(r.Stderr) == "" {
				t.Errorf("loading %s: %+v", what, r)
			}
			unchanged(t, d, before, "loading "+what)
		}
		for what, tar := range map[string][]byte{
			"noise":           bytes.Repeat([]byte("noise "), 10_000),
			"a truncated one": root[:len(root)/2],
			"a path upwards":  harness.Tar(t, harness.File{Name: "../../escape", Body: []byte("x")}),
		} {
			r := c.In(bytes.NewReader(tar)).Run("import", "-", "bad:1")
			if r.Code == 0 || strings.TrimSpace(r.Stderr) == "" {
				t.Errorf("importing %s: %+v", what, r)
			}
			unchanged(t, d, before, "importing "+what)
		}
		c.Prints("", "images", "-q", "bad")
		c.In(bytes.NewReader(good)).Prints("Loaded image: good:1", "load")
		c.Must("rmi", "good:1")
	})
}

// TestLinksOfAnImageDoNotLeadOut imports links that point to the host, and
// looks whether anything that follows them reaches it.
func TestLinksOfAnImageDoNotLeadOut(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	host := t.TempDir()
	layer := harness.Tar(t,
		harness.File{Name: "door", Link: host}, harness.File{Name: "door/through", Body: []byte("x"), Mode: 0o644},
		harness.File{Name: "up", Link: "../../../../../../../.." + host}, harness.File{Name: "up/through", Body: []byte("x"), Mode: 0o644},
		harness.File{Name: "/absolute", Body: []byte("x"), Mode: 0o644},
	)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.In(bytes.NewReader(layer)).Must("import", "-", "links:1")
		if inside := names(t, host); len(inside) != 0 {
			t.Errorf("the import has written %v on the host", inside)
		}
		c.Must("rmi", "links:1")
	})
	// Paths of an image at which the engine itself makes or reads something.
	root := harness.Tar(t,
		harness.File{Name: "etc", Link: host}, harness.File{Name: "dev", Link: host}, harness.File{Name: "proc", Link: host},
		harness.File{Name: "sys", Link: "/.." + host}, harness.File{Name: "work", Link: "../../../../.." + host}, harness.File{Name: "data", Link: host},
		harness.File{Name: "bin/"}, harness.File{Name: "bin/busybox", Body: busyboxProgram(t)}, harness.File{Name: "bin/sh", Link: "busybox"},
	)
	d.Import("leading-out", bytes.NewReader(root))
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		// It may run, inside itself, or be refused.
		c.Run("run", "--rm", "-w", "/work/dir", "-v", "/tmp:/data/mounted", "-v", "volume:/data/volume", "leading-out", "sh", "-c", "echo x > /etc/here; echo x > /data/here")
		if inside := names(t, host); len(inside) != 0 {
			t.Errorf("the host has got %v", inside)
		}
	})
}

func busyboxProgram(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(harness.Tool(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
