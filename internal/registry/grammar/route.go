package grammar

import (
	"net/http"
	"strings"

	"berth/internal/registry/refusal"
)

// Kind is what a path asks for.
type Kind string

// The kinds of paths below /v2/.
const (
	Ping      Kind = "ping"
	Catalog   Kind = "catalog"
	Tags      Kind = "tags"
	Manifest  Kind = "manifest"
	Blob      Kind = "blob"
	Uploads   Kind = "uploads"
	Upload    Kind = "upload"
	Referrers Kind = "referrers"
)

// Route is a path that has been taken apart. Rest is the last part: a
// reference, a digest or an upload, as it was written.
type Route struct {
	Kind Kind
	Repo string
	Rest string
}

// ParsePath takes a path apart, from its end: names of repositories have
// slashes and may contain every word that the API uses ("blobs/uploads" is one).
func ParsePath(path string) (Route, error) {
	tail, ok := strings.CutPrefix(path, "/v2/")
	switch {
	case path == "/v2" || ok && tail == "":
		return Route{Kind: Ping}, nil
	case tail == "_catalog":
		return Route{Kind: Catalog}, nil
	case !ok:
		return Route{}, nowhere(path)
	}
	r, name := ending(strings.Split(tail, "/"))
	if r.Kind == "" || len(name) == 0 {
		return Route{}, nowhere(path)
	}
	var err error
	r.Repo, err = Repository(strings.Join(name, "/"))
	return r, err
}

// ending reads the last parts of a path and returns those before them.
func ending(p []string) (Route, []string) {
	at := func(fromEnd int) string {
		if fromEnd > len(p) {
			return ""
		}
		return p[len(p)-fromEnd]
	}
	last := at(1)
	switch {
	case at(3) == "blobs" && at(2) == "uploads" && last == "":
		return Route{Kind: Uploads}, p[:len(p)-3]
	case at(2) == "blobs" && last == "uploads":
		return Route{Kind: Uploads}, p[:len(p)-2]
	case at(3) == "blobs" && at(2) == "uploads":
		return Route{Kind: Upload, Rest: last}, p[:len(p)-3]
	case at(2) == "tags" && last == "list":
		return Route{Kind: Tags}, p[:len(p)-2]
	case at(2) == "manifests":
		return Route{Kind: Manifest, Rest: last}, p[:len(p)-2]
	case at(2) == "blobs":
		return Route{Kind: Blob, Rest: last}, p[:len(p)-2]
	case at(2) == "referrers":
		return Route{Kind: Referrers, Rest: last}, p[:len(p)-2]
	}
	return Route{}, nil
}

func nowhere(path string) error {
	e := refusal.New(refusal.Unknown, "There is nothing at %s", quoted(path))
	e.Status = http.StatusNotFound
	return e
}

// UploadID checks an upload's name: 32 hexadecimal digits, which we have made.
func UploadID(s string) (string, error) {
	ok := len(s) == 32
	for i := 0; ok && i < len(s); i++ {
		ok = '0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f'
	}
	if !ok {
		return "", refusal.New(refusal.UploadUnknown, "There is no upload %s", quoted(s))
	}
	return s, nil
}
