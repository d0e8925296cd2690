package logdriver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// receiver is the other side of a remote driver: it parses what comes.
type receiver struct {
	t       *testing.T
	options map[string]string
	mu      sync.Mutex
	lines   []string
	objects []any
	changed chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	return &receiver{t: t, options: map[string]string{}, changed: make(chan struct{}, 1)}
}

func (r *receiver) take(stream, text string, object any) {
	r.mu.Lock()
	r.lines, r.objects = append(r.lines, stream+" "+text), append(r.objects, object)
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *receiver) raw() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objects
}

// received waits for n messages.
func (r *receiver) received(n int) []string {
	r.t.Helper()
	deadline := time.After(time.Minute)
	for {
		r.mu.Lock()
		lines := r.lines
		r.mu.Unlock()
		if len(lines) >= n {
			return lines
		}
		select {
		case <-r.changed:
		case <-deadline:
			r.t.Errorf("%d of %d messages came", len(lines), n)
			return lines
		}
	}
}

// serve listens on a network and gives every connection, or all datagrams, to read.
func (r *receiver) serve(network string, config *tls.Config, read func(io.Reader) error) (address string) {
	r.t.Helper()
	at := "127.0.0.1:0"
	if strings.HasPrefix(network, "unix") {
		dir, err := os.MkdirTemp("", "log") // short
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { os.RemoveAll(dir) })
		at = filepath.Join(dir, "s")
	}
	if network == "udp" || network == "unixgram" {
		conn, err := net.ListenPacket(network, at)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { conn.Close() })
		if u, ok := conn.(*net.UDPConn); ok {
			u.SetReadBuffer(4 << 20)
		}
		go r.datagrams(conn, read)
		return conn.LocalAddr().String()
	}
	l, err := net.Listen(network, at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	address = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.t.Cleanup(func() { conn.Close() })
			go func() {
				if err := read(conn); err != nil && r.t.Context().Err() == nil {
					r.t.Errorf("the receiver: %v", err)
				}
			}()
		}
	}()
	return address
}

func (r *receiver) datagrams(conn net.PacketConn, read func(io.Reader) error) {
	b := make([]byte, 128<<10)
	for {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		if err := read(bytes.NewReader(b[:n])); err != nil {
			r.t.Errorf("the receiver: %v", err)
		}
	}
}

func listenSyslog(t *testing.T, network, form string) *receiver {
	r := newReceiver(t)
	var config *tls.Config
	transport := network
	if network == "tcp+tls" {
		var ca string
		config, ca = certificate(t)
		transport, r.options["syslog-tls-ca-cert"] = "tcp", ca
	}
	const day, second = `[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`, `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`
	const zone = `(?:Z|[+-]\d\d:\d\d)`
	head := map[string]string{
		"": `^<(\d+)>` + day + ` tag\[\d+\]: (.*)$`, "rfc3164": `^<(\d+)>` + day + ` \S+ tag\[\d+\]: (.*)$`,
		"rfc5424": `^<(\d+)>1 ` + second + zone + ` \S+ tag \d+ tag - (.*)$`, "rfc5424micro": `^<(\d+)>1 ` + second + `\.\d{6}` + zone + ` \S+ tag \d+ tag - (.*)$`,
	}[form]
	counted := network == "tcp+tls" && strings.HasPrefix(form, "rfc5424")
	address := r.serve(transport, config, func(in io.Reader) error {
		for b := bufio.NewReaderSize(in, 64<<10); ; {
			text, err := syslogFrame(b, counted)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			m := regexp.MustCompile(head).FindStringSubmatch(text)
			if m == nil {
				return fmt.Errorf("%.80q is not of the form %s", text, head)
			}
			stream := map[string]string{"134": "stdout", "131": "stderr"}[m[1]] // local0
			r.take(stream, m[2], nil)
		}
	})
	r.options["syslog-address"], r.options["syslog-facility"], r.options["tag"] = network+"://"+address, "local0", "tag"
	if form != "" {
		r.options["syslog-format"] = form
	}
	return r
}

func syslogFrame(b *bufio.Reader, counted bool) (string, error) {
	if !counted {
		text, err := b.ReadString('\n')
		return strings.TrimSuffix(text, "\n"), err
	}
	length, err := b.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(length))
	if err != nil {
		return "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(b, text)
	return strings.TrimSuffix(string(text), "\n"), err
}

func certificate(t *testing.T) (config *tls.Config, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, ca
}

func listenGELF(t *testing.T, network string) *receiver {
	r := newReceiver(t)
	chunks := map[string][][]byte{}
	address := r.serve(network, nil, func(in io.Reader) error {
		if network == "tcp" {
			for b := bufio.NewReader(in); ; {
				text, err := b.ReadBytes(0)
				if err != nil {
					return nil
				}
				if err := r.gelf(text[:len(text)-1]); err != nil {
					return err
				}
			}
		}
		b, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if len(b) > 1420 {
			return fmt.Errorf("a datagram of %d bytes", len(b))
		}
		if bytes.HasPrefix(b, []byte{0x1e, 0x0f}) {
			id := string(b[2:10])
			chunks[id] = append(chunks[id], b[12:])
			if int(b[10]) != len(chunks[id])-1 || len(chunks[id]) < int(b[11]) {
				return nil
			}
			b = bytes.Join(chunks[id], nil)
		}
		if b, err = unpacked(b); err != nil {
			return err
		}
		return r.gelf(b)
	})
	r.options["gelf-address"] = network + "://" + address
	return r
}

func unpacked(b []byte) ([]byte, error) {
	var z io.Reader
	var err error
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		z, err = gzip.NewReader(bytes.NewReader(b))
	case b[0] == 0x78:
		z, err = zlib.NewReader(bytes.NewReader(b))
	default:
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func (r *receiver) gelf(text []byte) error {
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	r.take(map[any]string{6.0: "stdout", 3.0: "stderr"}[m["level"]], m["short_message"].(string), m)
	return nil
}

func listenFluentd(t *testing.T, network string) *receiver {
	r := newReceiver(t)
	address := r.serve(network, nil, func(in io.Reader) error {
		for b := bufio.NewReader(in); ; {
			v, err := unpack(b)
			if err != nil {
				return nil // the end of it
			}
			m, ok := v.([]any)
			if !ok || len(m) != 4 {
				return fmt.Errorf("%v is no message", v)
			}
			record := m[2].(map[string]any)
			r.take(record["source"].(string), record["log"].(string), v)
			if chunk, ok := m[3].(map[string]any)["chunk"].(string); ok {
				if _, err := in.(net.Conn).Write(append([]byte("\x81\xa3ack\xd9"+string(rune(len(chunk)))), chunk...)); err != nil {
					return err
				}
			}
		}
	})
	r.options["fluentd-address"] = network + "://" + address
	return r
}

// unpack reads the msgpack that a log can have.
func unpack(b *bufio.Reader) (any, error) {
	head, err := b.ReadByte()
	if err != nil {
		return nil, err
	}
	number := func(size int) int {
		text := make([]byte, 8)
		if _, e := io.ReadFull(b, text[8-size:]); e != nil {
			err = e
		}
		return int(binary.BigEndian.Uint64(text))
	}
	text := func(n int) string {
		s := make([]byte, n)
		if _, e := io.ReadFull(b, s); e != nil {
			err = e
		}
		return string(s)
	}
	var v any
	switch {
	case head&0xf0 == 0x90:
		list := []any{}
		for range head & 0xf {
			item, e := unpack(b)
			if e != nil {
				return nil, e
			}
			list = append(list, item)
		}
		v = list
	case head&0xf0 == 0x80, head == 0xde:
		n := int(head & 0xf)
		if head == 0xde {
			n = number(2)
		}
		m := map[string]any{}
		for range n {
			key, e := unpack(b)
			if e != nil {
				return nil, e
			}
			if m[key.(string)], e = unpack(b); e != nil {
				return nil, e
			}
		}
		v = m
	case head&0xe0 == 0xa0:
		v = text(int(head & 0x1f))
	case head >= 0xd9 && head <= 0xdb:
		v = text(number(1 << (head - 0xd9)))
	case head == 0xd3:
		v = number(8)
	case head == 0xd7:
		kind := number(1)
		v = fmt.Sprintf("ext%d:%x", kind, text(8))
	default:
		return nil, fmt.Errorf("%#x is not expected", head)
	}
	return v, err
}

func listenJournal(t *testing.T) *receiver {
	r := newReceiver(t)
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r.options["socket"] = path
	go func() {
		b, oob := make([]byte, 1<<20), make([]byte, 1024)
		for {
			n, k, _, _, err := conn.ReadMsgUnix(b, oob)
			if err != nil {
				return
			}
			entry := b[:n]
			if k > 0 {
				if entry, err = sealedEntry(oob[:k]); err != nil {
					t.Errorf("the journal: %v", err)
				}
			}
			fields, err := journalFields(entry)
			if err != nil {
				t.Errorf("the journal: %v", err)
			}
			r.take(map[string]string{"6": "stdout", "3": "stderr"}[fields["PRIORITY"]], fields["MESSAGE"], fields)
		}
	}()
	return r
}

// sealedEntry reads an entry that came as a file, as the journal does: only if it is sealed.
func sealedEntry(oob []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fds[0]), "entry")
	defer f.Close()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if want := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL; err != nil || seals&want != want {
		return nil, fmt.Errorf("it has the seals %#x, %v", seals, err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, st.Size())
	_, err = f.ReadAt(b, 0)
	return b, err
}

func journalFields(b []byte) (map[string]string, error) {
	fields := map[string]string{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("%.40q has no end", b)
		}
		if key, value, ok := strings.Cut(string(line), "="); ok {
			fields[key], b = value, rest
			continue
		}
		n := binary.LittleEndian.Uint64(rest)
		fields[string(line)] = string(rest[8 : 8+n])
		b = rest[8+n+1:]
	}
	return fields, nil
}
