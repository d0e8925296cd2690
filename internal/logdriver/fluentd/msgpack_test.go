package fluentd

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// FuzzReadAck reads any answer: it ends, and what it takes for an acknowledgement is in it.
func FuzzReadAck(f *testing.F) {
	f.Add([]byte("\x81\xa3ack\xa2id"))
	f.Add([]byte("\xde\x00\x01\xd9\x03ack\xc4\x02id"))
	f.Add([]byte("\x82\xa1a\xdb\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := readAck(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && !bytes.Contains(b, []byte(id)) {
			t.Fatalf("%q has the id %q", b, id)
		}
	})
}

func TestAnAnswerIsReadInEveryFormOfText(t *testing.T) {
	for _, n := range []int{0, 5, 31, 32, 255, 256, 60000} {
		id := strings.Repeat("x", n)
		b := appendString(appendString(appendString(appendString(appendMapHead(nil, 2), "other"), "y"), "ack"), id)
		if got, err := readAck(bufio.NewReader(bytes.NewReader(b))); err != nil || got != id {
			t.Errorf("an id of %d bytes came as one of %d, %v", n, len(got), err)
		}
	}
	for _, b := range []string{"", "\x90", "\x81\xa3ack", "\x81\xa3ack\x01", "\x81\xa3ack\xdb\x7f\xff\xff\xff"} {
		if id, err := readAck(bufio.NewReader(strings.NewReader(b))); err == nil {
			t.Errorf("%q has the id %q", b, id)
		}
	}
}
