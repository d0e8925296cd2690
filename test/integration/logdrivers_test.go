//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/logfile"
	"berth/test/harness"
)

// writings are what containers write, to one stream each so that the order is the same everywhere.
func writings() map[string]string {
	return map[string]string{
		"lines":      `echo one; echo; printf '\ttab "quotes" \\ <html> & \r\n'; printf '\001\177\377\n'; echo 'ünï ☃'; printf 'no end'`,
		"to stderr":  `(echo one; printf 'two') >&2`,
		"long lines": `for n in 16383 16384 16385 40000; do head -c $n /dev/zero | tr '\0' x; echo; done; head -c 20000 /dev/zero | tr '\0' y`,
	}
}

func TestLogFilesHaveWhatDockersHave(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for name, script := range writings() {
		for _, driver := range []string{"json-file", "local"} {
			for _, details := range []bool{false, true} {
				if details && driver == "local" {
					continue // Debian's has none
				}
				args := []string{"run", "-d", "--log-driver", driver, "--label", "team=a", "-e", "STAGE=t&t", "--network", "none"}
				if details {
					args = append(args, "--log-opt", "labels=team", "--log-opt", "env-regex=^STA", "--log-opt", "tag={{.ImageName}}/{{.Command}}")
				}
				args = append(args, busybox, "sh", "-c", "sleep 0.2;"+script) // the stock client attaches first
				theirs, ours := logText(t, docker.Client(t), docker.DataRoot(), driver, args), logText(t, d.Client(t, "docker"), d.DataRoot(), driver, args)
				if theirs != ours {
					t.Errorf("%s, %s, details %v: Docker's log is\n%s\nand ours\n%s", name, driver, details, brief(theirs), brief(ours))
				}
			}
		}
	}
}

// brief shortens what repeats.
func brief(s string) string { return regexp.MustCompile(`x{100,}|y{100,}`).ReplaceAllString(s, "…") }

// logText runs a container and returns its log: json-file's bytes but for the times, local's entries but for the parts' IDs.
func logText(t *testing.T, c harness.Client, root, driver string, args []string) string {
	t.Helper()
	id := c.Must(args...)
	c.Prints("0", "wait", id)
	dir := filepath.Join(root, "containers", id)
	shown := c.Run("logs", "--details", id)
	path := filepath.Join(dir, id+"-json.log")
	if driver == "local" {
		path = filepath.Join(dir, "local-logs", "container.log")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%s has mode %v, %v", path, st.Mode(), err)
	}
	text := regexp.MustCompile(`"time":"[^"]*Z"`).ReplaceAllString(string(b), `"time":""`)
	if driver == "local" {
		var entries strings.Builder
		err := logfile.Read(t.Context(), path, logfile.Local(nil), logfile.ReadOptions{Tail: -1}, func(e logfile.Entry) error {
			fmt.Fprintf(&entries, "%s %q %v\n", e.Stream, e.Line, e.Attrs)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		shown.Stdout = strings.ReplaceAll(shown.Stdout, "\n", "") // Debian's forgets the one behind the last part of a line
		text = fmt.Sprintf("%d bytes beside the times\n%s", len(b)-timeBytes(t, b), entries.String())
	}
	logPath := c.Must("inspect", "-f", "{{.LogPath}}", id)
	return fmt.Sprintf("%s\nLogPath: %s\nlogs: %q %q", text, strings.ReplaceAll(strings.ReplaceAll(logPath, root, ""), id, "ID"), shown.Stdout, shown.Stderr)
}

// timeBytes is how much of a local log the times take: their length depends on the clock.
func timeBytes(t *testing.T, b []byte) (n int) {
	t.Helper()
	for _, key := range []string{"\x0a\x06stdout\x10", "\x0a\x06stderr\x10"} {
		rest := b
		for {
			i := bytes.Index(rest, []byte(key))
			if i < 0 {
				break
			}
			rest = rest[i+len(key):]
			for n++; len(rest) > 0 && rest[0] >= 0x80; n++ {
				rest = rest[1:]
			}
		}
	}
	return n
}

func TestLogOptionsAreRefusedAsDockerRefusesThem(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	d.Busybox()
	for _, config := range []string{
		`{"Type":"json-file","Config":{"x":"y"}}`,
		`{"Type":"","Config":{"x":"y"}}`,
		`{"Type":"nothing"}`,
		`{"Type":"none","Config":{"x":"y"}}`,
		`{"Type":"local","Config":{"x":"y"}}`,
		`{"Type":"journald","Config":{"x":"y"}}`,
		`{"Type":"syslog","Config":{"x":"y"}}`,
		`{"Type":"syslog","Config":{"syslog-facility":"99"}}`,
		`{"Type":"syslog","Config":{"syslog-address":"unix:///nowhere/socket"}}`,
		`{"Type":"syslog","Config":{"syslog-address":"127.0.0.1:514"}}`,
		`{"Type":"syslog","Config":{"syslog-address":"http://127.0.0.1:514"}}`,
		`{"Type":"syslog","Config":{"syslog-format":"rfc1"}}`,
		`{"Type":"gelf"}`,
		`{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1:1","x":"y"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"http://127.0.0.1:1"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1:1","gelf-compression-type":"xz"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"tcp://127.0.0.1:1","gelf-compression-type":"gzip"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"tcp://127.0.0.1:1","gelf-tcp-max-reconnect":"-1"}}`,
		`{"Type":"fluentd","Config":{"x":"y"}}`,
		`{"Type":"json-file","Config":{"mode":"lazy"}}`,
		`{"Type":"json-file","Config":{"max-buffer-size":"1m"}}`,
		`{"Type":"json-file","Config":{"mode":"non-blocking","max-buffer-size":"x"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1:1","cache-disabled":"x"}}`,
		`{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1:1","cache-max-size":"1m","cache-disabled":"false"}}`,
		`{"Type":"json-file","Config":{"max-size":"1m","max-file":"2","compress":"true","labels":"a","env":"b","tag":"{{.Name}}"}}`,
	} {
		body := `{"Image":"busybox","Cmd":["true"],"HostConfig":{"LogConfig":` + config + `}}`
		a, b := docker.Ask(t, "POST", "/v1.41/containers/create", body), d.Ask(t, "POST", "/v1.41/containers/create", body)
		if a.Status == 201 && b.Status == 201 {
			continue
		}
		if a != b {
			t.Errorf("%s: Docker answers %d %s, berth %d %s", config, a.Status, a.Body, b.Status, b.Body)
		}
	}
}

func TestLogsWorksForStoppedOnesForACreatedOneItIsEmptyAndAnUnreadableDriverIsRefused(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "read-" + c.Name
		c.Must("run", "--name", name, busybox, "echo", "hi")
		c.Prints("hi", "logs", name)
		c.Prints("hi", "logs", "-f", name)
		c.Must("create", "--name", name+"-new", busybox, "echo", "hi")
		c.Prints("", "logs", name+"-new")
		c.Prints("", "logs", "-f", name+"-new")
		stock := d.Client(t, "docker")
		stock.Must("run", "--log-driver", "none", "--name", name+"-none", busybox, "echo", "hi")
		c.Fails(1, "configured logging driver does not support reading", "logs", name+"-none")
		if a := d.Ask(t, "GET", "/containers/"+name+"-none/logs?stdout=1", ""); a.Status != 501 || a.Body != `{"message":"configured logging driver does not support reading"}` {
			t.Errorf("it answers %+v", a)
		}
	})
}

func TestTheLogDriverIsTheDaemonsUnlessTheContainerChooses(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--log-driver", "local", "--log-opt", "tag={{.Name}}"))
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Prints("local [fluentd gelf journald json-file local syslog]", "info", "-f", "{{.LoggingDriver}} {{.Plugins.Log}}")
	c.Must("run", "--name", "one", busybox, "echo", "hi")
	c.Prints(`{local map[tag:{{.Name}}]}`, "inspect", "-f", "{{.HostConfig.LogConfig}}", "one")
	c.Prints("tag=one hi", "logs", "--details", "one")
	c.Must("run", "--name", "two", "--log-driver", "json-file", busybox, "echo", "hi")
	c.Prints(`{json-file map[]} `+d.DataRoot()+"/containers/", "inspect", "-f", "{{.HostConfig.LogConfig}} {{slice .LogPath 0 "+fmt.Sprint(len(d.DataRoot())+len("/containers/"))+"}}", "two")
	// After a restart of the daemon, and of the container under another name.
	c.Must("rename", "one", "three")
	d.Restart()
	c.Must("start", "-a", "three")
	c.Prints("tag=one hi\ntag=three hi", "logs", "--details", "three")
}

func TestWhatASyslogGetsIsAlsoKeptForLogs(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	path := filepath.Join(d.ExecRoot(), "log.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	defer l.Close()
	c := d.Client(t, "docker")
	c.Must("run", "-d", "-i", "--name", "sender", "--log-driver", "syslog", "--log-opt", "syslog-address=unixgram://"+path, "--log-opt", "syslog-facility=local1",
		"--log-opt", "tag={{.Name}}", busybox, "sh", "-c", "while read x; do echo got $x; done")
	says := func(want string) {
		t.Helper()
		b := make([]byte, 64<<10)
		n, err := l.Read(b)
		if err != nil || !regexp.MustCompile(want).Match(b[:n]) {
			t.Errorf("%q came, %v, not %s", b[:n], err, want)
		}
	}
	p := c.Begin("attach", "sender")
	send(t, p, "one\n")
	says(`^<142>\w+ .* sender\[\d+\]: got one\n$`)
	d.Kill9()
	l.Close() // the receiver is away, and the daemon comes back all the same
	d.StartAgain()
	p = c.Begin("attach", "sender")
	send(t, p, "two\n")
	p.Await("got two")
	c.Prints("got one\ngot two", "logs", "sender")
	c.Must("rm", "-f", "sender")
	c.Fails(125, "failed to initialize logging driver", "run", "--log-driver", "fluentd", "--log-opt", "fluentd-address=127.0.0.1:1", busybox, "true")
}

func TestALogIsSearchedInTheDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("run", "-t", "--name", "seq", busybox, "seq", "1", "1000")
	for query, want := range map[string]string{
		"grep=99%24":           "99\r\n199\r\n299\r\n399\r\n499\r\n599\r\n699\r\n799\r\n899\r\n999\r\n",
		"grep=%5E5&tail=501":   "500\r\n501\r\n502",
		"grep=nothing":         "",
		"grep=%5E(7|8)$&tail=": "7\r\n8\r\n",
	} {
		if a := d.Ask(t, "GET", "/containers/seq/logs?stdout=1&"+query, ""); a.Status != 200 || !strings.HasPrefix(a.Body, strings.TrimSpace(want)) {
			t.Errorf("%s: %+v", query, a)
		}
	}
	a := d.Ask(t, "GET", "/containers/seq/logs?stdout=1&grep=(", "")
	var said struct{ Message string }
	if err := json.Unmarshal([]byte(a.Body), &said); err != nil || a.Status != 400 || !strings.HasPrefix(said.Message, `invalid value for "grep": error parsing regexp`) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAReceiverThatTakesNothingHoldsANonBlockingContainerUpNeverAndTheEndOfABlockingOneNotForLong(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	path := filepath.Join(d.ExecRoot(), "stuck.sock")
	l, err := net.Listen("unix", path) // and never accept
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := d.Client(t, "docker")
	const lines = 50_000
	var want strings.Builder
	for i := 1; i <= lines; i++ {
		fmt.Fprintln(&want, i)
	}
	for _, mode := range []string{"blocking", "non-blocking"} {
		c.Must("run", "-d", "--name", mode, "--log-driver", "syslog", "--log-opt", "syslog-address=unix://"+path, "--log-opt", "mode="+mode, busybox, "seq", "1", fmt.Sprint(lines))
		c.Prints("0", "wait", mode)
		if got := c.Run("logs", mode).Stdout; got != want.String() {
			t.Errorf("%s: the log has %d bytes, not %d", mode, len(got), want.Len())
		}
		c.Must("rm", mode)
	}
}

// A line is whole when it was written with one write; what seq writes ends anywhere in a line.
func TestAKilledDaemonLosesNoWholeLineOfAFile(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	const lines = 60_000
	script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); echo $i; done", lines)
	for _, driver := range []string{"json-file", "local"} {
		id := c.Must("run", "-d", "--log-driver", driver, "--log-opt", "max-size=1g", busybox, "sh", "-c", script)
		d.Kill9()
		d.StartAgain()
		c.Prints("0", "wait", id)
		next := 1
		for line := range strings.Lines(c.Run("logs", id).Stdout) {
			var n int
			if _, err := fmt.Sscanf(line, "%d\n", &n); err != nil || n > next {
				t.Fatalf("%s: line %d is missing, %q came, %v", driver, next, line, err)
			}
			if n == next { // the chunk that was being written may come twice
				next++
			}
		}
		if next != lines+1 {
			t.Errorf("%s: it ends with line %d", driver, next-1)
		}
		c.Must("rm", id)
	}
}

func TestLogsAnswersWhatDockersDoes(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "--name", "ended", "--log-opt", "labels=a", "-l", "a=b c", busybox, "sh", "-c", "for i in 1 2 3 4 5; do echo $i; done")
		c.Must("run", "-t", "--name", "tty", busybox, "sh", "-c", "echo a; echo b >&2")
		c.Must("run", "--name", "errors", busybox, "sh", "-c", "echo a >&2; printf b >&2")
		c.Must("run", "--name", "none", "--log-driver", "none", busybox, "echo", "a")
		c.Must("create", "--name", "new", busybox, "true")
	}
	for _, query := range []string{
		"ended/logs", "ended/logs?stdout=0", "ended/logs?stdout=1", "ended/logs?stdout=true&stderr=1", "ended/logs?stderr=1", "ended/logs?stdout=1&tail=2", "ended/logs?stdout=1&tail=0",
		"ended/logs?stdout=1&tail=-3", "ended/logs?stdout=1&tail=all", "ended/logs?stdout=1&tail=x", "ended/logs?stdout=1&tail=99999999999999999999", "ended/logs?stdout=1&timestamps=1",
		"ended/logs?stdout=1&timestamps=1&details=1", "ended/logs?stdout=1&details=1", "ended/logs?stdout=1&follow=1", "ended/logs?stdout=1&since=0", "ended/logs?stdout=1&since=1", "ended/logs?stdout=1&since=99999999999",
		"ended/logs?stdout=1&since=1.5", "ended/logs?stdout=1&until=1", "ended/logs?stdout=1&until=0", "ended/logs?stdout=1&until=99999999999.000000001",
		"tty/logs?stdout=1&stderr=1", "tty/logs?stderr=1", "tty/logs?stdout=1&tail=1", "errors/logs?stdout=1", "errors/logs?stderr=1", "errors/logs?stdout=1&stderr=1&tail=1",
		"none/logs?stdout=1", "new/logs?stdout=1&follow=1", "nobody/logs?stdout=1", "nobody/logs",
	} {
		a, b := docker.Ask(t, "GET", "/v1.41/containers/"+query, ""), d.Ask(t, "GET", "/v1.41/containers/"+query, "")
		times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z`)
		a.Body, b.Body = times.ReplaceAllString(a.Body, "TIME"), times.ReplaceAllString(b.Body, "TIME")
		if a != b {
			t.Errorf("%s: Docker answers %d %q, berth %d %q", query, a.Status, a.Body, b.Status, b.Body)
		}
	}
}

func TestSinceAndUntilTakeUnixTimesRFC3339AndDurations(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("run", "--name", "now", busybox, "echo", "hi")
	at, _, _ := strings.Cut(c.Must("logs", "-t", "now"), " ")
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	unix := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	for query, shown := range map[string]bool{
		"since=" + unix(when): true, "since=" + unix(when.Add(1)): false, "until=" + unix(when): true, "until=" + unix(when.Add(-1)): false,
		"since=" + when.Format(time.RFC3339Nano): true, "since=" + when.Add(time.Second).Format(time.RFC3339): false, "until=" + when.Add(-time.Hour).Format(time.RFC3339): false,
		"since=1h": true, "until=1h": false, "since=0": true, "until=0": true,
	} {
		a := d.Ask(t, "GET", "/containers/now/logs?stdout=1&"+query, "")
		if a.Status != 200 || strings.HasSuffix(a.Body, "hi") != shown {
			t.Errorf("%s: %+v", query, a)
		}
	}
	for _, query := range []string{"since=yesterday", "until=x", "since=1h2"} {
		if a := d.Ask(t, "GET", "/containers/now/logs?stdout=1&"+query, ""); a.Status != 400 {
			t.Errorf("%s: %+v", query, a)
		}
	}
}

func TestAJSONFileIsRotatedByDefaultAsDockersLocalIs(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	for driver, most := range map[string]int64{"json-file": 3 * 10 << 20, "local": 5 * 20 << 20} {
		id := c.Must("run", "-d", "--log-driver", driver, busybox, "sh", "-c", "yes "+strings.Repeat("x", 1000)+" | head -n 45000; echo last")
		c.Prints("0", "wait", id)
		c.Prints("last", "logs", "-n", "1", id)
		dir := filepath.Join(d.DataRoot(), "containers", id)
		files, err := filepath.Glob(filepath.Join(dir, map[string]string{"json-file": id + "-json.log*", "local": "local-logs/container.log*"}[driver]))
		if err != nil || len(files) != 3 {
			t.Errorf("%s: %v, %v", driver, files, err)
		}
		var size int64
		for _, f := range files {
			st, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			size += st.Size()
		}
		if size > most+1<<20 {
			t.Errorf("%s: %d bytes are kept", driver, size)
		}
	}
}
