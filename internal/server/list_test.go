package server

import (
	"encoding/json"
	"testing"

	"berth/internal/container"
	"berth/internal/image"

	"github.com/opencontainers/go-digest"
)

func TestAListShowsTheImagesIDOnceItsNameHasMovedOn(t *testing.T) {
	const hex = "0123456789012345678901234567890123456789012345678901234567890123"
	img := sampleImage()
	img.ID, img.Names = digest.Digest("sha256:"+hex), []string{"docker.io/library/here:latest"}
	for word, want := range map[string]string{"here": "here", "gone:1": "sha256:" + hex, "012345678901": "012345678901", "sha256:0123": "sha256:0123"} {
		c := sample()
		c.ImageID, c.Config.Image = img.ID.String(), word
		f := &fake{containers: []container.Container{c}, images: []image.Image{img}}
		var list []struct{ Image string }
		if err := json.Unmarshal(ask(f, "GET", "/containers/json", "").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if list[0].Image != want {
			t.Errorf("%s: shown as %s, not %s", word, list[0].Image, want)
		}
	}
}
