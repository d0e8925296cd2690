package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"

	"berth/internal/fault"

	"github.com/moby/moby/api/types/common"
)

// maxErrorBody bounds what is read of an error answer, in bytes.
const maxErrorBody = 1 << 20

// kinds maps a status to what the caller may do about it.
func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusBadRequest:
		return fault.Invalid
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusNotImplemented:
		return fault.Unsupported
	case http.StatusServiceUnavailable:
		return fault.Unavailable
	}
	return fault.Internal
}

// responseError turns an answer of 400 and above into an error in Docker's
// wording, and closes the body.
func responseError(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading the daemon's error failed")
	}
	kind := kindOf(resp.StatusCode)
	if len(body) == 0 {
		return fault.New(kind, "request returned %s and no message", http.StatusText(resp.StatusCode))
	}
	text := strings.TrimSpace(string(body))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media == "application/json" {
		var answer common.ErrorResponse
		if err := json.Unmarshal(body, &answer); err != nil {
			return fault.Wrap(kind, err, "Error reading JSON")
		}
		if answer.Message != "" {
			text = strings.TrimSpace(answer.Message)
		}
	}
	return fault.New(kind, "Error response from daemon: %s", text)
}

// ConnectionError says that no daemon could be reached.
type ConnectionError struct{ Text string }

func (e *ConnectionError) Error() string { return e.Text }

// transportError explains why no answer came, in Docker's wording.
func (c *Client) transportError(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		if errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.As(fault.Unavailable, &ConnectionError{Text: "error during connect: " + err.Error()})
		}
		return fault.As(fault.Unavailable, fmt.Errorf("error during connect: %w", err))
	}
	if errors.Is(err, fs.ErrPermission) {
		return fault.As(fault.Unavailable, &ConnectionError{Text: fmt.Sprintf(
			"permission denied while trying to connect to the Docker daemon socket at %s: %v", c.Host(), err)})
	}
	return fault.As(fault.Unavailable, &ConnectionError{Text: fmt.Sprintf(
		"Cannot connect to the Docker daemon at %s. Is the docker daemon running?", c.Host())})
}

// Older compares two API versions such as "1.24".
func Older(a, b string) bool {
	am, an := parts(a)
	bm, bn := parts(b)
	return am < bm || am == bm && an < bn
}

func parts(v string) (major, minor int) {
	x, y, _ := strings.Cut(v, ".")
	major, _ = strconv.Atoi(x)
	minor, _ = strconv.Atoi(y)
	return major, minor
}
