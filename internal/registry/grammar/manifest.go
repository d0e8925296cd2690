package grammar

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"strings"

	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// The media types of manifests that are taken.
const (
	OCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex       = "application/vnd.oci.image.index.v1+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Descriptor is what a manifest says of something else.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// Links is what a registry has to know of a manifest.
type Links struct {
	MediaType string
	Blobs     []digest.Digest // which have to be in the repository
	Elsewhere []digest.Digest // layers that may lie elsewhere, and in the repository too
	Manifests []digest.Digest
	Subject   digest.Digest // "" for none
	// ArtifactType and Annotations are what the subject's referrers say of it.
	ArtifactType string
	Annotations  map[string]string
}

// document is any of the four kinds, as far as it is read.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *Descriptor       `json:"config"`
	Layers        *[]Descriptor     `json:"layers"`
	Manifests     *[]Descriptor     `json:"manifests"`
	Subject       *Descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

// Links reads a manifest. contentType is the header it came with, which may be
// empty; where both it and the manifest name a type, they have to agree, since a
// manifest that is one thing for one reader and another for the next is a trick
// (CVE-2021-41190).
func ReadLinks(contentType string, body []byte) (Links, error) {
	var doc document
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&doc); err != nil {
		return Links{}, invalid("The manifest is not JSON of a manifest's shape: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Links{}, invalid("Something follows the manifest")
	}
	mediaType, err := doc.kind(contentType)
	if err != nil {
		return Links{}, err
	}
	l := Links{MediaType: mediaType, ArtifactType: doc.ArtifactType, Annotations: doc.Annotations}
	if doc.Subject != nil {
		if l.Subject, err = Digest(doc.Subject.Digest.String()); err != nil {
			return Links{}, invalid("The manifest's subject: %v", err)
		}
	}
	if mediaType == OCIIndex || mediaType == DockerList {
		l.Manifests, err = digests(*doc.Manifests)
		return l, err
	}
	if l.ArtifactType == "" {
		l.ArtifactType = doc.Config.MediaType
	}
	return l, l.content(doc)
}

// kind decides what a manifest is, and whether it has what such a one has.
func (d document) kind(contentType string) (string, error) {
	header, _, err := mime.ParseMediaType(contentType)
	if contentType != "" && err != nil {
		return "", invalid("%s is not a media type", quoted(contentType))
	}
	kind := header
	switch {
	case kind == "" && d.MediaType != "":
		kind = d.MediaType
	case kind == "" && d.Manifests != nil:
		kind = OCIIndex
	case kind == "":
		kind = OCIManifest
	}
	if d.MediaType != "" && d.MediaType != kind {
		return "", invalid("The manifest came as %s and says that it is %s", quoted(kind), quoted(d.MediaType))
	}
	if d.SchemaVersion != 2 {
		return "", invalid("The manifest's schema version is %d, and only 2 is served", d.SchemaVersion)
	}
	image, index := d.Config != nil || d.Layers != nil, d.Manifests != nil
	switch kind {
	case OCIManifest, DockerManifest:
		if index || d.Config == nil || d.Layers == nil {
			return "", invalid("An image's manifest has a config and layers, and no manifests")
		}
	case OCIIndex, DockerList:
		if image || !index {
			return "", invalid("An index has manifests, and neither config nor layers")
		}
	default:
		return "", invalid("Manifests of the type %s are not served", quoted(kind))
	}
	return kind, nil
}

// content collects what an image consists of.
func (l *Links) content(doc document) error {
	config, err := digests([]Descriptor{*doc.Config})
	if err != nil {
		return err
	}
	l.Blobs = config
	for _, layer := range *doc.Layers {
		d, err := digests([]Descriptor{layer})
		if err != nil {
			return err
		}
		if layer.elsewhere() {
			l.Elsewhere = append(l.Elsewhere, d...)
		} else {
			l.Blobs = append(l.Blobs, d...)
		}
	}
	return nil
}

// elsewhere reports a layer that nobody has to push.
func (d Descriptor) elsewhere() bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
}

func digests(list []Descriptor) ([]digest.Digest, error) {
	found := make([]digest.Digest, 0, len(list))
	for _, d := range list {
		parsed, err := Digest(d.Digest.String())
		if err != nil {
			return nil, invalid("The manifest names something by a digest that is none: %v", err)
		}
		if d.Size < 0 {
			return nil, invalid("The manifest gives %s a size below 0", parsed)
		}
		found = append(found, parsed)
	}
	return found, nil
}

func invalid(format string, args ...any) error {
	return refusal.New(refusal.ManifestInvalid, format, args...)
}
