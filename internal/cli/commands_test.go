package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/cli/session"
	"berth/internal/cli/system"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

func containers() []container.Summary {
	return []container.Summary{{
		ID: id, Names: []string{"/other/link", "/web"}, Image: "docker.io/library/nginx:1", ImageID: "sha256:" + id,
		Command: "/docker-entrypoint.sh nginx -g", Created: time.Now().Add(-3 * time.Hour).Unix(), State: "running", Status: "Up 3 hours",
		Ports: []container.PortSummary{
			{PrivatePort: 81, PublicPort: 81, Type: "tcp", IP: netip.MustParseAddr("0.0.0.0")},
			{PrivatePort: 80, PublicPort: 80, Type: "tcp", IP: netip.MustParseAddr("0.0.0.0")},
			{PrivatePort: 443, PublicPort: 8443, Type: "tcp", IP: netip.MustParseAddr("::")},
			{PrivatePort: 9000, Type: "udp"},
		},
		Labels: map[string]string{"b": "2", "a": "1"}, SizeRw: 1234567, SizeRootFs: 7654321,
	}, {
		ID: "f" + id[1:], Names: []string{"/x"}, Image: "sha256:" + id, ImageID: "sha256:" + id, Command: "sh",
		Created: time.Now().Add(-49 * time.Hour).Unix(), Status: "Exited (0) 2 days ago", State: "exited",
	}}
}

func TestPsPrintsDockersTable(t *testing.T) {
	f := newFake(t)
	f.on("GET /containers/json", answer(http.StatusOK, containers()))
	f.run("", "ps", "-a").want(t, 0, ""+
		"CONTAINER ID   IMAGE          COMMAND                  CREATED       STATUS                  PORTS                                                    NAMES\n"+
		"0123456789ab   nginx:1        \"/docker-entrypoint.…\"   3 hours ago   Up 3 hours              0.0.0.0:80-81->80-81/tcp, 9000/udp, [::]:8443->443/tcp   web\n"+
		"f123456789ab   0123456789ab   \"sh\"                     2 days ago    Exited (0) 2 days ago                                                            x\n", "")
	f.run("", "ps", "-q", "--no-trunc").want(t, 0, id+"\nf"+id[1:]+"\n", "")
	f.run("", "ps", "--format", `table {{.Names}}\t{{.Label "a"}}\t{{.Size}}`).want(t, 0,
		"NAMES     a         SIZE\nweb       1         1.23MB (virtual 7.65MB)\nx                   0B\n", "")
}

func TestPsAsksForSizesOnlyWhenTheyAreShown(t *testing.T) {
	f := newFake(t)
	f.on("GET /containers/json", answer(http.StatusOK, []container.Summary{}))
	for _, c := range []struct{ args, want string }{
		{"ps", ""},
		{"ps -a -n 3", "all=1&limit=3"},
		{"ps -l", "limit=1"},
		{"ps --format {{.Size}}", "size=1"},
		{"ps --format {{.ID}}", ""},
		{"ps -f name=x -f NAME=y", "filters=%7B%22name%22%3A%7B%22x%22%3Atrue%2C%22y%22%3Atrue%7D%7D"},
	} {
		f.run("", strings.Fields(c.args)...)
		if query := f.lastQuery(); query != c.want {
			t.Errorf("%s asks %q, want %q", c.args, query, c.want)
		}
	}
}

func TestImagesPrintsARowForEveryName(t *testing.T) {
	f := newFake(t)
	f.on("GET /images/json", answer(http.StatusOK, []image.Summary{
		{ID: "sha256:" + id, RepoTags: []string{"busybox:1", "busybox:latest", "localhost:5000/a/b:x"}, Created: time.Now().Add(-72 * time.Hour).Unix(), Size: 4270000, Containers: -1},
		{ID: "sha256:f" + id[1:], Created: time.Now().Add(-72 * time.Hour).Unix(), Size: 100},
	}))
	f.run("", "images").want(t, 0, ""+
		"REPOSITORY           TAG       IMAGE ID       CREATED      SIZE\n"+
		"busybox              1         0123456789ab   3 days ago   4.27MB\n"+
		"busybox              latest    0123456789ab   3 days ago   4.27MB\n"+
		"localhost:5000/a/b   x         0123456789ab   3 days ago   4.27MB\n"+
		"<none>               <none>    f123456789ab   3 days ago   100B\n", "")
	f.run("", "image", "ls", "-q").want(t, 0, strings.Repeat("0123456789ab\n", 3)+"f123456789ab\n", "")
}

func TestInspectPrintsWhatIsThereAndFailsForTheRest(t *testing.T) {
	f := newFake(t)
	f.on("GET /containers/web/json", answer(http.StatusOK, map[string]any{"Id": id, "State": map[string]any{"Status": "running"}, "Novel": 1}))
	f.run("", "inspect", "web", "gone").want(t, 1,
		"[\n    {\n        \"Id\": \""+id+"\",\n        \"Novel\": 1,\n        \"State\": {\n            \"Status\": \"running\"\n        }\n    }\n]\n",
		"Error: No such object: gone\n")
	f.run("", "inspect", "gone").want(t, 1, "[]\n", "Error: No such object: gone\n")
	f.run("", "inspect", "-f", "{{.State.Status}} {{json .ID}}", "web").want(t, 0, "running \""+id+"\"\n", "")
	f.run("", "inspect", "-f", "{{.Novel}}", "web").want(t, 0, "1\n", "")
	f.run("", "inspect", "--type", "image", "web").want(t, 1, "[]\n", "Error response from daemon: page not found\n")
}

func TestManyNamesKeepTheirOrderAndAllErrorsAreTold(t *testing.T) {
	f := newFake(t)
	f.on("POST /containers/a/stop", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // so that the others are ready first
		if r.URL.Query().Get("t") != "3" {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		noContent(w, r)
	})
	f.on("POST /containers/b/stop", refusal(http.StatusNotFound, "No such container: b"))
	f.on("POST /containers/c/stop", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	f.run("", "stop", "-t", "3", "a", "b", "c").want(t, 1, "a\nc\n", "Error response from daemon: No such container: b\n")
	f.on("DELETE /containers/a", noContent).on("DELETE /containers/b", refusal(http.StatusNotFound, "No such container: b"))
	f.run("", "rm", "-f", "a", "b").want(t, 0, "a\n", "Error response from daemon: No such container: b\n")
	f.on("POST /containers/a/start", noContent)
	f.run("", "start", "b", "a").want(t, 1, "a\n", "Error response from daemon: page not found\nError: failed to start containers: b\n")
}

func TestExecStreamsAndEndsWithTheProcessesCode(t *testing.T) {
	f := newFake(t)
	f.on("POST /containers/web/exec", f.keep("exec", answer(http.StatusCreated, map[string]string{"Id": "e1"})))
	f.on("POST /exec/e1/start", stream(framed, func(c net.Conn, in io.Reader) {
		// The request's body comes first on the wire.
		body, _ := bufio.NewReader(in).ReadString('}')
		_ = body
		_, _ = c.Write(append(frame(1, "out"), frame(2, "err")...))
	}))
	f.on("GET /exec/e1/json", answer(http.StatusOK, map[string]any{"ExitCode": 126}))
	f.run("", "exec", "-e", "A=1", "-w", "/w", "-u", "u", "web", "sh", "-c", "x").want(t, 126, "out", "err")
	const want = `{"User":"u","Privileged":false,"Tty":false,"AttachStdin":false,"AttachStderr":true,"AttachStdout":true,` +
		`"DetachKeys":"","Env":["A=1"],"WorkingDir":"/w","Cmd":["sh","-c","x"]}`
	if got := f.body("exec"); got != want {
		t.Errorf("request %s", got)
	}
	f.on("POST /exec/e1/start", answer(http.StatusOK, nil))
	f.run("", "exec", "-d", "web", "true").want(t, 0, "", "")
}

func TestExecNamesTheMissingContainerBeforeTheTerminal(t *testing.T) {
	f := newFake(t)
	f.on("GET /containers/gone/json", refusal(http.StatusNotFound, "No such container: gone"))
	f.on("GET /containers/web/json", answer(http.StatusOK, map[string]any{}))
	f.run("", "exec", "-it", "gone", "sh").want(t, 1, "", "Error response from daemon: No such container: gone\n")
	f.run("", "exec", "-it", "web", "sh").want(t, 1, "", "the input device is not a TTY\n")
}

func TestLogsBelieveTheContentTypeAndElseAskTheContainer(t *testing.T) {
	body := append(frame(1, "o\n"), frame(2, "e\n")...)
	f := newFake(t)
	send := func(media string, b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write(b)
		}
	}
	f.on("GET /containers/c/logs", send(framed, body))
	f.run("", "logs", "-f", "c").want(t, 0, "o\n", "e\n")
	f.on("GET /containers/c/logs", send(raw, []byte("x\r\n")))
	f.run("", "logs", "c").want(t, 0, "x\r\n", "")
	f.on("GET /containers/c/logs", send("application/octet-stream", []byte("y\r\n")))
	f.on("GET /containers/c/json", answer(http.StatusOK, map[string]any{"Config": map[string]any{"Tty": true}}))
	f.run("", "logs", "c").want(t, 0, "y\r\n", "")
}

func TestSeveralLogsAreOneInTheOrderOfTheirTimes(t *testing.T) {
	f := newFake(t)
	send := func(text ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("timestamps") != "1" {
				t.Errorf("asked %s", r.URL.RawQuery)
			}
			w.Header().Set("Content-Type", framed)
			for _, line := range text {
				_, _ = w.Write(frame(1, "2026-01-02T03:04:0"+line+"\n"))
			}
		}
	}
	f.on("GET /containers/web/logs", send("1.000000000Z one", "3.000000000Z three"))
	f.on("GET /containers/database/logs", send("2.000000000Z two"))
	f.run("", "logs", "web", "database").want(t, 0, "web      | one\ndatabase | two\nweb      | three\n", "")
	f.run("", "logs", "-t", "database", "web").want(t, 0, "web      | 2026-01-02T03:04:01.000000000Z one\n"+
		"database | 2026-01-02T03:04:02.000000000Z two\nweb      | 2026-01-02T03:04:03.000000000Z three\n", "")
	f.run("", "logs", "web", "gone").want(t, 1, "", "Error response from daemon: page not found\n")
}

func TestGrepIsTheDaemonsAndOneThatCannotIsNamed(t *testing.T) {
	f := newFake(t)
	send := func(server string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", raw)
			w.Header().Set("Server", server)
			_, _ = io.WriteString(w, r.URL.Query().Get("grep")+"\n")
		}
	}
	f.on("GET /containers/c/logs", send("berth/1 (linux)"))
	f.run("", "logs", "--grep", "a+ b", "c").want(t, 0, "a+ b\n", "")
	f.on("GET /containers/c/logs", send("Docker/20.10.24 (linux)"))
	f.run("", "logs", "--grep", "x", "c").want(t, 1, "", "--grep needs berth's own daemon: this one (Docker/20.10.24 (linux)) does not search logs\n")
	f.run("", "logs", "c").want(t, 0, "\n", "")
}

func TestAnExplanationIsPrintedSentenceBySentence(t *testing.T) {
	f := newFake(t)
	f.on("GET /containers/web/explain", answer(http.StatusOK, map[string]any{"Sentences": []string{"It ended.", "Its memory was full."}}))
	f.run("", "explain", "web").want(t, 0, "It ended.\nIts memory was full.\n", "")
	f.run("", "explain", "gone").want(t, 1, "", "Error response from daemon: page not found\n")
}

func TestAttachEndsWithTheContainersCodeAndRefusesAStoppedOne(t *testing.T) {
	f := newFake(t)
	end := make(chan struct{})
	inspect := func(running bool) http.HandlerFunc {
		return answer(http.StatusOK, map[string]any{
			"Id": id, "State": map[string]any{"Running": running}, "Config": map[string]any{"OpenStdin": true},
		})
	}
	f.on("GET /containers/c/json", inspect(true))
	f.on("POST /containers/"+id+"/wait", lateWait(3, end))
	f.on("POST /containers/"+id+"/attach", stream(framed, func(c net.Conn, in io.Reader) {
		b, _ := io.ReadAll(in)
		_, _ = c.Write(frame(1, string(b)))
		close(end)
	}))
	f.run("hello", "attach", "c").want(t, 3, "hello", "")
	f.on("GET /containers/c/json", inspect(false))
	f.run("", "attach", "c").want(t, 1, "", "You cannot attach to a stopped container, start it first\n")
}

func TestLoadSendsTheArchiveAndPrintsTheDaemonsStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(path, []byte("archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	f.on("HEAD /_ping", noContent)
	f.on("POST /images/load", f.keep("load", answer(http.StatusOK, map[string]string{"stream": "Loaded image: a:b\n"})))
	f.run("", "load", "-i", path).want(t, 0, "Loaded image: a:b\n", "")
	f.run("piped", "load").want(t, 0, "Loaded image: a:b\n", "")
	if f.body("load") != "piped" {
		t.Errorf("sent %q", f.body("load"))
	}
	f.on("POST /images/load", f.keep("load", answer(http.StatusOK, map[string]any{"errorDetail": map[string]string{"message": "invalid tar header"}})))
	f.run("", "load", "-i", path).want(t, 1, "", "invalid tar header\n")
}

func TestImportTagAndRmi(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", noContent)
	f.on("POST /images/create", f.keep("import", answer(http.StatusOK, map[string]string{"status": "sha256:1"})))
	f.run("tar", "import", "-m", "msg", "-c", "CMD x", "-", "deb:12").want(t, 0, "sha256:1\n", "")
	if want := "changes=CMD+x&fromSrc=-&message=msg&repo=deb%3A12"; f.lastQuery() != want || f.body("import") != "tar" {
		t.Errorf("query %q body %q", f.lastQuery(), f.body("import"))
	}
	f.on("POST /images/a/b:1/tag", answer(http.StatusCreated, nil))
	f.run("", "tag", "a/b:1", "c").want(t, 0, "", "")
	if query := f.lastQuery(); query != "repo=docker.io%2Flibrary%2Fc&tag=latest" {
		t.Errorf("query %q", query)
	}
	f.on("DELETE /images/a", answer(http.StatusOK, []image.DeleteResponse{{Untagged: "a:latest"}, {Deleted: "sha256:1"}}))
	f.run("", "rmi", "a", "b").want(t, 1, "Untagged: a:latest\nDeleted: sha256:1\n", "Error response from daemon: page not found\n")
}

func TestVersionShowsBothSidesAndTheClientAloneWithoutADaemon(t *testing.T) {
	r := runWith(t, map[string]string{"BERTH_HOST": "unix:///nonexistent/x.sock"}, "", "version")
	if r.code != 1 || !strings.HasPrefix(r.out, "Client:\n Version:           1.2.3\n API version:       1.55\n") ||
		r.err != "Cannot connect to the Docker daemon at unix:///nonexistent/x.sock. Is the docker daemon running?\n" {
		t.Errorf("%+v", r)
	}
	f := newFake(t)
	f.on("GET /version", answer(http.StatusOK, map[string]any{"Version": "9", "ApiVersion": "1.55"}))
	f.run("", "version", "-f", "{{.Server.Version}}").want(t, 0, "9\n", "")
	f.run("", "--version").want(t, 0, "Berth version 1.2.3, build abc\n", "")
}

func TestAnOlderDaemonsVersionIsSpokenAfterOneRefusal(t *testing.T) {
	seen := make(chan string, 9)
	f := newFake(t)
	f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.URL.Path
		w.Header().Set("Api-Version", "1.41")
		if !strings.HasPrefix(r.URL.Path, "/v1.41/") {
			refusal(http.StatusBadRequest, "client version 1.55 is too new")(w, r)
			return
		}
		answer(http.StatusOK, []container.Summary{})(w, r)
	})
	f.run("", "ps", "-q").want(t, 0, "", "")
	close(seen)
	for _, want := range []string{"/v1.55/containers/json", "/v1.41/containers/json", ""} {
		if got := <-seen; got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
}

func TestHostsAndContextsAreChosenAsDockerDoes(t *testing.T) {
	const sock = "unix:///nonexistent/a.sock"
	cannot := func(host string) string {
		return fmt.Sprintf("Cannot connect to the Docker daemon at %s. Is the docker daemon running?\n", host)
	}
	for _, c := range []struct {
		env  map[string]string
		args string
		err  string
	}{
		{map[string]string{"DOCKER_HOST": sock}, "ps", cannot(sock)},
		{map[string]string{"DOCKER_HOST": sock, "BERTH_HOST": "unix:///nonexistent/b.sock"}, "ps", cannot("unix:///nonexistent/b.sock")},
		{map[string]string{"DOCKER_HOST": sock}, "-H unix:///nonexistent/c.sock ps", cannot("unix:///nonexistent/c.sock")},
		{map[string]string{}, "-H foo://x ps", "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: foo://x\n"},
		{map[string]string{"DOCKER_HOST": sock}, "-c default ps", cannot(sock)},
		{map[string]string{}, "-c other ps", "Failed to initialize: context \"other\": contexts other than \"default\" are not supported yet\n"},
		{map[string]string{}, "-H " + sock + " -c x ps", "conflicting options: cannot specify both --host and --context\n"},
	} {
		runWith(t, c.env, "", strings.Fields(c.args)...).want(t, 1, "", c.err)
	}
}

// TestEveryFlagOfDockersIsSupportedOrRefusedByName reads testdata/flags.tsv:
// command, flag, short form and type of docker 29's flags for our commands.
func TestEveryFlagOfDockersIsSupportedOrRefusedByName(t *testing.T) {
	root := newRoot(&session.Session{Getenv: func(string) (string, bool) { return "", false }}, system.Build{})
	data, err := os.ReadFile("testdata/flags.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		cols := strings.Split(line, "\t")
		cmd, rest := root, []string(nil)
		if cols[0] != "(root)" {
			cmd, rest, err = root.Find(strings.Fields(cols[0]))
		}
		if err != nil || len(rest) > 0 {
			t.Errorf("%s is missing", cols[0])
			continue
		}
		name := strings.TrimPrefix(cols[1], "--")
		flag := cmd.Flags().Lookup(name)
		if flag == nil {
			t.Errorf("%s --%s is unknown", cols[0], name)
			continue
		}
		if flag.Shorthand != cols[2] {
			t.Errorf("%s --%s has the short form %q, want %q", cols[0], name, flag.Shorthand, cols[2])
		}
		if noValue := flag.NoOptDefVal != ""; noValue != (cols[3] == "bool") {
			t.Errorf("%s --%s: needs a value: %v, docker's type is %s", cols[0], name, !noValue, cols[3])
		}
	}
}

func TestARefusedFlagIsNamedAndItsDefaultIsAccepted(t *testing.T) {
	f := newFake(t)
	f.on("POST /containers/create", answer(http.StatusCreated, container.CreateResponse{ID: id}))
	const elsewhere = "\"--cpu-count\" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux\n"
	f.run("", "create", "--cpu-count=2", "busybox").want(t, 1, "", elsewhere)
	f.run("", "create", "--cpu-count=0", "busybox").want(t, 0, id+"\n", "")
}

func TestAHealthCheckIsOneProbeAndItsFlagsAreChecked(t *testing.T) {
	f := newFake(t)
	f.on("POST /containers/create", f.keep("create", answer(http.StatusCreated, container.CreateResponse{ID: id})))
	for flags, want := range map[string]string{
		"--health-http=http://localhost:80/x --health-on-failure=kill": `{"Test":["HTTP","http://localhost:80/x"],"OnFailure":"kill"}`,
		"--health-tcp=127.0.0.1:5432":                                  `{"Test":["TCP","127.0.0.1:5432"]}`,
		"--health-cmd=true --health-interval=2s":                       `{"Test":["CMD-SHELL","true"],"Interval":2000000000}`,
		"--health-on-failure=restart":                                  `{"OnFailure":"restart"}`,
		"--no-healthcheck":                                             `{"Test":["NONE"]}`,
	} {
		f.run("", append(append([]string{"create"}, strings.Fields(flags)...), "busybox")...).want(t, 0, id+"\n", "")
		if !strings.Contains(f.body("create"), `"Healthcheck":`+want) {
			t.Errorf("%s sends %s", flags, f.body("create"))
		}
	}
	for flags, why := range map[string]string{
		"--health-http=x":                              `invalid value for --health-http: "x" is not an http:// or https:// URL`,
		"--health-http=ftp://x":                        `invalid value for --health-http: "ftp://x" is not an http:// or https:// URL`,
		"--health-tcp=x":                               `invalid value for --health-tcp: "x" is not HOST:PORT`,
		"--health-tcp=x:1 --health-cmd=true":           "only one of --health-cmd, --health-http and --health-tcp can be given",
		"--health-on-failure=reboot":                   `invalid value for --health-on-failure: "reboot": must be one of "none", "restart", "stop" or "kill"`,
		"--health-tcp=x:1 --no-healthcheck":            "--no-healthcheck conflicts with --health-* options",
		"--health-on-failure=kill --health-retries=-1": "--health-retries cannot be negative",
	} {
		f.run("", append(append([]string{"create"}, strings.Fields(flags)...), "busybox")...).want(t, 125, "",
			"berth: "+why+"\n\nRun 'berth create --help' for more information\n")
	}
}

func TestEveryCommandHasHelpThatNamesItsFlags(t *testing.T) {
	root := newRoot(&session.Session{Getenv: func(string) (string, bool) { return "", false }}, system.Build{})
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		r := runWith(t, map[string]string{}, "", append(path, "--help")...)
		if r.code != 0 || !strings.HasPrefix(r.out, "Usage:  berth") || r.err != "" {
			t.Errorf("%q: %+v", path, r)
		}
		for _, sub := range c.Commands() {
			if !sub.Hidden {
				walk(sub, append(slices.Clone(path), sub.Name()))
			}
		}
	}
	walk(root, nil)
}
