//go:build linux

package integration

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// besides are the fields that Docker sends since 23.0, and Debian's 20.10 does not: they put a log in its order.
func besides() []string {
	return []string{"CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL", "CONTAINER_PARTIAL_ID", "CONTAINER_PARTIAL_LAST", "CONTAINER_PARTIAL_ORDINAL", "SYSLOG_TIMESTAMP"}
}

// withJournal gives the namespace in which it runs a /run of its own, with a directory as the journal's.
const withJournal = `mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal`

func TestAJournalGetsFromUsWhatItGetsFromDocker(t *testing.T) {
	t.Parallel()
	journals := [2]string{journalDir(t), journalDir(t)}
	docker := harness.StartDockerd(t)
	if out, err := exec.Command("nsenter", "-t", fmt.Sprint(docker.Pid()), "-m", "sh", "-c", withJournal, journals[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	programs := t.TempDir()
	script := "#!/bin/sh\nexec unshare -m sh -c '" + withJournal + ` && exec "$@"' ` + journals[1] + " " + harness.Binary(t, "berthd") + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(programs, "berthd"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := harness.Start(t, harness.WithPrograms(programs))
	d.Busybox()
	ours := party{client: d.Client(t, "docker")}
	var heard [2]string
	for i, p := range []party{{client: docker.Client(t)}, ours} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journals[i] + "/socket", Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got := make(chan string, 100)
		go func() {
			for b := make([]byte, 256<<10); ; {
				n, err := l.Read(b)
				if err != nil {
					return
				}
				fields := entryFields(b[:n])
				for _, name := range besides() {
					delete(fields, name)
				}
				got <- inOrder(fields)
			}
		}()
		p.talk("journal", "journald", "tag={{.Name}}/{{.ImageName}}")
		heard[i] = collect(t, got, 7)
	}
	if heard[0] != heard[1] {
		t.Errorf("from Docker came\n%s\nand from berth\n%s", brief(heard[0]), brief(heard[1]))
	}
	// The journal is not asked: what logs shows comes from the cache beside it.
	c := ours.client
	c.Must("run", "--name", "read", "--log-driver", "journald", "busybox", "echo", "kept")
	c.Prints("kept", "logs", "read")
}

// journalDir is a directory whose name leaves room for a socket's.
func journalDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// entryFields reads an entry of the journal's native protocol.
func entryFields(b []byte) map[string]string {
	fields := map[string]string{}
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if name, value, ok := strings.Cut(string(line), "="); ok {
			fields[name], b = value, rest
			continue
		}
		if len(rest) < 9 {
			break
		}
		size := int(min(binary.LittleEndian.Uint64(rest), uint64(len(rest)-9)))
		fields[string(line)], b = string(rest[8:8+size]), rest[8+size+1:]
	}
	return fields
}

func TestTheJournalsFieldsAreReadInBothForms(t *testing.T) {
	got := entryFields([]byte("A=1=2\nB\n\x03\x00\x00\x00\x00\x00\x00\x00x\ny\nC=\n"))
	want := []string{`A="1=2"`, `B="x\ny"`, `C=""`}
	if !slices.Equal(strings.Fields(inOrder(got)), want) {
		t.Errorf("%v, not %v", inOrder(got), want)
	}
}
