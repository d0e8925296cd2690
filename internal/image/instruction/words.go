package instruction

import (
	"strings"

	"berth/internal/fault"
)

// pair is one key=value of ENV or LABEL.
type pair struct{ key, value string }

// pairs reads "k=v k2=v2", or the old form "k everything that follows".
func pairs(name, rest string, env []string) ([]pair, error) {
	first, value, _ := strings.Cut(rest, " ")
	if !strings.Contains(first, "=") {
		value = strings.TrimSpace(value)
		if value == "" {
			return nil, fault.New(fault.Invalid, "%s must have two arguments", name)
		}
		list, err := words(value, env)
		if err != nil {
			return nil, err
		}
		return []pair{{first, strings.Join(list, " ")}}, nil
	}
	list, err := words(rest, env)
	if err != nil {
		return nil, err
	}
	var found []pair
	for _, w := range list {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fault.New(fault.Invalid, "Syntax error - can't find = in %s. Must be of the form: name=value", fault.Quoted(w))
		}
		if key == "" {
			return nil, fault.New(fault.Invalid, "%s names can not be blank", name)
		}
		found = append(found, pair{key, value})
	}
	return found, nil
}

func oneWord(name, rest string, env []string) (string, error) {
	list, err := words(rest, env)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fault.New(fault.Invalid, "%s requires exactly one argument", name)
	}
	return list[0], nil
}

// words splits as a shell would: quotes, backslashes, and variables of env
// except within single quotes.
func words(s string, env []string) ([]string, error) {
	l := lexer{rest: s, env: env}
	for l.rest != "" {
		c := l.rest[0]
		l.rest = l.rest[1:]
		if err := l.step(c); err != nil {
			return nil, err
		}
	}
	if l.quote != 0 {
		kind := map[byte]string{'"': "double", '\'': "single"}[l.quote]
		return nil, fault.New(fault.Invalid, "unexpected end of statement while looking for matching %s-quote", kind)
	}
	l.flush()
	return l.list, nil
}

type lexer struct {
	rest  string
	env   []string
	quote byte
	word  strings.Builder
	began bool // a word has begun, be it empty quotes
	list  []string
}

func (l *lexer) step(c byte) error {
	switch {
	case l.quote != 0 && c == l.quote:
		l.quote = 0
	case l.quote == 0 && (c == '"' || c == '\''):
		l.quote, l.began = c, true
	case c == '\\' && l.quote != '\'' && l.rest != "":
		next := l.rest[0]
		l.rest = l.rest[1:]
		if l.quote == '"' && !strings.ContainsRune(`"\$`, rune(next)) {
			l.word.WriteByte('\\')
		}
		l.word.WriteByte(next)
		l.began = true
	case c == '$' && l.quote != '\'':
		return l.variable()
	case l.quote == 0 && (c == ' ' || c == '\t'):
		l.flush()
	default:
		l.word.WriteByte(c)
		l.began = true
	}
	return nil
}

func (l *lexer) flush() {
	if l.began {
		l.list = append(l.list, l.word.String())
	}
	l.word.Reset()
	l.began = false
}

// variable reads $NAME, ${NAME}, ${NAME:-word} or ${NAME:+word}.
func (l *lexer) variable() error {
	l.began = true
	if !strings.HasPrefix(l.rest, "{") {
		n := 0
		for n < len(l.rest) && nameByte(l.rest[n]) {
			n++
		}
		if n == 0 {
			l.word.WriteByte('$')
			return nil
		}
		l.word.WriteString(l.lookup(l.rest[:n]))
		l.rest = l.rest[n:]
		return nil
	}
	inner, after, ok := strings.Cut(l.rest[1:], "}")
	if !ok {
		return fault.New(fault.Invalid, "syntax error: missing '}'")
	}
	l.rest = after
	name, word, modified := strings.Cut(inner, ":")
	value := l.lookup(name)
	switch {
	case !modified:
	case strings.HasPrefix(word, "-"):
		if value == "" {
			value = word[1:]
		}
	case strings.HasPrefix(word, "+"):
		if value != "" {
			value = word[1:]
		}
	default:
		return fault.New(fault.Invalid, "unsupported modifier (%s) in substitution", fault.Quoted(word))
	}
	l.word.WriteString(value)
	return nil
}

func nameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (l *lexer) lookup(name string) string {
	for _, e := range l.env {
		if k, v, _ := strings.Cut(e, "="); k == name {
			return v
		}
	}
	return ""
}
