package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"

	"github.com/moby/moby/api/types"
)

// Stream is a connection taken over from HTTP: what is written goes to stdin,
// what is read is output, framed or raw.
type Stream struct {
	conn   net.Conn
	reader *bufio.Reader
	// Media is the answer's content type; old daemons leave it unspecific.
	Media string
}

// Framed reports whether the daemon said that output is multiplexed.
func (s *Stream) Framed() bool { return s.Media == types.MediaTypeMultiplexedStream }

// Read reads output.
func (s *Stream) Read(p []byte) (int, error) { return s.reader.Read(p) }

// WriteTo copies all output into w. What the parser had read ahead goes first,
// then the connection itself, so that the kernel can splice it.
func (s *Stream) WriteTo(w io.Writer) (int64, error) {
	ahead, err := io.CopyN(w, s.reader, int64(s.reader.Buffered()))
	if err != nil {
		return ahead, err
	}
	n, err := io.Copy(w, s.conn)
	return ahead + n, err
}

// Write sends input.
func (s *Stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// ReadFrom sends all of r as input, spliced where the kernel can.
func (s *Stream) ReadFrom(r io.Reader) (int64, error) { return io.Copy(s.conn, r) }

// CloseWrite ends the input; output goes on.
func (s *Stream) CloseWrite() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close ends the connection.
func (s *Stream) Close() error { return s.conn.Close() }

// hijack sends r on a connection of its own and takes the connection over.
func (c *Client) hijack(ctx context.Context, r request) (*Stream, error) {
	for {
		version := c.Version()
		s, resp, err := c.upgrade(ctx, r, version)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols || resp.StatusCode == http.StatusOK {
			c.learn(resp)
			s.Media, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
			return s, nil
		}
		if resp.StatusCode == http.StatusBadRequest {
			c.learn(resp)
		}
		err = responseError(resp)
		_ = s.Close()
		// Another request may have learned the version while this one was on its way.
		if resp.StatusCode != http.StatusBadRequest || c.Version() == version {
			return nil, err
		}
	}
}

// upgrade does one exchange. On success the caller owns the stream.
func (c *Client) upgrade(ctx context.Context, r request, version string) (*Stream, *http.Response, error) {
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return nil, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(version, r), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	c.introduce(req)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "tcp")
	conn, err := c.endpoint.dial(ctx)
	if err != nil {
		return nil, nil, c.transportError(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s := &Stream{conn: conn, reader: bufio.NewReader(conn)}
	err = req.Write(conn)
	var resp *http.Response
	if err == nil {
		resp, err = http.ReadResponse(s.reader, req)
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		return nil, nil, c.transportError(fmt.Errorf("unable to upgrade to tcp: %w", err))
	}
	return s, resp, nil
}
