package event

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"berth/internal/peer"
)

// line is an event as it is kept: one line of JSON, the time first, so that
// lines can be passed over without being understood.
type line struct {
	Time       int64             `json:"t"` // nanoseconds since the epoch
	Type       Type              `json:"type"`
	Action     string            `json:"action"`
	ID         string            `json:"id,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Scope      string            `json:"scope,omitempty"`
	By         *peer.Peer        `json:"by,omitempty"`
	Verb       string            `json:"verb,omitempty"`
}

// head is how every line begins.
const head = `{"t":`

// encode returns an event's line, with its end.
func encode(m *Message) []byte {
	b, err := json.Marshal(line{m.Time.UnixNano(), m.Type, m.Action, m.ID, m.Attributes, m.Scope, m.By, m.Verb})
	if err != nil {
		panic("an event cannot be encoded: " + err.Error()) // only strings and numbers in it
	}
	return append(b, '\n')
}

// when reads a line's time; false for what is no line, as a power failure may
// leave it.
func when(b []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(b, []byte(head))
	end := bytes.IndexByte(rest, ',')
	if !ok || end < 0 || end > 20 {
		return 0, false
	}
	t, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return t, err == nil
}

// decode reads a line; false for what is none.
func decode(b []byte) (Message, bool) {
	var l line
	if _, ok := when(b); !ok || json.Unmarshal(b, &l) != nil {
		return Message{}, false
	}
	return Message{time.Unix(0, l.Time).UTC(), l.Type, l.Action, l.ID, l.Attributes, l.Scope, l.By, l.Verb}, true
}
