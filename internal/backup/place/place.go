// Package place is where backups are: a directory of this host in the form of an OCI image
// layout, or a repository of a registry. Both keep blobs by their digests and name manifests by tags.
package place

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Place is one of them, as one backup, restore or listing uses it. Its methods may be called by several
// goroutines at once.
type Place interface {
	// Tags lists the tags that there are, in no order.
	Tags(ctx context.Context) ([]string, error)
	// Resolve asks what a tag stands for; NotFound when it stands for nothing.
	Resolve(ctx context.Context, tag string) (ocispec.Descriptor, error)
	// Open opens a blob or a manifest. Its size is what the descriptor says; whether its content is has to be verified.
	Open(ctx context.Context, d ocispec.Descriptor) (*os.File, error)
	// Has reports whether a blob is there.
	Has(ctx context.Context, d ocispec.Descriptor) (bool, error)
	// Put stores a blob, which is there when Tag or Close has returned; sent tells that it was not there.
	Put(ctx context.Context, d ocispec.Descriptor, data []byte) (sent bool, err error)
	// Tag stores a manifest under a tag, which is durable when it returns, with all that it refers to.
	Tag(ctx context.Context, tag string, d ocispec.Descriptor, manifest []byte) error
	// Close lets go of the place.
	Close() error
}

// Address is where backups are, as people write it: a directory by its absolute path, and anything else is a
// repository. A tag may follow a colon.
type Address struct {
	Dir        string // "" for a repository
	Repository string
	Tag        string // "" for none
}

// Parse reads an address. What is below the working directory of somebody is for the client to know.
func Parse(text string) (Address, error) {
	name, tag := text, ""
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, '/') {
		name, tag = text[:colon], text[colon+1:]
	}
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		return Address{}, fault.New(fault.Invalid, "a place for backups is an absolute path of a directory or a repository of a registry, not %s", fault.Quoted(text))
	case strings.HasPrefix(name, "."):
		return Address{}, fault.New(fault.Invalid, "a directory for backups is given by its absolute path, not by %s", fault.Quoted(name))
	case filepath.IsAbs(name):
		return Address{Dir: filepath.Clean(name), Tag: tag}, nil
	}
	return Address{Repository: name, Tag: tag}, nil
}

func (a Address) String() string {
	if a.Dir != "" {
		return a.Dir
	}
	return a.Repository
}

// ReadLimited reads a document and checks that it is what its descriptor says.
func ReadLimited(ctx context.Context, p Place, d ocispec.Descriptor, limit int64) ([]byte, error) {
	if err := d.Digest.Validate(); err != nil || d.Size < 0 || d.Size > limit {
		return nil, fault.New(fault.Invalid, "the backup refers to %s of %d bytes: at most %d are allowed", fault.Quoted(d.Digest.String()), d.Size, limit)
	}
	f, err := p.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, d.Size+1))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "%s of the backup cannot be read", d.Digest)
	}
	if int64(len(data)) != d.Size || d.Digest.Algorithm().FromBytes(data) != d.Digest {
		return nil, fault.New(fault.Invalid, "the backup is corrupt: %s has another content", d.Digest)
	}
	return data, nil
}

// Describe is the descriptor of data.
func Describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// stamp is how a time is written in a tag.
const stamp = "20060102T150405.000Z"

// maxTag is how long a tag may be (OCI distribution-spec, "Pulling manifests").
const maxTag = 128

// IsTag tells whether something can be a tag.
func IsTag(text string) bool {
	return regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`).MatchString(text)
}

// TagOf is the tag of a volume's backup. Volumes' names are tags too, but for their length.
func TagOf(volume string, at time.Time) string {
	return stem(volume) + "." + at.UTC().Format(stamp)
}

// stem is what the tags of a volume's backups begin with.
func stem(volume string) string {
	const room = maxTag - 1 - len(stamp)
	if len(volume) <= room {
		return volume
	}
	const sum = 16
	return volume[:room-1-sum] + "-" + digest.FromString(volume).Encoded()[:sum]
}

// IsOf tells whether a tag is of some backup of a volume, and when that was.
func IsOf(tag, volume string) (time.Time, bool) {
	name, at, ok := Split(tag)
	return at, ok && name == stem(volume)
}

// Split takes the tag of a backup apart. The name is a volume's unless that was too long for a tag.
func Split(tag string) (name string, at time.Time, ok bool) {
	cut := len(tag) - len(stamp) - 1
	if cut < 1 || tag[cut] != '.' {
		return "", time.Time{}, false
	}
	at, err := time.Parse(stamp, tag[cut+1:])
	return tag[:cut], at, err == nil && at.Format(stamp) == tag[cut+1:]
}
