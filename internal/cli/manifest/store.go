package manifest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/cli/imageref"
	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// image is a manifest of a list that is being made, as docker's client keeps
// it too: the registry's own bytes, and what is said of them in the list.
type image struct {
	Ref        string
	Descriptor ocispec.Descriptor
	Raw        []byte `json:",omitempty"`
	// One of both, by the media type, for who reads it.
	SchemaV2Manifest json.RawMessage `json:",omitempty"`
	OCIManifest      json.RawMessage `json:",omitempty"`
}

// store keeps lists below the client's configuration: a directory a list, a
// file an image of it.
type store struct{ root string }

func (s store) list(list imageref.Ref) string { return filepath.Join(s.root, fileName(list)) }

// fileName is a reference's name in the store. No reference has a character
// that would lead out of it, or is a dot alone.
func fileName(ref imageref.Ref) string {
	return strings.NewReplacer(":", "-", "/", "_").Replace(ref.String())
}

// missing says that there is no such list or image.
func missing(ref imageref.Ref) error { return fault.New(fault.NotFound, "No such manifest: %s", ref) }

// get returns an image of a list. NotFound when it is not in it.
func (s store) get(list, ref imageref.Ref) (image, error) {
	img, err := read(filepath.Join(s.list(list), fileName(ref)))
	if errors.Is(err, fs.ErrNotExist) {
		return image{}, missing(ref)
	}
	return img, err
}

// all returns the images of a list, in the order of their names. NotFound when
// there is no such list.
func (s store) all(list imageref.Ref) ([]image, error) {
	files, err := os.ReadDir(s.list(list))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(list)
	}
	if err != nil {
		return nil, err
	}
	var images []image
	for _, f := range files {
		img, err := read(filepath.Join(s.list(list), f.Name()))
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

func read(path string) (image, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return image{}, err
	}
	var img image
	if err := json.Unmarshal(b, &img); err != nil {
		return image{}, fault.Wrap(fault.Invalid, err, "%s is not a manifest", path)
	}
	return img, nil
}

// put keeps an image of a list. Its file is there as a whole or not at all:
// what is in a list's directory counts as an image of it.
func (s store) put(list, ref imageref.Ref, img image) error {
	b, err := json.Marshal(img)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.list(list), 0o755); err != nil { // #nosec G301 -- as docker's, and nothing of it is secret
		return err
	}
	f, err := os.CreateTemp(s.root, ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil { // #nosec G302 -- the same
		err = os.Rename(f.Name(), filepath.Join(s.list(list), fileName(ref)))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (s store) remove(list imageref.Ref) error { return os.RemoveAll(s.list(list)) }
