package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/image"
)

// many are running containers as users have them, with a published port and some labels.
func many(n int) *fake {
	f := &fake{images: []image.Image{{ID: "sha256:aaaa", Names: []string{"docker.io/library/busybox:latest"}}}}
	for i := range n {
		f.containers = append(f.containers, container.Container{
			Revision: 1, ID: fmt.Sprintf("%064x", i+1), Name: fmt.Sprint("many", i), ImageID: "sha256:aaaa", Created: time.Unix(1_700_000_000+int64(i), 0), State: container.Running,
			Path: "sleep", Args: []string{"100000"}, Config: config.Config{Image: "busybox", Labels: map[string]string{"com.example.project": "many", "com.example.number": fmt.Sprint(i)}},
			HostConfig: config.HostConfig{NetworkMode: "bridge"},
			Run:        container.Run{Pid: 1000 + i, Started: time.Unix(1_700_000_000, 0)},
			Endpoints: []container.Endpoint{{Network: "bridge", Address: netip.MustParsePrefix("10.0.0.2/24"), Gateway: netip.MustParseAddr("10.0.0.1"), MAC: "02:42:0a:00:00:02",
				Ports: []config.PortBinding{{Port: 80, Proto: "tcp", HostIP: netip.MustParseAddr("0.0.0.0"), HostPort: uint16(30000 + i)}}}},
		})
	}
	return f
}

// overOne sends requests over one connection, as clients do that ask often.
func overOne(b *testing.B, f *fake, path string) {
	b.Helper()
	conn := dial(b, start(b, f))
	r := bufio.NewReaderSize(conn, 64<<10)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://berth"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := req.Write(conn); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		b.SetBytes(n)
	}
}

func BenchmarkAListOfFiftyOverTheSocket(b *testing.B) { overOne(b, many(50), "/v1.44/containers/json") }
func BenchmarkAListOf500OverTheSocket(b *testing.B)   { overOne(b, many(500), "/v1.44/containers/json") }
func BenchmarkAnInspectOverTheSocket(b *testing.B) {
	overOne(b, many(50), "/v1.44/containers/many3/json")
}
func BenchmarkAPingOverTheSocket(b *testing.B) { overOne(b, many(1), "/_ping") }
