package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// meaning is what an exit code stands for, by convention.
func meaning(code int) string {
	switch number, bySignal := signalOf(code); {
	case code == 0:
		return "its program has reported success"
	case code == 125:
		return "by convention, a program that runs others has failed itself"
	case code == 126:
		return "by convention, a program could not be executed"
	case code == 127:
		return "by convention, a program was not found"
	case code == 255:
		return "its program has reported a failure of its own, or nobody saw the end"
	case bySignal:
		return signalMeaning(number)
	}
	return "its program has reported a failure of its own"
}

// signalOf is the signal that an exit code stands for (bash(1), EXIT STATUS).
func signalOf(code int) (number int, ok bool) {
	if code > 128 && code <= 128+64 {
		return code - 128, true
	}
	return 0, false
}

func signalMeaning(number int) string {
	name := signalName(number)
	switch unix.Signal(number) {
	case unix.SIGKILL:
		return "it was killed by " + name
	case unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT:
		return "it was asked to end by " + name
	case unix.SIGSEGV, unix.SIGBUS:
		return "its program crashed, by a wrong access to memory (" + name + ")"
	case unix.SIGABRT:
		return "its program gave up by itself (" + name + "), as after a failed check"
	case unix.SIGILL:
		return "its program crashed (" + name + "): it may be made for another processor"
	case unix.SIGFPE:
		return "its program crashed, by a wrong calculation (" + name + ")"
	case unix.SIGSYS:
		return "its program made a system call that is forbidden to it (" + name + ")"
	case unix.SIGPIPE:
		return "its program wrote to somebody who no longer listened (" + name + ")"
	}
	return "it ended by " + name
}

// signalName is "SIGTERM", or "signal 40".
func signalName(number int) string {
	if name := unix.SignalName(unix.Signal(number)); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(number)
}

// span is a length of time for people: "73 seconds".
func span(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	for i, u := range units {
		least := 2 * u.size // 90 minutes are not "1 hour"
		if i == len(units)-1 {
			least = u.size
		}
		if d >= least {
			n := int(d / u.size)
			if n == 1 {
				return "1 " + u.name
			}
			return strconv.Itoa(n) + " " + u.name + "s"
		}
	}
	return "less than a second"
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// bytes is an amount of memory: "64 MiB".
func bytes(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(u.size)), ".0") + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// longest is how much of a foreign text is shown.
const longest = 500

// plain is a foreign text on one line, without what a terminal would obey.
func plain(s string) string {
	escape := false // in a command to a terminal, which ends with a letter
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0x1b:
			escape = true
			return -1
		case escape:
			escape = !unicode.IsLetter(r)
			return -1
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if utf8.RuneCountInString(s) > longest {
		s = string([]rune(s)[:longest]) + "…"
	}
	return s
}

// sentence ends a foreign text as one.
func sentence(s string) string {
	s = plain(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

func upper(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	if strings.HasPrefix(s, "a ") || strings.HasPrefix(s, "the ") {
		return string(unicode.ToUpper(r)) + s[n:]
	}
	return s // a program's name
}
