// Package embedded makes the image that the daemon carries within itself.
package embedded

import (
	"archive/tar"
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/klauspost/compress/gzip"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// files holds hello when it has been built (make build); a fresh clone compiles
// without it.
//
//go:embed *
var files embed.FS

// Name is the image's, and Label holds the digest of the program: it tells our image from one that a user
// has given the same name.
const (
	Name  = "docker.io/berth/hello:latest"
	Label = "berth.embedded"
)

// Program is what the image runs; fs.ErrNotExist when this build has none.
func Program() ([]byte, error) { return fs.ReadFile(files, "hello") }

// Config is the image's configuration.
func Config(sum string, created time.Time) dockerspec.DockerOCIImage {
	cfg := dockerspec.DockerOCIImage{Image: ocispec.Image{
		Created:  &created,
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		History:  []ocispec.History{{Created: &created, CreatedBy: "berthd", Comment: "embedded in berthd"}},
	}}
	cfg.Config.Entrypoint = []string{"/hello"}
	cfg.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cfg.Config.WorkingDir = "/"
	cfg.Config.Labels = map[string]string{Label: sum, "org.opencontainers.image.title": "berth/hello"}
	return cfg
}

// Layer is the same for the same build, so that the image's ID is too.
func Layer(bin []byte) (*bytes.Buffer, time.Time, error) {
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
