package show

import (
	"berth/internal/image"

	wire "github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
)

// Manifests shows what an image consists of; users are the containers that run the manifest main of it.
func Manifests(list []image.Manifest, main digest.Digest, users []string) []wire.ManifestSummary {
	out := []wire.ManifestSummary{}
	for _, m := range list {
		line := wire.ManifestSummary{ID: m.Descriptor.Digest.String(), Descriptor: m.Descriptor, Available: m.Available, Kind: wire.ManifestKind(m.Kind)}
		line.Size.Content, line.Size.Total = m.Content, m.Content+m.Unpacked
		switch m.Kind {
		case image.KindImage:
			line.ImageData = &wire.ImageProperties{Platform: m.Platform, Containers: []string{}}
			line.ImageData.Size.Unpacked = m.Unpacked
			if m.Descriptor.Digest == main {
				line.ImageData.Containers = append(line.ImageData.Containers, users...)
			}
		case image.KindAttestation:
			line.AttestationData = &wire.AttestationProperties{For: m.For}
		}
		out = append(out, line)
	}
	return out
}

// History shows how an image came to be.
func History(steps []image.Step) []wire.HistoryResponseItem {
	out := []wire.HistoryResponseItem{}
	for _, s := range steps {
		line := wire.HistoryResponseItem{ID: s.ID, CreatedBy: s.CreatedBy, Comment: s.Comment, Size: s.Size, Tags: s.Tags, Created: unixOrZero(s.Created)}
		out = append(out, line)
	}
	return out
}
