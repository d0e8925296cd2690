package login

import (
	"net/http"
	"strings"
)

// challenge is one way in which a registry wants to be asked (RFC 9110, 11.6.1).
type challenge struct {
	scheme string // lower case
	params map[string]string
}

// challenges reads the WWW-Authenticate headers of an answer. What cannot be read
// is left out.
func challenges(h http.Header) []challenge {
	var list []challenge
	for _, text := range h.Values("WWW-Authenticate") {
		for text != "" {
			var ch challenge
			scheme, rest := word(strings.TrimLeft(text, " \t,"))
			if scheme == "" {
				break
			}
			ch.scheme, ch.params = strings.ToLower(scheme), map[string]string{}
			text = ch.read(rest)
			list = append(list, ch)
		}
	}
	return list
}

// read takes in the parameters of a challenge, and returns what follows them.
func (ch *challenge) read(text string) (rest string) {
	for {
		text = strings.TrimLeft(text, " \t,")
		key, after := word(text)
		after = strings.TrimLeft(after, " \t")
		if key == "" || !strings.HasPrefix(after, "=") {
			return text // the next challenge, or nothing
		}
		value, end := valueOf(strings.TrimLeft(after[1:], " \t"))
		ch.params[strings.ToLower(key)] = value
		text = end
	}
}

// valueOf reads a token or a quoted string.
func valueOf(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		return word(text)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		case '"':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// word reads a token (RFC 9110, 5.6.2).
func word(text string) (token, rest string) {
	end := strings.IndexAny(text, " \t,=\"")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}
