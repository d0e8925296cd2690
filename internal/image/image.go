// Package image keeps the engine's images: it loads, imports, names, lists and
// removes them, and gives containers the directories of their layers.
//
// It is containerd's content store, metadata database and overlay snapshotter,
// linked into our own process. One directory belongs to it:
//
//	<root>/
//	  metadata.db        bbolt: images, content, snapshots, leases (containerd's schema, namespace "berth")
//	  content/blobs/…    manifests, configs, layers as they came, by digest
//	  content/ingest/…   what is being written
//	  snapshots/…        one directory a layer, with its own small bbolt file
//	  outgoing/…         where uploads go that have not come to their end
//	  used/…             an empty file an image, whose time is when it was last used
//	  unclean            exists while something is being changed: a start that
//	                     finds it collects what an interrupted change has left
//
// Lock order: Service.mu, then containerd's own locks.
package image

import (
	"time"

	"berth/internal/image/instruction"
	"berth/internal/image/removal"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Config is an image's configuration: the OCI image config with Docker's
// extras (Healthcheck, OnBuild, Shell).
type Config = dockerspec.DockerOCIImage

// Image is one image as it is stored. It is a snapshot that nobody changes.
type Image struct {
	// ID is the digest of the index or manifest that the image's names point
	// to, as in Docker's containerd store.
	ID digest.Digest
	// Names are normalized tags, sorted: docker.io/library/x:tag, and name@digest for a
	// pull by digest. None means that the image is dangling.
	Names []string
	// Digests are name@digest for every name: docker.io/library/x@sha256:….
	Digests []string
	// Config belongs to Manifest.
	Config Config
	// Created is what the config says; zero when it says nothing.
	Created time.Time
	// Tagged is when one of its names was last given.
	Tagged time.Time
	// Size is what the image takes on disk in bytes: content and unpacked
	// layers. ContentSize is the content alone.
	Size, ContentSize int64
	// Parts are what Size is made of, in bytes by the digest of a blob or of a chain of layers: equal ones
	// of two images are on disk once. Nobody changes the map.
	Parts map[digest.Digest]int64
	// Platform is what the config is for.
	Platform ocispec.Platform
	// Manifest is the one that containers run; Target is what the names point
	// to. They differ when Target is an index.
	Manifest, Target ocispec.Descriptor
	// Parent is the image of the container that this one was made of by a commit; else "".
	Parent digest.Digest
	// DiffIDs are the digests of the uncompressed layers, lowest first.
	DiffIDs []digest.Digest
	// Variants are the manifests that are here, that of the host's platform among them, with their layers' DiffIDs.
	// Nobody changes the map.
	Variants map[digest.Digest][]digest.Digest
	// Protected images are taken only by who forces it: no prune and no disk budget touches them.
	Protected bool
}

// Use says that a container uses an image.
type Use = removal.Use

// Removal is one line of a remove's answer.
type Removal = removal.Line

// RemoveOptions say how Remove deals with what stands in its way.
type RemoveOptions struct {
	Force   bool
	NoPrune bool // leave the dangling images that it was committed of
	// Platforms, when there are any, are all that is removed of an index.
	Platforms []ocispec.Platform
	// InUse tells which containers use an image; nil means none do.
	InUse func(id digest.Digest) []Use
}

// LoadOptions say what of an archive is taken in.
type LoadOptions struct {
	Platforms []ocispec.Platform // each of which every image must provide; none takes all, and unpacks the host's
	Progress  func(string)       // hears what is going on; may be nil
}

// ImportOptions say what an imported file system becomes.
type ImportOptions struct {
	Repo     string // "" makes a dangling image
	Tag      string // "" means latest, when there is a Repo
	Message  string // comment of the history entry
	Changes  []string
	Platform string // "os/arch[/variant]"; "" means the host's
}

// CommitOptions say what becomes of a container's layer.
type CommitOptions struct {
	Parent    digest.Digest // the container's image
	Manifest  digest.Digest // which of its manifests the container runs; "" is the host's
	Repo, Tag string        // as in ImportOptions
	Comment   string
	Author    string // "" means the parent's
	CreatedBy string // the container's command, for the history
	Changes   []string
	Asked     *instruction.Config // the request's; nil when it has none
	Own       instruction.Config  // the container's
}
