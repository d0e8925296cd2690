package transfer

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// sourceLabel begins the label that says in which repositories of a registry a blob is, as containerd and Docker write it.
const sourceLabel = "containerd.io/distribution.source."

// AddSource notes that a blob is in a repository.
func AddSource(ctx context.Context, store content.Store, d digest.Digest, repo reference.Named) error {
	info, err := store.Info(ctx, d)
	if err != nil {
		return err
	}
	key := sourceLabel + reference.Domain(repo)
	known := strings.FieldsFunc(info.Labels[key], func(r rune) bool { return r == ',' })
	if slices.Contains(known, reference.Path(repo)) {
		return nil
	}
	value := strings.Join(append(known, reference.Path(repo)), ",")
	if len(key)+len(value) > labelLimit {
		value = reference.Path(repo)
	}
	_, err = store.Update(ctx, content.Info{Digest: d, Labels: map[string]string{key: value}}, "labels."+key)
	return err
}

// labelLimit is the most that containerd takes as a label's key and value.
const labelLimit = 4096

// Sources are other repositories of repo's registry that have a blob, as far as the store knows.
func Sources(ctx context.Context, store content.Store, d digest.Digest, repo reference.Named) []string {
	info, err := store.Info(ctx, d)
	if err != nil {
		return nil
	}
	repos := strings.FieldsFunc(info.Labels[sourceLabel+reference.Domain(repo)], func(r rune) bool { return r == ',' })
	return slices.DeleteFunc(repos, func(r string) bool { return r == reference.Path(repo) })
}

// Open opens a blob of the store from offset on.
func Open(ctx context.Context, store content.Store, d ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	ra, err := store.ReaderAt(ctx, d)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(ra, offset, ra.Size()-offset), ra}, nil
}
