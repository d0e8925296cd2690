package image

import (
	"context"
	"regexp"
	"strings"

	"berth/internal/fault"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// truncated matches an ID or the beginning of one (behaviour 5).
var truncated = regexp.MustCompile(`^(?:sha256:)?([0-9a-f]{4,64})$`)

// Get finds an image by name, name@digest, digest, ID or a unique beginning of
// its ID. The embedded image is made when it is asked for by name and is not
// there.
func (s *Service) Get(ctx context.Context, ref string) (Image, error) {
	img, err := s.find(ctx, ref)
	if fault.Is(err, fault.NotFound) && isEmbedded(ref) {
		if err := s.EnsureEmbedded(ctx); err != nil {
			return Image{}, err
		}
		return s.find(ctx, ref)
	}
	return img, err
}

func (s *Service) find(ctx context.Context, ref string) (Image, error) {
	m, err := s.findMatch(ctx, ref)
	return m.img, err
}

func (s *Service) findMatch(ctx context.Context, ref string) (match, error) {
	cat, err := s.current(ctx)
	if err != nil {
		return match{}, err
	}
	return cat.find(ref)
}

// match is what a reference led to.
type match struct {
	img  Image
	name string // the normalized name that led there; "" when an ID did
}

// find resolves a reference in the order of Docker's containerd store: digest,
// then name, then beginning of an ID.
func (cat *catalog) find(ref string) (match, error) {
	parsed, err := reference.ParseAnyReference(ref)
	if err != nil {
		return match{}, fault.As(fault.Invalid, err)
	}
	named, _ := parsed.(reference.Named)
	if d, ok := parsed.(reference.Digested); ok {
		return cat.findDigest(ref, named, d.Digest())
	}
	if named != nil {
		name := reference.TagNameOnly(named).String()
		if id, ok := cat.byName[name]; ok {
			return match{img: cat.byID[id], name: name}, nil
		}
	}
	if m := truncated.FindStringSubmatch(ref); m != nil {
		return cat.findPrefix(ref, parsed, m[1])
	}
	return match{}, noSuchImage(parsed)
}

// findDigest: with a name in front, some name of the image must be of the same
// repository; a tag between them is only looked at, the digest decides
// (behaviour 11).
func (cat *catalog) findDigest(ref string, named reference.Named, id digest.Digest) (match, error) {
	parsed, _ := reference.ParseAnyReference(ref)
	img, ok := cat.byID[id]
	if !ok {
		return match{}, noSuchImage(parsed)
	}
	if named == nil {
		return match{img: img}, nil
	}
	for _, d := range img.Digests {
		if d == named.Name()+"@"+id.String() {
			return match{img: img, name: named.Name()}, nil
		}
	}
	return match{}, noSuchImage(parsed)
}

func (cat *catalog) findPrefix(ref string, parsed reference.Reference, prefix string) (match, error) {
	var found match
	for _, id := range cat.ids {
		if !strings.HasPrefix(id.Encoded(), prefix) {
			continue
		}
		if found.img.ID != "" {
			return match{}, fault.New(fault.NotFound, "ambiguous reference: %s", ref)
		}
		found.img = cat.byID[id]
	}
	if found.img.ID == "" {
		return match{}, noSuchImage(parsed)
	}
	return found, nil
}

// noSuchImage is Docker's text, with a tag where the reference has none.
func noSuchImage(parsed reference.Reference) error {
	text := parsed.String()
	if named, ok := parsed.(reference.Named); ok {
		text = reference.FamiliarString(reference.TagNameOnly(named))
	}
	return fault.New(fault.NotFound, "No such image: %s", text)
}
