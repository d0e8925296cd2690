package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"berth/internal/fault"

	"github.com/moby/moby/api/types/jsonstream"
)

func TestAStreamEndsWithItsErrorOrWhereItIsCut(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"a"}` + "\n": "",
		`{"errorDetail":{"message":"no such thing"},"error":"x"}{"status":"never shown"}`: "no such thing",
		`{"status":"a"}{"status"`: "unexpected EOF",
		`{"status":"a"}nonsense`:  "invalid character 'o' in literal null (expecting 'u')",
	} {
		var out bytes.Buffer
		err := Show(strings.NewReader(text), &out)
		if got := ""; err != nil && err.Error() != want || err == nil && got != want {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if strings.Contains(out.String(), "never") {
			t.Errorf("%s: what follows the error is shown: %s", text, &out)
		}
	}
	err := Show(strings.NewReader(`{"errorDetail":{"code":404,"message":"x"}}`), io.Discard)
	if !fault.Is(err, fault.Internal) || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestWhatIsForProgramsIsNotShown(t *testing.T) {
	var out bytes.Buffer
	var got []string
	b := NewBoard(&out)
	err := b.Follow(Stream{In: strings.NewReader(`{"aux":{"ID":"x"}}{"status":"shown"}{"aux":[1]}`), Aux: func(m json.RawMessage) { got = append(got, string(m)) }})
	b.Close()
	if err != nil || out.String() != "shown\n" || strings.Join(got, " ") != `{"ID":"x"} [1]` {
		t.Errorf("%v, shown %q, for programs %q", err, &out, got)
	}
}

// FuzzFramesFitTheTerminal draws what a daemon, or who speaks through it, may say.
func FuzzFramesFitTheTerminal(f *testing.F) {
	f.Add(`{"id":"a","status":"Downloading","progressDetail":{"current":1,"total":2}}{"id":"b","status":"Pull complete","progressDetail":{}}`, 80, 24)
	f.Add(`{"id":"\u001b[2J","status":"x\ny","progressDetail":{"current":-1,"total":-9223372036854775808}}`, 1, 1)
	f.Add(`{"id":"a","status":"s","progressDetail":{"current":9223372036854775807,"total":9223372036854775807}}{"id":"b","status":"s","progressDetail":{"current":1,"total":9223372036854775807}}`, 30, 3)
	f.Fuzz(func(t *testing.T, text string, width, height int) {
		b := &Board{tty: true, stop: func() {}, out: io.Discard}
		p := b.place("title")
		for dec := json.NewDecoder(strings.NewReader(text)); ; {
			var m jsonstream.Message
			if dec.Decode(&m) != nil {
				break
			}
			b.show(p, m)
		}
		lines := frame(b.parts, 1, width, height)
		if height > 3 && len(lines) >= height {
			t.Errorf("%d lines on a terminal of %d", len(lines), height)
		}
		for _, line := range lines {
			if strings.ContainsAny(line, "\x1b\n\r") || width > 0 && height > 0 && utf8.RuneCountInString(line) >= width {
				t.Errorf("%q on a terminal of %d columns", line, width)
			}
		}
	})
}
