package image

import (
	"archive/tar"
	"bytes"
	"context"
	"embed"
	"errors"
	"runtime"
	"runtime/debug"
	"time"

	"berth/internal/fault"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// program holds embedded/hello when it has been built (make build); a fresh
// clone compiles without it.
//
//go:embed all:embedded
var program embed.FS

const (
	// EmbeddedName is the image that the daemon carries within itself.
	EmbeddedName = "docker.io/berth/hello:latest"
	// embeddedLabel holds the digest of the program, and tells our image from
	// one that a user has given the same name.
	embeddedLabel = "berth.embedded"
	embeddedPath  = "embedded/hello"
)

// EnsureEmbedded makes the embedded image unless it is there. One of an older
// daemon is replaced; an image of the user's own by that name is left alone. It
// takes some tens of milliseconds when there is something to do: call it in the
// background, or leave it to Get, which calls it when the image is asked for.
func (s *Service) EnsureEmbedded(ctx context.Context) error {
	s.embedding.Lock()
	defer s.embedding.Unlock()
	bin, err := program.ReadFile(embeddedPath)
	if err != nil {
		return fault.New(fault.Unavailable, "this berthd was built without the berth/hello image; build it with make build")
	}
	sum := digest.FromBytes(bin).String()
	cat, err := s.current(ctx)
	if err != nil {
		return err
	}
	if id, ok := cat.byName[EmbeddedName]; ok {
		label, ours := cat.byID[id].Config.Config.Labels[embeddedLabel]
		if !ours || label == sum {
			return nil
		}
	}
	layer, created, err := embeddedLayer(bin)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "make the embedded image")
	}
	_, err = s.importLayer(ctx, layer, EmbeddedName, embeddedConfig(sum, created))
	return err
}

func embeddedConfig(sum string, created time.Time) Config {
	cfg := Config{Image: ocispec.Image{
		Created:  &created,
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		History:  []ocispec.History{{Created: &created, CreatedBy: "berthd", Comment: "embedded in berthd"}},
	}}
	cfg.Config.Entrypoint = []string{"/hello"}
	cfg.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cfg.Config.WorkingDir = "/"
	cfg.Config.Labels = map[string]string{embeddedLabel: sum, "org.opencontainers.image.title": "berth/hello"}
	return cfg
}

// embeddedLayer is the same for the same build, so that the image's ID is too.
func embeddedLayer(bin []byte) (*bytes.Buffer, time.Time, error) {
	created := buildTime()
	var b bytes.Buffer
	zw, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, created, err
	}
	tw := tar.NewWriter(zw)
	for _, dir := range []string{"etc/", "tmp/"} {
		mode := int64(0o755)
		if dir == "tmp/" {
			mode = 0o1777
		}
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: mode, ModTime: created}); err != nil {
			return nil, created, err
		}
	}
	passwd := "root:x:0:0:root:/:/hello\nnobody:x:65534:65534:nobody:/:/hello\n"
	group := "root:x:0:\nnogroup:x:65534:\n"
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{{"hello", 0o755, bin}, {"etc/passwd", 0o644, []byte(passwd)}, {"etc/group", 0o644, []byte(group)}} {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: created}); err != nil {
			return nil, created, err
		}
		if _, err := tw.Write(f.data); err != nil {
			return nil, created, err
		}
	}
	return &b, created, errors.Join(tw.Close(), zw.Close())
}

// buildTime is the commit's time, or a fixed one where that is not known.
func buildTime() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
					return t.UTC()
				}
			}
		}
	}
	return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
}

func isEmbedded(ref string) bool {
	name, err := normalize(ref)
	return err == nil && name == EmbeddedName
}
