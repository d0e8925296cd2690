package journald

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

const daemon = "/lib/systemd/systemd-journald"

// journal starts a journal of the test's own, in a mount namespace with a /run of
// its own, and returns its root.
func journal(t *testing.T) (root string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, for a journal of its own")
	}
	for _, program := range []string{daemon, "journalctl", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s: install systemd (it need not run)", program)
		}
	}
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c",
		"mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal && mount -t tmpfs tmpfs /var/log && exec "+daemon)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	root = fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		// Before the journal has begun, its socket is one of the host's, if there is one.
		if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid)); strings.HasSuffix(exe, "systemd-journald") {
			if _, err := os.Stat(root + Socket); err == nil {
				return root
			}
		}
		if time.Now().After(late) {
			t.Fatalf("the journal does not begin: %s", said.String())
		}
	}
}

// entries waits for n entries of a container.
func entries(t *testing.T, root, id string, n int) (list []map[string]any) {
	t.Helper()
	var out []byte
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		var err error
		if out, err = exec.Command("journalctl", "-q", "-D", root+"/run/log/journal", "--all", "-o", "json", "CONTAINER_ID_FULL="+id).Output(); err == nil && bytes.Count(out, []byte("\n")) == n {
			break
		}
	}
	for line := range bytes.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	if len(list) != n {
		t.Fatalf("the journal has %d entries, not %d", len(list), n)
	}
	return list
}

func TestTheJournalTakesWhatIsSent(t *testing.T) {
	root := journal(t)
	id := strings.Repeat("0123456789abcdef", 4)
	d, err := New(&source.Info{ContainerID: id, ContainerName: "/web", ContainerImageName: "shop", ContainerLabels: map[string]string{"com.example.team": "a"}, Config: map[string]string{"labels": "com.example.team"}}, root+Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Connect(); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("a long line ", 1<<20) // which no datagram holds
	texts := []string{"plain", "two\nlines", "ünï", large, "last"}
	for i, text := range texts {
		m := logfile.Message{Stream: []string{"stdout", "stderr"}[i%2], Time: time.Now(), Line: []byte(text)}
		if i == 4 {
			m.Part = logfile.Part{ID: "part", Ordinal: 1}
		}
		if err := d.Log(&m); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range entries(t, root, id, len(texts)) {
		message, _ := e["MESSAGE"].(string)
		want := map[string]any{"CONTAINER_NAME": "web", "CONTAINER_ID": id[:12], "CONTAINER_TAG": id[:12], "SYSLOG_IDENTIFIER": id[:12], "IMAGE_NAME": "shop", "COM_EXAMPLE_TEAM": "a",
			"PRIORITY": []string{"6", "3"}[i%2], "_TRANSPORT": "journal", "CONTAINER_LOG_ORDINAL": fmt.Sprint(i + 1), "_PID": fmt.Sprint(os.Getpid())}
		if i == 4 {
			want["CONTAINER_PARTIAL_MESSAGE"], want["CONTAINER_PARTIAL_ID"] = "true", "part"
		}
		for key, value := range want {
			if e[key] != value {
				t.Errorf("entry %d: %s is %v, not %v", i, key, e[key], value)
			}
		}
		if message != texts[i] && !(i == 3 && len(message) > 0 && strings.HasPrefix(large, message)) {
			t.Errorf("entry %d has a message of %d bytes, not %d: %.40q", i, len(message), len(texts[i]), message)
		}
	}
}

func TestFieldsHaveNamesThatTheJournalTakes(t *testing.T) {
	for name, want := range map[string]string{"a.b-c": "A_B_C", "_private": "PRIVATE", "é": "", "9lives": "9LIVES", "UPPER": "UPPER"} {
		if got := fieldName(name); got != want {
			t.Errorf("%q becomes %q, not %q", name, got, want)
		}
	}
}

func TestWithoutAJournalItIsSaidInDockersWords(t *testing.T) {
	d, err := New(&source.Info{ContainerID: strings.Repeat("0", 64)}, t.TempDir()+"/none")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Connect(); err == nil || err.Error() != "journald is not enabled on this host" {
		t.Error(err)
	}
}
