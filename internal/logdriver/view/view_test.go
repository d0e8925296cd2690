package view

import (
	"regexp"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
)

func TestAnEntryIsShownAsItsViewSays(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 5000, time.FixedZone("x", 3600))
	entry := logfile.Entry{Stream: "stdout", Time: at, Line: []byte("a line\r\n"), Attrs: map[string]string{"tag": "x y", "env": "1,2"}}
	for _, c := range []struct {
		view  View
		entry logfile.Entry
		want  string
	}{
		{View{Stdout: true}, entry, "a line\r\n"},
		{View{Stderr: true}, entry, ""},
		{View{Stdout: true}, logfile.Entry{Stream: "stderr", Line: []byte("x")}, ""},
		{View{Stderr: true}, logfile.Entry{Stream: "stderr", Line: []byte("x")}, "x"},
		{View{Stdout: true, Timestamps: true}, entry, "2026-03-04T11:00:00.000005000Z a line\r\n"},
		{View{Stdout: true, Timestamps: true, Details: true}, entry, "2026-03-04T11:00:00.000005000Z env=1%2C2,tag=x+y a line\r\n"},
		{View{Stdout: true, Details: true}, logfile.Entry{Stream: "stdout", Line: []byte("x\n")}, " x\n"},
		{View{Stdout: true, Grep: pattern(t, "^a l.*e$")}, entry, "a line\r\n"},
		{View{Stdout: true, Grep: pattern(t, "b")}, entry, ""},
	} {
		for range 2 {
			b, shown := c.view.Append(nil, c.entry)
			if string(b) != c.want || shown != (c.want != "") {
				t.Errorf("%+v shows %q, %v, not %q", c.view, b, shown, c.want)
			}
		}
	}
}

func pattern(t *testing.T, text string) *regexp.Regexp {
	t.Helper()
	re, err := Pattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return re
}

func TestAPatternThatIsNoneIsRefused(t *testing.T) {
	if re, err := Pattern("("); re != nil || !fault.Is(err, fault.Invalid) || err.Error() != "invalid value for \"grep\": error parsing regexp: missing closing ): `(`" {
		t.Errorf("%v, %v", re, err)
	}
	if re, err := Pattern(""); re != nil || err != nil {
		t.Errorf("%v, %v", re, err)
	}
}
