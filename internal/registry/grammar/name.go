// Package grammar reads what clients of a registry write: names, tags, digests,
// paths, ranges, pages and manifests. It is pure: it opens nothing and knows no
// storage. What it lets through is safe to be a path below a directory.
package grammar

import (
	"strings"

	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

const (
	// nameLimit is the longest name of a repository; Docker's clients allow as much.
	nameLimit = 255
	// tagLimit is the longest tag (specification, "Pulling manifests").
	tagLimit = 128
)

// Repository checks the name of a repository: components of lower-case letters
// and digits with single separators between them, joined by slashes. No
// component begins with anything but a letter or a digit, so none is "..", and
// none begins with the underscore that the store's own directories begin with.
func Repository(name string) (string, error) {
	if name == "" || len(name) > nameLimit {
		return "", refusal.New(refusal.NameInvalid, "A repository's name has between 1 and %d bytes", nameLimit)
	}
	for _, c := range strings.Split(name, "/") {
		if !component(c) {
			return "", refusal.New(refusal.NameInvalid, "%s is not a repository's name: its parts are lower-case letters and digits, with single separators between them", quoted(name))
		}
	}
	return name, nil
}

// component reports [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*.
func component(s string) bool {
	if s == "" || !lowerAlnum(s[0]) || !lowerAlnum(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		if lowerAlnum(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && s[end] == s[i] {
			end++
		}
		if !separator(s[i], end-i) || !lowerAlnum(s[end]) {
			return false
		}
		i = end
	}
	return true
}

// separator reports what may stand n times in a row between letters.
func separator(c byte, n int) bool {
	switch c {
	case '.':
		return n == 1
	case '_':
		return n <= 2
	}
	return c == '-'
}

func lowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// Tag checks a tag.
func Tag(s string) (string, error) {
	ok := s != "" && len(s) <= tagLimit && s[0] != '.' && s[0] != '-'
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = lowerAlnum(c) || 'A' <= c && c <= 'Z' || c == '_' || c == '.' || c == '-'
	}
	if !ok {
		return "", refusal.New(refusal.TagInvalid, "%s is not a tag: it has up to %d letters, digits, underscores, dots and dashes", quoted(s), tagLimit)
	}
	return s, nil
}

// Digest checks a digest: sha256 or sha512, in lower-case hexadecimal.
func Digest(s string) (digest.Digest, error) {
	algorithm, hex, _ := strings.Cut(s, ":")
	length := 0
	switch digest.Algorithm(algorithm) {
	case digest.SHA256:
		length = 64
	case digest.SHA512:
		length = 128
	default:
		return "", refusal.New(refusal.DigestInvalid, "%s is not a digest by sha256 or sha512", quoted(s))
	}
	ok := len(hex) == length
	for i := 0; ok && i < len(hex); i++ {
		ok = '0' <= hex[i] && hex[i] <= '9' || 'a' <= hex[i] && hex[i] <= 'f'
	}
	if !ok {
		return "", refusal.New(refusal.DigestInvalid, "%s is not a digest: %s has %d lower-case hexadecimal digits", quoted(s), algorithm, length)
	}
	return digest.Digest(s), nil
}

// Reference is how a manifest is asked for: by one of the two.
type Reference struct {
	Tag    string
	Digest digest.Digest
}

// ParseReference tells a digest from a tag by its colon, which no tag has.
func ParseReference(s string) (Reference, error) {
	if strings.Contains(s, ":") {
		d, err := Digest(s)
		return Reference{Digest: d}, err
	}
	tag, err := Tag(s)
	return Reference{Tag: tag}, err
}

func (r Reference) String() string {
	if r.Tag != "" {
		return r.Tag
	}
	return r.Digest.String()
}
