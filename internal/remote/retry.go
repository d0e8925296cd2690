package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"berth/internal/fault"
)

// DefaultAttempts is how often something is tried, the first time included.
const DefaultAttempts = 5

const (
	maxPause = 30 * time.Second
	// maxAsked is the longest that a registry may make us wait: whoever waits for a pull would rather know.
	maxAsked = 2 * time.Minute
)

// Retry says how often and after which pauses something is tried again.
type Retry struct {
	Attempts int           // of one request, or of a transfer that gets no further
	Pause    time.Duration // before the second attempt; it doubles
	Stall    time.Duration // a transfer in which nothing moves for so long is broken off
}

// next decides whether a request that got an answer with status, or err, is made again, and after how long. attempt counts from 1.
func (r Retry) next(attempt, status int, err error, after string, now time.Time) (time.Duration, bool) {
	if attempt >= r.Attempts {
		return 0, false
	}
	pause := min(r.Pause<<min(attempt-1, 20), maxPause)
	if err != nil {
		return pause, passing(err)
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	if asked, ok := retryAfter(after, now); ok {
		pause = max(pause, asked)
	}
	return pause, pause <= maxAsked
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3).
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// passing reports an error that the next attempt may not meet: a connection that broke, not one that
// nobody takes, and nothing about certificates.
func passing(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var verify *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errStalled):
		return errors.Is(err, errStalled)
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &name), errors.As(err, &verify), errors.As(err, &plain):
		return false
	case errors.As(err, &lookup):
		return lookup.IsTemporary && !lookup.IsNotFound
	case errors.Is(err, syscall.ECONNREFUSED):
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errStalled),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return true
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op != "dial"
}

// errStalled breaks off a transfer in which nothing moves.
var errStalled = fault.New(fault.Unavailable, "the registry has sent and taken nothing for too long")

// retrying makes requests again that another attempt may mend. One with a body that cannot be had again is made once.
type retrying struct {
	http.RoundTripper
	retry Retry
}

// RoundTrip makes a request, as often as it takes.
func (t retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := t.once(req)
		status, after := 0, ""
		if err == nil {
			status, after = resp.StatusCode, resp.Header.Get("Retry-After")
		}
		pause, again := t.retry.next(attempt, status, err, after, time.Now())
		if !again || req.Context().Err() != nil || req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
			return resp, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
			resp.Body.Close()
		}
		select {
		case <-time.After(pause):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
	}
}

// once makes a request and watches that something moves, until its answer has been read.
func (t retrying) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{cancel: cancel, ctx: ctx}
	w.timer = time.AfterFunc(t.retry.Stall, func() { w.stalled.Store(true); cancel(errStalled) })
	w.stall = t.retry.Stall
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watched{ReadCloser: req.Body, watch: w}
	}
	resp, err := t.RoundTripper.RoundTrip(out)
	if err != nil {
		w.end()
		return nil, w.cause(err)
	}
	resp.Body = &watched{ReadCloser: resp.Body, watch: w, ends: true}
	return resp, nil
}

// watch cancels a request in which nothing moves.
type watch struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	stall   time.Duration
	stalled atomic.Bool
}

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watch) cause(err error) error {
	if err != nil && err != io.EOF && w.stalled.Load() {
		return errStalled
	}
	return err
}

// watched is a body whose bytes a watch sees pass.
type watched struct {
	io.ReadCloser
	watch *watch
	ends  bool // the exchange ends with it
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && !b.watch.stalled.Load() {
		b.watch.timer.Reset(b.watch.stall)
	}
	return n, b.watch.cause(err)
}

func (b *watched) Close() error {
	if b.ends {
		b.watch.end()
	}
	return b.ReadCloser.Close()
}
