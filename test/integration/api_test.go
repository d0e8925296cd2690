//go:build linux

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"berth/test/harness"
)

// result is what a wait gives.
func result(t *testing.T, w client.ContainerWaitResult) int64 {
	t.Helper()
	select {
	case r := <-w.Result:
		return r.StatusCode
	case err := <-w.Error:
		t.Fatalf("wait: %v", err)
	case <-t.Context().Done():
		t.Fatal("wait does not end")
	}
	return 0
}

func TestEachConditionOfWaitEndsWhenItHolds(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	api, ctx := d.API(), t.Context()
	c := d.Client(t, "docker")
	id := c.Must("create", "-i", busybox, "sh", "-c", "read x; exit $x")
	wait := func(cond container.WaitCondition) client.ContainerWaitResult {
		return api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: cond})
	}
	if code := result(t, wait(container.WaitConditionNotRunning)); code != 0 {
		t.Errorf("a container that never ran has the code %d", code)
	}
	next, removed := wait(container.WaitConditionNextExit), wait(container.WaitConditionRemoved)
	for _, want := range []int64{3, 5} {
		if _, err := api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
		running := wait(container.WaitConditionNotRunning)
		c.In(strings.NewReader(fmt.Sprintln(want))).Run("attach", id)
		if code := result(t, running); code != want {
			t.Errorf("it ended with %d, want %d", code, want)
		}
		if code := result(t, next); code != want {
			t.Errorf("the next exit was %d, want %d", code, want)
		}
		if code := result(t, wait(container.WaitConditionNotRunning)); code != want {
			t.Errorf("after its end, the code is %d, want %d", code, want)
		}
		next = wait(container.WaitConditionNextExit)
	}
	select {
	case r := <-removed.Result:
		t.Errorf("the wait for its removal has ended before: %+v", r)
	default:
	}
	if _, err := api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if code := result(t, removed); code != 5 {
		t.Errorf("the removed one had %d, want 5", code)
	}
}

// TestAStreamIsTakenOverInBothForms attaches without a library: with the
// Upgrade header and without it, as old clients do.
func TestAStreamIsTakenOverInBothForms(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	for _, at := range []struct {
		header string
		status int
	}{{"Connection: Upgrade\r\nUpgrade: tcp\r\n", http.StatusSwitchingProtocols}, {"", http.StatusOK}} {
		id := c.Must("run", "-dit", busybox, "sh", "-c", "stty -echo; echo ready; while read x; do [ $x = end ] && exit 0; echo got $x; done")
		harness.Eventually(t, "it is ready", func() error {
			if got := c.Must("logs", id); got != "ready" {
				return fmt.Errorf("its log is %q", got)
			}
			return nil
		})
		conn, err := net.Dial("unix", d.Socket())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1.24/containers/%s/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: berth\r\n%s\r\n", id, at.header)
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != at.status {
			t.Fatalf("attach with %q: %v %v", at.header, resp, err)
		}
		fmt.Fprint(conn, "one\nend\n")
		if b, err := io.ReadAll(r); err != nil || string(b) != "got one\r\n" {
			t.Errorf("attach with %q gave %q (%v)", at.header, b, err)
		}
		c.Must("rm", "-f", id)
	}
}

func TestEveryVersionPrefixIsAnswered(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	for _, prefix := range []string{"", "/v1.24", "/v1.30", "/v1.41", "/v1.44", "/v1.47", "/v1.51"} {
		for _, path := range []string{"/_ping", "/version", "/info", "/containers/json?all=1", "/images/json"} {
			resp, err := d.HTTP().Get("http://berth" + prefix + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("GET %s%s: %s", prefix, path, resp.Status)
			}
		}
	}
}
