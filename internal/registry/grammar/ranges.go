package grammar

import (
	"net/url"
	"strconv"
	"strings"

	"berth/internal/registry/refusal"
)

// Chunk is where a chunk of an upload goes. Both ends are included, as in
// Content-Range; Length is -1 for a chunk that is sent without a range.
type Chunk struct {
	Start, Length int64
}

// ParseChunk reads the Content-Range of a PATCH or PUT: "<start>-<end>"
// (specification, "Pushing a blob in chunks"). length is the body's, or -1.
func ParseChunk(header string, length int64) (Chunk, error) {
	if header == "" {
		return Chunk{Start: -1, Length: -1}, nil
	}
	first, last, ok := strings.Cut(header, "-")
	start, ok1 := offset(first)
	end, ok2 := offset(last)
	if !ok || !ok1 || !ok2 {
		return Chunk{}, refusal.New(refusal.UploadInvalid, "%s is not a chunk's Content-Range: it is <start>-<end>", quoted(header))
	}
	if end < start {
		return Chunk{}, refusal.New(refusal.RangeInvalid, "The chunk %s ends before it begins", quoted(header))
	}
	c := Chunk{Start: start, Length: end - start + 1}
	if length >= 0 && length != c.Length {
		return Chunk{}, refusal.New(refusal.SizeInvalid, "The chunk %s has %d bytes and its body %d", quoted(header), c.Length, length)
	}
	return c, nil
}

// offset reads digits only: no sign, no space, and room for one more above.
func offset(s string) (int64, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 63)
	return n, err == nil
}

// Received words how much of an upload is there, as its Range header: the last
// byte's offset. An upload without a byte says 0-0 as Docker's registry does,
// for which there is no better word.
func Received(size int64) string { return "0-" + strconv.FormatInt(max(size-1, 0), 10) }

// Page is the part of a list that is asked for: up to N entries after Last.
// N is -1 for all of them.
type Page struct {
	N    int
	Last string
}

// ParsePage reads the n and last of a query. Nobody gets more than limit at
// once; 0 is no limit.
func ParsePage(q url.Values, limit int) (Page, error) {
	p := Page{N: -1, Last: q.Get("last")}
	if q.Has("n") {
		n, err := strconv.Atoi(q.Get("n"))
		if err != nil || n < 0 {
			return p, refusal.New(refusal.PageInvalid, "%s is not a number of entries", quoted(q.Get("n")))
		}
		p.N = n
	}
	if limit > 0 && (p.N < 0 || p.N > limit) {
		p.N = limit
	}
	return p, nil
}

// Next is the Link header to the page after the one that ends with last.
func (p Page) Next(path, last string, more url.Values) string {
	q := url.Values{}
	for k, v := range more {
		q[k] = v
	}
	q.Set("last", last)
	if p.N >= 0 {
		q.Set("n", strconv.Itoa(p.N))
	}
	return "<" + path + "?" + q.Encode() + `>; rel="next"`
}

// Cut takes the page out of a sorted list, and reports whether there is more.
func (p Page) Cut(sorted []string) (page []string, more bool) {
	from := 0
	if p.Last != "" {
		for from < len(sorted) && sorted[from] <= p.Last {
			from++
		}
	}
	rest := sorted[from:]
	if p.N < 0 || len(rest) <= p.N {
		return rest, false
	}
	return rest[:p.N], p.N > 0
}
