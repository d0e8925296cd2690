package backup

import (
	"encoding/json"
	"slices"
	"time"

	"berth/internal/backup/place"
	"berth/internal/fault"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types of a backup (docs/backup-format.md).
const (
	ArtifactType = "application/vnd.berth.volume.backup.v1"
	typeConfig   = "application/vnd.berth.volume.config.v1+json"
	typeTree     = "application/vnd.berth.volume.tree.v1"  // what chunk/tree encodes, packed as a chunk is
	typeIndex    = "application/vnd.berth.volume.index.v1" // where the chunks are
	typePack     = "application/vnd.berth.volume.pack.v1"  // packed chunks, one after the other
)

// The annotation of a manifest that tells which volume it is of.
const volumeKey = "vnd.berth.volume.name"

// Limits of what is read into memory of a backup that nobody has verified.
const (
	manifestLimit = 4 << 20 // registries take no more
	configLimit   = 1 << 20
	bodyLimit     = 1 << 30
)

// Config is what a backup says of its volume.
type Config struct {
	Volume  Volume    `json:"volume"`
	Created time.Time `json:"created"` // when the backup was
	Size    int64     `json:"size"`    // bytes in the files
	Entries int       `json:"entries"` // files, directories and all else
}

// Volume is the volume as it was.
type Volume struct {
	Name    string            `json:"name"`
	Created time.Time         `json:"created"`
	Options map[string]string `json:"options,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// Backup is one that is somewhere.
type Backup struct {
	Tag    string
	Target ocispec.Descriptor // its manifest
	Config
	Problem string // why it cannot be restored, as far as its manifest and config show; "" for nothing
	Sent    int64  // bytes of them that were not there before; 0 unless it was just made
	Packed  int64  // bytes of all its blobs, which it may share with others
}

// artifact is a manifest taken apart.
type artifact struct {
	config, tree, index ocispec.Descriptor
	packs               []ocispec.Descriptor
}

// encode is the manifest of a backup.
func (a artifact) encode(c Config) ([]byte, error) {
	text, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType,
		Config: a.config, Layers: append([]ocispec.Descriptor{a.tree, a.index}, a.packs...),
		Annotations: map[string]string{ocispec.AnnotationCreated: c.Created.UTC().Format(time.RFC3339Nano), volumeKey: c.Volume.Name},
	})
	if err == nil && len(text) > manifestLimit {
		err = fault.New(fault.Unsupported, "the backup consists of more than %d blobs, which no manifest can name", len(a.packs))
	}
	return text, err
}

// errOther says that a manifest is of something else.
func errOther(kind string) error {
	return fault.New(fault.Invalid, "this is no backup of a volume but %s", fault.Quoted(kind))
}

// parse reads a manifest.
func parse(text []byte) (artifact, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return artifact{}, fault.Wrap(fault.Invalid, err, "the manifest of the backup is malformed")
	}
	if m.ArtifactType != ArtifactType {
		return artifact{}, errOther(m.ArtifactType + m.Config.MediaType)
	}
	types := []string{typeTree, typeIndex}
	for i, d := range m.Layers {
		if i < len(types) && d.MediaType != types[i] || i >= len(types) && d.MediaType != typePack {
			return artifact{}, fault.New(fault.Invalid, "the manifest of the backup is malformed: blob %d is a %s", i, fault.Quoted(d.MediaType))
		}
	}
	if len(m.Layers) < len(types) || m.Config.MediaType != typeConfig {
		return artifact{}, fault.New(fault.Invalid, "the manifest of the backup is malformed: it lacks blobs")
	}
	for _, d := range append(slices.Clone(m.Layers), m.Config) {
		if d.Digest.Validate() != nil || d.Size < 0 || d.Size > 1<<40 {
			return artifact{}, fault.New(fault.Invalid, "the manifest of the backup is malformed: it refers to %s", fault.Quoted(d.Digest.String()))
		}
	}
	return artifact{m.Config, m.Layers[0], m.Layers[1], m.Layers[2:]}, nil
}

// size is how many bytes its blobs have.
func (a artifact) size() int64 {
	total := a.config.Size + a.tree.Size + a.index.Size
	for _, d := range a.packs {
		total += d.Size
	}
	return total
}

// document is a blob that is made of a value.
func document(mediaType string, v any) (ocispec.Descriptor, []byte, error) {
	text, err := json.Marshal(v)
	return place.Describe(mediaType, text), text, err
}
