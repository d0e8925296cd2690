//go:build linux

package integration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// chatter is what the containers write whose messages are compared: one stream at a time, so that the order is the same.
const chatter = `sleep 0.2; echo one; printf '\ttwo "x" \\ <b> \001\n\nü☃\n'; sleep 0.2; echo err >&2; sleep 0.2; head -c 20000 /dev/zero | tr '\0' x; echo`

// party is one of the two daemons that are compared.
type party struct {
	client harness.Client
	exec   string                      // its exec-root: a directory for sockets
	inside func(fn func() error) error // runs fn in its network
}

func parties(t *testing.T) [2]party {
	docker, d := harness.StartDockerd(t), harness.Start(t)
	d.Busybox()
	return [2]party{{docker.Client(t), docker.ExecRoot(), docker.Inside}, {d.Client(t, "docker"), d.ExecRoot(), func(fn func() error) error { return fn() }}}
}

// talk runs a container that logs to a driver.
func (p party) talk(name, driver string, opts ...string) {
	args := []string{"run", "-d", "--name", name, "--network", "none", "--label", "team=a b", "-e", "STAGE=t&t", "--log-driver", driver, "--log-opt", "labels=team", "--log-opt", "env=STAGE"}
	for _, o := range opts {
		args = append(args, "--log-opt", o)
	}
	p.client.Prints("0", "wait", p.client.Must(append(args, "busybox", "sh", "-c", chatter)...))
	p.client.Must("rm", name)
}

// collect takes n messages from a channel and writes one a line, with what differs from run to run as a star.
func collect(t *testing.T, from <-chan string, n int) string {
	t.Helper()
	var all strings.Builder
	for range n {
		select {
		case text := <-from:
			all.WriteString(text + "\n")
		case <-time.After(harness.Patience):
			t.Fatalf("only this came:\n%s", brief(all.String()))
		}
	}
	return regexp.MustCompile(`[0-9a-f]{64}|\b[0-9a-f]{12}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|\b1[67]\d{8}(\.\d+)?\b|\b17\d{9}\b`).ReplaceAllString(all.String(), "*")
}

// inOrder is a map as text that does not depend on its order.
func inOrder[V any](m map[string]V) string {
	var parts []string
	for k, v := range m {
		parts = append(parts, fmt.Sprintf("%s=%#v", k, v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// accepted hands the connections of a listener to read, one after the other, until it is closed.
func accepted(l net.Listener, read func(io.Reader)) {
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); read(conn) }()
		}
	}()
}

func TestAGraylogGetsFromUsWhatItGetsFromDocker(t *testing.T) {
	t.Parallel()
	both := parties(t)
	for _, opts := range [][]string{{"tcp"}, {"udp"}, {"udp", "gelf-compression-type=zlib"}, {"udp", "gelf-compression-type=none", "tag={{.Name}}/{{.ImageName}}"}} {
		var heard [2]string
		for i, p := range both {
			got := make(chan string, 100)
			address := p.graylog(t, opts[0], got)
			p.talk("gelf", "gelf", append([]string{"gelf-address=" + opts[0] + "://" + address}, opts[1:]...)...)
			heard[i] = collect(t, got, 6)
		}
		if heard[0] != heard[1] {
			t.Errorf("%v: from Docker came\n%s\nand from berth\n%s", opts, brief(heard[0]), brief(heard[1]))
		}
	}
}

// graylog listens in the daemon's network and returns the address.
func (p party) graylog(t *testing.T, network string, got chan<- string) (address string) {
	t.Helper()
	say := func(text []byte) {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			got <- fmt.Sprintf("%v: %q", err, text)
			return
		}
		if at, ok := m["timestamp"].(float64); ok && at > 1.6e9 {
			m["timestamp"] = "*"
		}
		got <- inOrder(m)
	}
	err := p.inside(func() error {
		if network == "tcp" {
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				return err
			}
			t.Cleanup(func() { l.Close() })
			address = l.Addr().String()
			accepted(l, func(r io.Reader) {
				for b := bufio.NewReader(r); ; {
					text, err := b.ReadBytes(0)
					if err != nil {
						return
					}
					say(text[:len(text)-1])
				}
			})
			return nil
		}
		l, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		address = l.LocalAddr().String()
		go datagrams(l, say)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// datagrams puts the chunks of messages together and unpacks them.
func datagrams(l net.PacketConn, say func([]byte)) {
	parts := map[string][][]byte{}
	for b := make([]byte, 64<<10); ; {
		n, _, err := l.ReadFrom(b)
		if err != nil {
			return
		}
		text := bytes.Clone(b[:n])
		if bytes.HasPrefix(text, []byte{0x1e, 0x0f}) {
			id := string(text[2:10])
			parts[id] = append(parts[id], text[12:]) // over the loopback in order
			if len(parts[id]) < int(text[11]) {
				continue
			}
			text = bytes.Join(parts[id], nil)
		}
		say(unpacked(text))
	}
}

func unpacked(text []byte) []byte {
	var z io.Reader
	var err error
	switch {
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		z, err = gzip.NewReader(bytes.NewReader(text))
	case text[0] == 0x78:
		z, err = zlib.NewReader(bytes.NewReader(text))
	default:
		return text
	}
	if err == nil {
		text, err = io.ReadAll(z)
	}
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

func TestAFluentdGetsFromUsWhatItGetsFromDocker(t *testing.T) {
	t.Parallel()
	both := parties(t)
	for _, opts := range [][]string{nil, {"fluentd-sub-second-precision=true", "tag=docker.{{.Name}}"}, {"fluentd-async=true"}} {
		var heard [2]string
		for i, p := range both {
			path := p.exec + "/fluentd.sock"
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan string, 100)
			accepted(l, func(r io.Reader) {
				for b := bufio.NewReader(r); ; {
					v, err := msgpack(b)
					if err != nil {
						return
					}
					got <- fmt.Sprint(v)
				}
			})
			p.talk("fluentd", "fluentd", append([]string{"fluentd-address=unix://" + path}, opts...)...)
			heard[i] = collect(t, got, 7)
			l.Close()
		}
		if heard[0] != heard[1] {
			t.Errorf("%v: from Docker came\n%s\nand from berth\n%s", opts, brief(heard[0]), brief(heard[1]))
		}
	}
}

// msgpack reads a value: strings come quoted, maps sorted, times as a star.
func msgpack(r *bufio.Reader) (any, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	number := func(bytes int) (n uint64) {
		b := make([]byte, 8)
		_, err = io.ReadFull(r, b[8-bytes:])
		return binary.BigEndian.Uint64(b)
	}
	text := func(n uint64) (any, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		return fmt.Sprintf("%q", b), err
	}
	switch {
	case kind < 0x80:
		return kind, nil
	case kind < 0x90:
		return msgpackMap(r, uint64(kind&0x0f))
	case kind < 0xa0:
		return msgpackArray(r, uint64(kind&0x0f))
	case kind < 0xc0:
		return text(uint64(kind & 0x1f))
	}
	switch kind {
	case 0xc0:
		return nil, nil
	case 0xce, 0xd2: // seconds
		return number(4), err
	case 0xcf, 0xd3:
		return number(8), err
	case 0xd7: // an EventTime: its type, seconds, nanoseconds
		return fmt.Sprint("time ", number(1), " ", number(4) > 1.6e9, " ", number(4) < 1e9), err
	case 0xd9:
		return text(number(1))
	case 0xda:
		return text(number(2))
	case 0xdc:
		return msgpackArray(r, number(2))
	case 0xde:
		return msgpackMap(r, number(2))
	}
	return nil, fmt.Errorf("a value of kind %#x", kind)
}

func msgpackArray(r *bufio.Reader, n uint64) (list []any, err error) {
	for range n {
		v, err := msgpack(r)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func msgpackMap(r *bufio.Reader, n uint64) (string, error) {
	m := map[string]any{}
	for range n {
		pair, err := msgpackArray(r, 2)
		if err != nil {
			return "", err
		}
		m[fmt.Sprint(pair[0])] = pair[1]
	}
	return "{" + inOrder(m) + "}", nil
}
