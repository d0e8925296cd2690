package engine

import (
	"testing"

	"berth/internal/image"
	"berth/internal/registry/suite"

	"github.com/opencontainers/go-digest"
)

func TestAnEnginesImagesAreAContent(t *testing.T) {
	dir := t.TempDir()
	var list fixed
	for _, i := range suite.Images() {
		blob, manifest := held(t, dir, i.Blob), held(t, dir, i.Manifest())
		img := image.Image{ID: manifest, Parts: map[digest.Digest]int64{blob: 1, manifest: 1}}
		for _, tag := range i.Tags {
			img.Names = append(img.Names, "docker.io/"+map[string]string{"a": "library/a", "b/c": "b/c"}[i.Repo]+":"+tag)
		}
		list = append(list, img)
	}
	c, err := New(list, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	suite.Run(t, c)
}
