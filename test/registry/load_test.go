//go:build linux

package registry

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"berth/test/harness"
)

// memoryLimit is what the registry may take, whatever is asked of it.
const memoryLimit = 100 << 20

func TestAThousandManifestsAreReadAtOnceInLittleMemory(t *testing.T) {
	s := start(t)
	p := pushed{"a", "1", strings.Repeat("content", 1000)}
	if !pushImage(s, p) {
		t.Fatal("the push failed")
	}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0, MaxIdleConnsPerHost: 1000}}
	defer client.CloseIdleConnections()
	failed := make(chan string, 1000)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			<-begin
			resp, err := client.Get("http://" + s.addr + "/v2/a/manifests/1")
			if err != nil {
				failed <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || string(b) != imageOf(p.content) {
				failed <- fmt.Sprint(resp.StatusCode, err)
			}
		})
	}
	close(begin)
	all.Wait()
	close(failed)
	for f := range failed {
		t.Error(f)
	}
	if peak := peakMemory(t, s); peak > memoryLimit {
		t.Errorf("the registry took %d MiB", peak>>20)
	}
}

func TestALargePushAndPullTakeLittleMemory(t *testing.T) {
	s := start(t)
	const size = 256 << 20
	resp := send("POST", "http://"+s.addr+"/v2/a/blobs/uploads/", "", "")
	if resp == nil {
		t.Fatal("the upload does not begin")
	}
	at := "http://" + s.addr + resp.Header.Get("Location")
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", at, io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err = http.DefaultClient.Do(req); err != nil || resp.StatusCode != 202 {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	const digest = "sha256:a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484" // of as many zeros
	if a := ask(t, "PUT", at+"?digest="+digest, ""); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if resp, err = http.Get("http://" + s.addr + "/v2/a/blobs/" + digest); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("%d bytes came: %v", n, err)
	}
	if peak := peakMemory(t, s); peak > memoryLimit {
		t.Errorf("the registry took %d MiB", peak>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// peakMemory is the most that the registry has had in memory.
func peakMemory(t *testing.T, s *server) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d MiB", kib>>10)
	return kib << 10
}

func TestABlobGoesOutBySendfile(t *testing.T) {
	strace := harness.Tool(t, "strace")
	s := start(t, "--access-log", filepath.Join(t.TempDir(), "log"))
	p := pushed{"a", "1", strings.Repeat("content", 1<<20)}
	if !pushImage(s, p) {
		t.Fatal("the push failed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-e", "trace=sendfile", "-o", trace, "-p", fmt.Sprint(s.cmd.Process.Pid))
	var said lines
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	// Until it has attached, nothing is traced: ask until something is.
	wait(t, "sendfile is called", func() bool {
		select {
		case <-done:
			t.Skipf("strace may not trace here: %s", said.String())
		default:
		}
		if a := ask(t, "GET", "http://"+s.addr+"/v2/a/blobs/"+digestOf(p.content), ""); a.body != p.content {
			t.Fatalf("%d, %d bytes", a.status, len(a.body))
		}
		b, _ := os.ReadFile(trace)
		return strings.Contains(string(b), "sendfile(")
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	<-done
}

func TestAFullDiskIsSaidAndNothingHalfIsSeen(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), harness.Tool(t, "mount"), "-t", "tmpfs", "-o", "size=4m", "registry-test", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := &server{t: t, data: filepath.Join(dir, "data")}
	s.launch()
	t.Cleanup(func() {
		s.end(syscall.SIGTERM)
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	small := pushed{"a", "1", "small"}
	if !pushImage(s, small) {
		t.Fatal("the push failed")
	}
	large := strings.Repeat("x", 8<<20)
	if a := ask(t, "POST", "http://"+s.addr+"/v2/a/blobs/uploads/?digest="+digestOf(large), large); a.status != 507 || !strings.Contains(a.body, "disk is full") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ask(t, "HEAD", "http://"+s.addr+"/v2/a/blobs/"+digestOf(large), ""); a.status != 404 {
		t.Errorf("half a blob is seen: %d", a.status)
	}
	if left, err := os.ReadDir(filepath.Join(s.data, "uploads")); err != nil || len(left) > 0 {
		t.Errorf("what nobody can go on with fills the disk: %v %v", left, err)
	}
	look(t, s, small)
	whole(t, s)
}

func TestABodyThatBreaksOffLeavesWhatCame(t *testing.T) {
	s := start(t)
	resp := send("POST", "http://"+s.addr+"/v2/a/blobs/uploads/", "", "")
	if resp == nil {
		t.Fatal("the upload does not begin")
	}
	at := resp.Header.Get("Location")
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ncont", at)
	_ = c.Close()
	wait(t, "four bytes have come", func() bool {
		return ask(t, "GET", "http://"+s.addr+at, "").header.Get("Range") == "0-3"
	})
	if a := ask(t, "PUT", "http://"+s.addr+at+"?digest="+digestOf("content"), "ent", "Content-Range: 4-6"); a.status != 201 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
