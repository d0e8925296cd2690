//go:build linux

package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// redis speaks the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type redis struct {
	conn net.Conn
	r    *bufio.Reader
}

// redisServer has what it answers on the disk, in a log that it rewrites often.
func redisServer() server {
	return server{
		name: "redis", socket: "redis",
		run:   "exec redis-server --port 0 --unixsocket /s/redis --dir /data --appendonly yes --appendfsync always --auto-aof-rewrite-min-size 64kb --save 1 100",
		dial:  func(conn net.Conn) (session, error) { return &redis{conn, bufio.NewReader(conn)}, nil },
		ended: [][]string{{"redis-check-aof", "/data/appendonlydir/appendonly.aof.manifest"}},
	}
}

func (r *redis) do(words ...string) ([]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		return nil, err
	}
	return r.reply()
}

func (r *redis) reply() ([]string, error) {
	line, err := r.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return []string{rest}, nil
	case '-':
		return nil, errors.New(rest) // LOADING, most of all
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, err
		}
		body := make([]byte, n+2)
		_, err = io.ReadFull(r.r, body)
		return []string{string(body[:n])}, err
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			one, err := r.reply()
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}
	return nil, fmt.Errorf("redis answers %q", line)
}

func (r *redis) put(n int64) error {
	_, err := r.do("SADD", "ledger", strconv.FormatInt(n, 10))
	return err
}

func (r *redis) all() (map[int64]bool, error) {
	members, err := r.do("SMEMBERS", "ledger")
	return numbers(members), err
}

func (r *redis) close() { r.conn.Close() }
