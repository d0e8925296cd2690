package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// blobSize is what is pushed to the registries, and pulled from them and from nginx.
const blobSize = 256 << 20

// served is a server that the registry scenario asks: berth-registry stands in
// berth's column, Debian's docker-registry in docker's.
type served struct {
	column  string // "" for nginx, of which only the rate counts
	address string
	blob    string // the path of the blob
	cmd     *exec.Cmd
}

// registries compares berth-registry with Debian's docker-registry, and with nginx
// that serves the same bytes as a file.
func registries(b *bench) {
	dir, err := os.MkdirTemp("/var/tmp", "berth-bench-registry")
	if err != nil {
		b.note("registry: %v", err)
		return
	}
	defer os.RemoveAll(dir)
	sum, err := writeBlob(filepath.Join(dir, "blob"))
	if err != nil {
		b.note("registry: %v", err)
		return
	}
	servers, err := startServers(b.bin, dir, sum)
	defer func() {
		for _, s := range servers {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait() // how it ends is of no interest
		}
	}()
	if err == nil {
		err = askServers(b, dir, sum, servers)
	}
	if err != nil {
		b.note("registry: %v", err)
	}
}

// writeBlob writes a file that no compression makes smaller, and returns its digest.
func writeBlob(path string) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	source, err := os.Open("/dev/urandom")
	if err != nil {
		return "", err
	}
	defer source.Close()
	hash := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, hash), source, blobSize)
	return fmt.Sprintf("sha256:%x", hash.Sum(nil)), err
}

func startServers(bin, dir, sum string) (list []*served, err error) {
	var ports [3]string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") // a free one
		if err != nil {
			return nil, err
		}
		ports[i] = l.Addr().String()
		_ = l.Close()
	}
	files := map[string]string{
		"nginx.conf": "user root; daemon off; worker_processes 2; pid " + dir + "/pid; error_log /dev/null; events {} http { sendfile on; access_log off; " +
			"client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5; server { listen " + ports[2] + "; root " + dir + "; } }",
		"docker.yml": "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: " + dir + "/docker}}\nhttp: {addr: \"" + ports[1] + "\"}\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	path := "/v2/a/blobs/" + sum
	for _, s := range []*served{
		{"berth", ports[0], path, exec.Command(filepath.Join(bin, "berth-registry"), "serve", "--data", dir+"/berth", "--listen", ports[0])},
		{"docker", ports[1], path, exec.Command("docker-registry", "serve", dir+"/docker.yml")},
		{"", ports[2], "/blob", exec.Command("nginx", "-p", dir, "-c", dir+"/nginx.conf")},
	} {
		if err := s.cmd.Start(); err != nil {
			return list, err
		}
		list = append(list, s)
		if err := s.up(); err != nil {
			return list, err
		}
	}
	return list, nil
}

// up waits for the first answer.
func (s *served) up() error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + s.address + "/v2/")
		if err == nil {
			return resp.Body.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// askServers pushes to the registries, pulls from all, and reads a manifest a
// thousand times at once.
func askServers(b *bench, dir, sum string, servers []*served) error {
	push := b.figure("registry", "push of a blob of 256 MiB", "ms")
	for _, s := range servers {
		if s.column == "" {
			continue
		}
		took, err := s.push(filepath.Join(dir, "blob"), sum)
		if err != nil {
			return err
		}
		push.values[s.column] = append(push.values[s.column], took.Seconds()*1000)
	}
	pull := b.figure("registry", "pull of it", "ms")
	rate := b.figure("registry", "share of nginx's rate", "x")
	rate.moreIsBetter, rate.target = true, target{atLeast: 0.8}
	for range b.rounds(9, 3) {
		took := map[string]float64{}
		for _, s := range servers {
			t, err := s.pull()
			if err != nil {
				return err
			}
			took[s.column] = t.Seconds()
		}
		for _, column := range []string{"berth", "docker"} {
			pull.values[column] = append(pull.values[column], took[column]*1000)
			rate.values[column] = append(rate.values[column], took[""]/took[column])
		}
	}
	many := b.figure("registry", "a manifest a thousand times at once", "ms")
	memory := b.figure("registry", "memory after all of it", "MiB")
	memory.target = target{atMost: 100}
	for _, s := range servers {
		if s.column == "" {
			continue
		}
		took, err := s.thousand(sum)
		if err != nil {
			return err
		}
		many.values[s.column] = append(many.values[s.column], took.Seconds()*1000)
		rss, _ := rollup(fmt.Sprint("/proc/", s.cmd.Process.Pid))
		memory.values[s.column] = append(memory.values[s.column], rss)
	}
	return nil
}

// push sends the blob as docker does: it begins, sends all, and names the digest.
func (s *served) push(file, sum string) (time.Duration, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	began := time.Now()
	at, err := s.send("POST", "/v2/a/blobs/uploads/", "", nil)
	if err == nil {
		at, err = s.send("PATCH", at, "application/octet-stream", f)
	}
	if err == nil {
		mark := "?"
		if strings.Contains(at, "?") {
			mark = "&"
		}
		_, err = s.send("PUT", at+mark+"digest="+sum, "application/octet-stream", nil)
	}
	return time.Since(began), err
}

// send returns where the answer says to go on.
func (s *served) send(method, path, kind string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+s.address+path, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return "", fmt.Errorf("%s: %s %s: %s", s.column, method, path, resp.Status)
	}
	return strings.TrimPrefix(resp.Header.Get("Location"), "http://"+s.address), nil
}

func (s *served) pull() (time.Duration, error) {
	began := time.Now()
	resp, err := http.Get("http://" + s.address + s.blob)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != blobSize {
		err = fmt.Errorf("%s: %d bytes came of %s", s.column, n, s.blob)
	}
	return time.Since(began), err
}

// thousand reads one manifest over as many connections.
func (s *served) thousand(sum string) (time.Duration, error) {
	blob := fmt.Sprintf(`{"mediaType":"application/octet-stream","size":%d,"digest":%q}`, blobSize, sum)
	const kind = "application/vnd.docker.distribution.manifest.v2+json"
	manifest := `{"schemaVersion":2,"mediaType":"` + kind + `","config":` + blob + `,"layers":[` + blob + `]}`
	if _, err := s.send("PUT", "/v2/a/manifests/1", kind, strings.NewReader(manifest)); err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	defer client.CloseIdleConnections()
	errs := make(chan error, 1000)
	var all sync.WaitGroup
	began := time.Now()
	for range 1000 {
		all.Go(func() {
			resp, err := client.Get("http://" + s.address + "/v2/a/manifests/1")
			if err == nil {
				defer resp.Body.Close()
				_, err = io.Copy(io.Discard, resp.Body)
			}
			errs <- err
		})
	}
	all.Wait()
	took := time.Since(began)
	close(errs)
	for err := range errs {
		if err != nil {
			return took, err
		}
	}
	return took, nil
}
