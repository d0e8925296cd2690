// Package progress streams how far something is, as JSON messages.
package progress

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/moby/moby/api/types/jsonstream"
)

// Stream is the messages of one answer, whose header goes out with the first one. Its methods may be called
// from any goroutine.
type Stream struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	sent bool
}

// New returns a stream to a client.
func New(w http.ResponseWriter) *Stream { return &Stream{w: w} }

func (s *Stream) begin() {
	if !s.sent {
		s.sent = true
		s.w.Header().Set("Content-Type", "application/json")
		s.w.WriteHeader(http.StatusOK)
	}
}

// Send sends a message.
func (s *Stream) Send(m jsonstream.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	s.line(m)
	_ = http.NewResponseController(s.w).Flush()
}

// line writes a message with the end of a line that Docker's have. An error can only mean that the client is gone.
func (s *Stream) line(v any) {
	if b, err := json.Marshal(v); err == nil {
		_, _ = s.w.Write(append(b, "\r\n"...))
	}
}

// Aux is a message for programs. What is in it is of our own types, which can be encoded.
func Aux(v any) (m jsonstream.Message) {
	if text, err := json.Marshal(v); err == nil {
		raw := json.RawMessage(text)
		m.Aux = &raw
	}
	return m
}

// Finish answers an error as such when nothing was sent, else as the last message,
// with Docker's older "error" beside errorDetail for clients that read only that.
func (s *Stream) Finish(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.begin()
		return nil
	}
	if !s.sent {
		return err
	}
	s.line(struct {
		jsonstream.Message
		Text string `json:"error"`
	}{jsonstream.Message{Error: &jsonstream.Error{Message: err.Error()}}, err.Error()})
	return nil
}
