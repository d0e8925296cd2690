//go:build linux

package data

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// postgres speaks the protocol of PostgreSQL, as much of it as a query takes
// (https://www.postgresql.org/docs/15/protocol-flow.html).
type postgres struct {
	conn net.Conn
	r    *bufio.Reader
}

// postgresServer makes a cluster if there is none, with checksums, and serves it. Whatever it answers
// is on the disk, as by its defaults.
func postgresServer() server {
	return server{
		name: "postgres", socket: ".s.PGSQL.5432",
		run: `test -s /data/PG_VERSION || initdb -D /data -U postgres -A trust -k --no-instructions >/dev/null || exit 1
exec postgres -D /data -k /s -c listen_addresses= -c shared_buffers=16MB -c max_wal_size=64MB -c min_wal_size=32MB`,
		dial: func(conn net.Conn) (session, error) { return dialPostgres(conn) },
		// The index and the table are held against each other, and each page against its checksum.
		running: [][]string{{"pg_amcheck", "-h", "/s", "-U", "postgres", "-a", "--install-missing", "--heapallindexed", "--rootdescend"}},
		ended:   [][]string{{"pg_checksums", "--check", "-D", "/data"}},
	}
}

func dialPostgres(conn net.Conn) (*postgres, error) {
	p := &postgres{conn, bufio.NewReader(conn)}
	hello := []byte("\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00")
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(hello)+4)), hello...)); err != nil {
		return nil, err
	}
	if _, err := p.answer(); err != nil {
		return nil, err
	}
	// Of several who make it at the same time all but one are refused.
	_, err := p.query("CREATE TABLE IF NOT EXISTS ledger (n bigint PRIMARY KEY, filler text)")
	var refused *refusal
	if errors.As(err, &refused) {
		err = nil
	}
	return p, err
}

// refusal is an error that the server has answered.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func (p *postgres) query(text string) ([]string, error) {
	message := append(binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(len(text)+5)), text...)
	if _, err := p.conn.Write(append(message, 0)); err != nil {
		return nil, err
	}
	return p.answer()
}

// answer reads up to where the server is ready for a query, and returns the first column of the rows.
func (p *postgres) answer() (rows []string, err error) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(p.r, head[:]); err != nil {
			return nil, err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(p.r, body); err != nil {
			return nil, err
		}
		switch head[0] {
		case 'D':
			rows = append(rows, string(body[6:6+binary.BigEndian.Uint32(body[2:])]))
		case 'E':
			err = &refusal{fmt.Sprintf("%q", body)}
		case 'Z':
			return rows, err
		}
	}
}

func (p *postgres) put(n int64) error {
	_, err := p.query(fmt.Sprintf("BEGIN; INSERT INTO ledger VALUES (%d, repeat('x', 200)); UPDATE ledger SET filler = 'y' WHERE n = %d; COMMIT", n, n))
	return err
}

func (p *postgres) all() (map[int64]bool, error) {
	rows, err := p.query("SELECT n FROM ledger WHERE filler = 'y'")
	return numbers(rows), err
}

func (p *postgres) close() { p.conn.Close() }

func numbers(texts []string) map[int64]bool {
	set := make(map[int64]bool, len(texts))
	for _, text := range texts {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			set[n] = true
		}
	}
	return set
}
