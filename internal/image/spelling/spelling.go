// Package spelling reads and writes images' names as Docker does, with its texts.
package spelling

import (
	"strings"

	"berth/internal/fault"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Target reads a name that is to be given to an image. Its texts are
// Docker's.
func Target(name string) (reference.NamedTagged, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	if _, ok := ref.(reference.Digested); ok {
		return nil, fault.New(fault.Invalid, "refusing to create a tag with a digest reference")
	}
	if LooksLikeID(ref) {
		return nil, ErrAmbiguous
	}
	tagged, ok := reference.TagNameOnly(ref).(reference.NamedTagged)
	if !ok {
		return nil, fault.New(fault.Invalid, "invalid reference format")
	}
	return tagged, nil
}

// LooksLikeID reports a name that nobody could use, because it reads as an ID.
func LooksLikeID(ref reference.Named) bool {
	return reference.FamiliarName(ref) == string(digest.Canonical)
}

// ErrAmbiguous refuses such a name.
var ErrAmbiguous = fault.New(fault.Invalid, "refusing to create an ambiguous tag using digest algorithm as name")

// Familiar is a name as people write it.
func Familiar(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(ref)
}

// Normalize turns a name as people write it into the form that is stored.
func Normalize(name string) (string, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	if LooksLikeID(ref) {
		return "", ErrAmbiguous
	}
	return reference.TagNameOnly(ref).String(), nil
}

// Imported is the name of an image that is made here, or "" when it gets none.
func Imported(repo, tag string) (string, error) {
	if repo == "" {
		return "", nil
	}
	ref, err := reference.ParseNormalizedNamed(repo)
	if err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	if _, ok := ref.(reference.Digested); ok {
		return "", fault.New(fault.Invalid, "cannot import digest reference")
	}
	if tag != "" {
		if ref, err = reference.WithTag(reference.TrimNamed(ref), tag); err != nil {
			return "", fault.As(fault.Invalid, err)
		}
	}
	full, err := Target(ref.String())
	if err != nil {
		return "", err
	}
	return full.String(), nil
}

// Pulled puts name and tag together; a name may have its own when there is no other.
func Pulled(name, tag string) (reference.Named, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	if LooksLikeID(ref) {
		return nil, ErrAmbiguous
	}
	if tag == "" {
		return ref, nil
	}
	if d, err := digest.Parse(tag); err == nil {
		with, err := reference.WithDigest(reference.TrimNamed(ref), d)
		return with, fault.As(fault.Invalid, err)
	}
	with, err := reference.WithTag(reference.TrimNamed(ref), tag)
	return with, fault.As(fault.Invalid, err)
}

// Pushed reads what is to be pushed: a name with a tag or without one.
func Pushed(name, tag string) (reference.Named, error) {
	ref, err := Pulled(name, tag)
	if err != nil {
		return nil, err
	}
	if _, ok := ref.(reference.Digested); ok {
		return nil, fault.New(fault.Invalid, "cannot push a digest reference")
	}
	return ref, nil
}

// Short is an ID as people see it: 12 hex digits.
func Short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
