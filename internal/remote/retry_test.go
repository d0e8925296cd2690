package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

func TestWhatIsTriedAgainAndAfterHowLong(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := Retry{Attempts: 4, Pause: time.Second}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	for _, c := range []struct {
		attempt, status int
		err             error
		after           string
		want            time.Duration // -1 for never
	}{
		{1, 200, nil, "", -1}, {1, 404, nil, "", -1}, {1, 401, nil, "", -1}, {1, 416, nil, "", -1}, {1, 501, nil, "", -1},
		{1, 500, nil, "", time.Second}, {2, 502, nil, "", 2 * time.Second}, {3, 503, nil, "", 4 * time.Second}, {4, 503, nil, "", -1},
		{1, 429, nil, "7", 7 * time.Second}, {1, 429, nil, "0", time.Second}, {1, 503, nil, "Fri, 02 Jan 2026 03:04:25 GMT", 20 * time.Second},
		{1, 429, nil, "3600", -1}, {1, 429, nil, "soon", time.Second}, {1, 503, nil, "Fri, 02 Jan 2026 03:00:00 GMT", time.Second},
		{1, 0, io.EOF, "", time.Second}, {1, 0, fmt.Errorf("x: %w", reset), "", time.Second}, {1, 0, errStalled, "", time.Second},
		{1, 0, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "", -1}, {1, 0, &net.DNSError{IsNotFound: true}, "", -1},
		{1, 0, x509.UnknownAuthorityError{}, "", -1}, {1, 0, context.Canceled, "", -1}, {1, 0, errors.New("malformed"), "", -1},
	} {
		pause, again := r.next(c.attempt, c.status, c.err, c.after, now)
		if again != (c.want >= 0) || again && pause != c.want {
			t.Errorf("attempt %d, %d, %v, %q: %v, %v", c.attempt, c.status, c.err, c.after, pause, again)
		}
	}
}

func TestATransferInWhichNothingMovesIsBrokenOff(t *testing.T) {
	stuck := make(chan struct{})
	r := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "12345")
		_ = http.NewResponseController(w).Flush()
		<-stuck
	})
	defer close(stuck)
	repo := open(t, New(Config{Retry: Retry{Attempts: 1, Stall: 50 * time.Millisecond}}), r.host, Credentials{})
	body, _, err := repo.Blob(t.Context(), blobOf("1234567890"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, err := io.ReadAll(body); string(b) != "12345" || !errors.Is(err, errStalled) {
		t.Errorf("%q, %v", b, err)
	}
}
