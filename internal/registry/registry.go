// Package registry is the HTTP API of a registry: the OCI distribution
// specification 1.1, with what Docker's clients expect beside it. It parses,
// asks a storage and words the answer; what it decides, grammar decides purely.
package registry

import (
	"context"
	"io"
	"net/http"

	"berth/internal/registry/grammar"

	"github.com/opencontainers/go-digest"
)

// Content is what a registry serves.
type Content interface {
	// Blob opens a blob that the repository has; the caller closes it.
	Blob(ctx context.Context, repo string, d digest.Digest) (Blob, error)
	Manifest(ctx context.Context, repo string, ref grammar.Reference) (Manifest, error)
	Referrers(ctx context.Context, repo string, subject digest.Digest) ([]grammar.Descriptor, error)
	// Tags and Repositories are sorted by their bytes.
	Tags(ctx context.Context, repo string) ([]string, error)
	Repositories(ctx context.Context) ([]string, error)
}

// Intake takes blobs. A registry without one is read-only.
type Intake interface {
	Begin(ctx context.Context, repo string) (Upload, error)
	// Resume waits until nobody else works at the upload.
	Resume(ctx context.Context, repo, id string) (Upload, error)
	// Mount gives a repository a blob of another; with from "" of any.
	Mount(ctx context.Context, repo, from string, d digest.Digest) error
}

// Changes are what alters a repository beside its blobs' coming.
type Changes interface {
	PutManifest(ctx context.Context, repo string, p Push) error
	DeleteManifest(ctx context.Context, repo string, d digest.Digest) error
	DeleteTag(ctx context.Context, repo, tag string) error
	DeleteBlob(ctx context.Context, repo string, d digest.Digest) error
}

// Upload is a blob on its way, held by one request.
type Upload interface {
	ID() string
	// Size is how many bytes have come.
	Size() int64
	// Append adds a body; what has come of one that breaks off stays.
	Append(body io.Reader, algorithm digest.Algorithm) error
	// Commit makes a blob of it, durably; a wrong digest ends the upload.
	Commit(d digest.Digest) error
	Cancel() error
	// Close lets the next request have it.
	Close()
}

// Blob is an open blob. To be sent by sendfile, Content is an *os.File.
type Blob struct {
	Content io.ReadSeekCloser
	Size    int64
}

// Manifest is a manifest as it was pushed, byte by byte.
type Manifest struct {
	Digest    digest.Digest
	MediaType string
	Body      []byte
}

// Push is a manifest that comes, and has been read.
type Push struct {
	Digest digest.Digest
	Body   []byte
	Links  grammar.Links
	Tags   []string
}

// Descriptor is what the referrers of the manifest's subject say of it.
func (p Push) Descriptor() grammar.Descriptor {
	return grammar.Descriptor{
		MediaType: p.Links.MediaType, Digest: p.Digest, Size: int64(len(p.Body)),
		ArtifactType: p.Links.ArtifactType, Annotations: p.Links.Annotations,
	}
}

// Right is what somebody may do with a repository.
type Right string

// The rights; their names are those of scopes in tokens.
const (
	Pull   Right = "pull"
	Store  Right = "push"
	Delete Right = "delete"
)

// Need is a right that a request needs. Repo "" stands for the registry itself:
// a Pull of it is to know who asks, and nothing more.
type Need struct {
	Repo  string
	Right Right
	// Catalog is the list of repositories, which is a right of its own.
	Catalog bool
}

// Guard decides who may do what.
type Guard interface {
	// Check refuses a request that has not got what it needs.
	Check(r *http.Request, need ...Need) error
	// Open reports that everybody who may do anything may read everything.
	Open() bool
}

// Options are what may be chosen of a server.
type Options struct {
	Content Content
	Intake  Intake  // nil: read-only
	Changes Changes // nil: read-only
	Guard   Guard   // nil: everybody may do everything
	// Failed is told of errors that are ours; the client hears of none.
	Failed func(r *http.Request, err error)
	// ReadOnly says why nothing can be changed.
	ReadOnly string
}

// Server answers the requests.
type Server struct{ Options }

// New returns a server.
func New(o Options) *Server {
	if o.Failed == nil {
		o.Failed = func(*http.Request, error) {}
	}
	if o.ReadOnly == "" {
		o.ReadOnly = "This registry is read-only"
	}
	return &Server{o}
}
