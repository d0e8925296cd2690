//go:build !windows

package cli

import (
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
)

// signalled scripts a container whose client gets a SIGTERM once it runs, and
// that ends with 9 when told or when the client leaves.
func signalled(t *testing.T) (f *fake, told chan string) {
	told = make(chan string, 4)
	f = engineFor(t, 9, framed, func(_ net.Conn, in io.Reader) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, in)
		<-told
	})
	f.on("POST /containers/"+id+"/kill", func(w http.ResponseWriter, r *http.Request) {
		told <- r.URL.Query().Get("signal")
		noContent(w, r)
	})
	return f, told
}

func TestASignalGoesToTheContainerWhoseCodeCounts(t *testing.T) {
	f, _ := signalled(t)
	f.run("", "run", "--rm", "busybox").want(t, 9, "", "")
	if query := f.lastQuery(); query != "signal=TERM" {
		t.Errorf("told %q", query)
	}
}

func TestWithoutTheProxyASignalEndsTheClientAlone(t *testing.T) {
	f, told := signalled(t)
	f.run("", "run", "--rm", "--sig-proxy=false", "busybox").want(t, 143, "", "")
	for _, call := range f.seen() {
		if call == "POST /containers/"+id+"/kill" {
			t.Error("the container was told")
		}
	}
	told <- ""
}
