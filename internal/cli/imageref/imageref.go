// Package imageref reads image names the way people write them. It is a part
// of distribution/reference's grammar without its regular expressions, whose
// compilation would be a fifth of the client's start.
package imageref

import (
	"strings"

	"berth/internal/fault"
)

const (
	// HubDomain is Docker Hub, where a name without a registry is.
	HubDomain    = "docker.io"
	legacyDomain = "index.docker.io"
	officialRepo = "library/"
	maxPath      = 255 // characters of a repository's name without its registry
)

// Ref is an image name in parts. Domain and Path are normalized: "busybox" is
// docker.io and library/busybox.
type Ref struct {
	Domain, Path, Tag, Digest string
}

// Parse reads a name. The error texts are Docker's.
func Parse(s string) (Ref, error) {
	if isHexID(s) {
		return Ref{}, fault.New(fault.Invalid, "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", s)
	}
	var r Ref
	name := s
	if i := strings.IndexByte(name, '@'); i >= 0 {
		name, r.Digest = name[:i], name[i+1:]
		if !validDigest(r.Digest) {
			return Ref{}, fault.New(fault.Invalid, "invalid reference format")
		}
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.Contains(name[i:], "/") {
		name, r.Tag = name[:i], name[i+1:]
		if !validTag(r.Tag) {
			return Ref{}, fault.New(fault.Invalid, "invalid reference format")
		}
	}
	r.Domain, r.Path = splitDomain(name)
	if strings.ToLower(r.Path) != r.Path {
		return Ref{}, fault.New(fault.Invalid, "invalid reference format: repository name (%s) must be lowercase", r.Path)
	}
	if !validDomain(r.Domain) || !validPath(r.Path) {
		return Ref{}, fault.New(fault.Invalid, "invalid reference format")
	}
	if len(r.Path) > maxPath {
		return Ref{}, fault.New(fault.Invalid, "repository name must not be more than %d characters", maxPath)
	}
	return r, nil
}

func splitDomain(name string) (domain, path string) {
	first, rest, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(first, ".:") && first != "localhost" && strings.ToLower(first) == first {
		domain, path = HubDomain, name
	} else {
		domain, path = first, rest
	}
	if domain == legacyDomain {
		domain = HubDomain
	}
	if domain == HubDomain && !strings.Contains(path, "/") {
		path = officialRepo + path
	}
	return domain, path
}

// FamiliarName returns the repository as people write it: without docker.io and library.
func (r Ref) FamiliarName() string {
	if r.Domain != HubDomain {
		return r.Domain + "/" + r.Path
	}
	if rest, ok := strings.CutPrefix(r.Path, officialRepo); ok && !strings.Contains(rest, "/") {
		return rest
	}
	return r.Path
}

// Name returns the repository with its registry.
func (r Ref) Name() string { return r.Domain + "/" + r.Path }

// Familiar returns the whole name as people write it.
func (r Ref) Familiar() string { return r.version(r.FamiliarName()) }

// String returns the whole name with nothing left out.
func (r Ref) String() string { return r.version(r.Name()) }

func (r Ref) version(s string) string {
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// WithDefaultTag adds "latest" where neither tag nor digest is given.
func (r Ref) WithDefaultTag() Ref {
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r
}

// IsID reports whether s can only be an image ID: 64 hexadecimal digits, with
// or without sha256 before them.
func IsID(s string) bool { return isHexID(strings.TrimPrefix(s, "sha256:")) }

func isHexID(s string) bool { return len(s) == 64 && only(s, isHex) }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func only(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func validTag(t string) bool {
	return t != "" && len(t) <= 128 && t[0] != '.' && t[0] != '-' &&
		only(t, func(c byte) bool { return isAlnum(c) || c == '_' || c == '.' || c == '-' })
}

// validDigest checks algorithm:hex for the algorithms that registries use.
func validDigest(d string) bool {
	algorithm, hex, _ := strings.Cut(d, ":")
	digits := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	return digits > 0 && len(hex) == digits && only(hex, isHex)
}

// validDomain checks a host name or an IPv6 address in brackets, and a port.
func validDomain(d string) bool {
	host, port, hasPort := d, "", false
	if i := strings.LastIndexByte(d, ':'); i >= 0 && !strings.HasSuffix(d, "]") {
		host, port, hasPort = d[:i], d[i+1:], true
	}
	if hasPort && (port == "" || !only(port, func(c byte) bool { return c >= '0' && c <= '9' })) {
		return false
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && only(inner, func(c byte) bool { return isHex(c) || c >= 'A' && c <= 'F' || c == ':' })
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' ||
			!only(label, func(c byte) bool { return isAlnum(c) || c == '-' }) {
			return false
		}
	}
	return true
}

// validPath checks components of lower-case letters and digits that are
// separated by one dot, one or two underscores, or dashes.
func validPath(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || !isAlnum(part[0]) || !isAlnum(part[len(part)-1]) {
			return false
		}
		for i := 0; i < len(part); {
			if isAlnum(part[i]) {
				i++
				continue
			}
			j := i
			for !isAlnum(part[j]) {
				j++
			}
			sep := part[i:j]
			if sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" {
				return false
			}
			i = j
		}
	}
	return true
}
