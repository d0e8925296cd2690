package detach

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDetachKeysAreRead(t *testing.T) {
	for in, want := range map[string]string{
		"ctrl-p,ctrl-q": "\x10\x11", "a": "a", "a,b,C": "abC", "ctrl-a": "\x01", "ctrl-z": "\x1a", "ctrl-@": "\x00",
		"ctrl-[": "\x1b", "ctrl-\\": "\x1c", "ctrl-]": "\x1d", "ctrl-^": "\x1e", "ctrl-_": "\x1f",
	} {
		if got, err := ParseKeys(in); err != nil || string(got) != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"", "ctrl-", "ctrl-?", "ctrl-A", "ab", "ctrl-pp", ",", "a,"} {
		if got, err := ParseKeys(in); err == nil {
			t.Errorf("%q is read as %q", in, got)
		}
	}
}

func TestInputIsPassedOnUntilTheDetachKeysCome(t *testing.T) {
	for _, c := range []struct {
		in, out  string
		detached bool
	}{
		{"abc", "abc", false},
		{"abc\x10\x11def", "abc", true},
		{"\x10\x11", "", true},
		{"a\x10b", "a\x10b", false},
		{"a\x10", "a\x10", false},
		{"\x10\x10\x11", "\x10", true},
		{"\x11\x10", "\x11\x10", false},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with the end": iotest.DataErrReader,
		} {
			var out bytes.Buffer
			_, err := io.Copy(&out, NewReader(wrap(strings.NewReader(c.in)), DefaultKeys()))
			if out.String() != c.out || errors.Is(err, Detached{}) != c.detached {
				t.Errorf("%q %s: %q %v", c.in, name, out.String(), err)
			}
		}
	}
}

func TestAReadErrorComesAfterTheHeldBackKeys(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("x\x10"), iotest.ErrReader(broken)), DefaultKeys())
	got, err := io.ReadAll(r)
	if string(got) != "x\x10" || !errors.Is(err, broken) {
		t.Errorf("%q %v", got, err)
	}
}
