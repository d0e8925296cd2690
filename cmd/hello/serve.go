//go:build linux

package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	// headLimit is the most that a request's head may take, in bytes.
	headLimit = 16 << 10
	// idleSeconds is how long a connection may say nothing.
	idleSeconds = 60
)

// serve answers every HTTP/1.1 request with the greeting and the host's name,
// until a signal ends the program. It listens on IPv6 and IPv4, or on an IPv4
// address that is given.
func serve(args []string) int {
	if len(args) != 1 {
		complain("usage: hello serve [ADDRESS]:PORT\n")
		return exitUsage
	}
	fd, err := listen(args[0])
	if err != nil {
		complain("serve " + args[0] + ": " + err.Error() + "\n")
		return 1
	}
	say("serving on " + args[0] + "\n")
	for {
		conn, _, err := syscall.Accept4(fd, syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			go answer(conn)
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			complain("serve: " + err.Error() + "\n")
			return 1
		}
	}
}

func listen(address string) (int, error) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return -1, syscall.EINVAL
	}
	port, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return -1, syscall.EINVAL
	}
	if host := address[:i]; host != "" {
		ip, ok := parseIPv4(host)
		if !ok {
			return -1, syscall.EADDRNOTAVAIL
		}
		return bind(syscall.AF_INET, &syscall.SockaddrInet4{Port: int(port), Addr: ip})
	}
	fd, err := bind(syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(port)})
	if err == syscall.EAFNOSUPPORT || err == syscall.EADDRNOTAVAIL {
		return bind(syscall.AF_INET, &syscall.SockaddrInet4{Port: int(port)})
	}
	return fd, err
}

func bind(family int, address syscall.Sockaddr) (int, error) {
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if family == syscall.AF_INET6 {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err = syscall.Bind(fd, address); err == nil {
		err = syscall.Listen(fd, 512)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func parseIPv4(s string) (ip [4]byte, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return ip, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return ip, false
		}
		ip[i] = byte(n)
	}
	return ip, true
}

// answer serves one connection until the client wants no more. Bodies of
// requests are not read: the connection closes after a request that has one.
func answer(conn int) {
	defer syscall.Close(conn)
	idle := syscall.Timeval{Sec: idleSeconds}
	syscall.SetsockoptTimeval(conn, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &idle)
	syscall.SetsockoptTimeval(conn, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &idle)
	var pending []byte
	for {
		head, rest, ok := readHead(conn, pending)
		if !ok {
			return
		}
		pending = rest
		text, last := response(head)
		if writeAll(conn, text) != nil || last {
			return
		}
	}
}

// readHead reads up to the empty line that ends a request's head.
func readHead(conn int, pending []byte) (head, rest []byte, ok bool) {
	buf := make([]byte, 4096)
	for {
		if i := bytes.Index(pending, []byte("\r\n\r\n")); i >= 0 {
			return pending[:i], pending[i+4:], true
		}
		if len(pending) > headLimit {
			return nil, nil, false
		}
		n, err := syscall.Read(conn, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return nil, nil, false
		}
		pending = append(pending, buf[:n]...)
	}
}

// response answers one request, and tells whether it is the connection's last.
func response(head []byte) (text []byte, last bool) {
	line, headers, _ := strings.Cut(string(head), "\r\n")
	headers = strings.ToLower(headers)
	parts := strings.Fields(line)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/1.") {
		return []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), true
	}
	last = parts[2] == "HTTP/1.0" || strings.Contains(headers, "connection: close") ||
		strings.Contains(headers, "content-length:") || strings.Contains(headers, "transfer-encoding:")
	host, _ := os.Hostname()
	body := "Hello from berth!\nhostname " + host + "\n"
	reply := "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	if last {
		reply += "Connection: close\r\n"
	}
	reply += "\r\n"
	if parts[0] != "HEAD" {
		reply += body
	}
	return []byte(reply), last
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
