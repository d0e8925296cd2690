//go:build linux

package backup

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"berth/internal/backup/place"
	"berth/internal/chunk"
	"berth/internal/chunk/tree"
	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// contents is a backup taken in, but for its packs.
type contents struct {
	artifact
	Config
	tree  *tree.Manifest
	index []packIndex
}

// describe reads a backup's manifest and config.
func describe(ctx context.Context, p place.Place, tag string) (Backup, artifact, error) {
	d, err := p.Resolve(ctx, tag)
	if err != nil {
		return Backup{}, artifact{}, err
	}
	if d.MediaType != ocispec.MediaTypeImageManifest {
		return Backup{}, artifact{}, errOther(d.MediaType)
	}
	text, err := place.ReadLimited(ctx, p, d, manifestLimit)
	if err != nil {
		return Backup{}, artifact{}, err
	}
	a, err := parse(text)
	if err != nil {
		return Backup{}, artifact{}, err
	}
	if text, err = place.ReadLimited(ctx, p, a.config, configLimit); err != nil {
		return Backup{}, artifact{}, err
	}
	b := Backup{Tag: tag, Target: d, Packed: a.size()}
	if err := json.Unmarshal(text, &b.Config); err != nil {
		return Backup{}, artifact{}, fault.Wrap(fault.Invalid, err, "the config of the backup is malformed")
	}
	return b, a, nil
}

// read reads a backup but for its packs, and checks that all of its tree is in them.
func (s *Service) read(ctx context.Context, p place.Place, tag string) (*contents, error) {
	b, a, err := describe(ctx, p, tag)
	if err != nil {
		return nil, err
	}
	c := &contents{artifact: a, Config: b.Config}
	text, err := place.ReadLimited(ctx, p, a.tree, bodyLimit)
	if err != nil {
		return nil, err
	}
	if text, err = s.unpackTree(text); err != nil {
		return nil, err
	}
	if c.tree, err = tree.Decode(text); err != nil {
		return nil, err
	}
	if text, err = place.ReadLimited(ctx, p, a.index, bodyLimit); err != nil {
		return nil, err
	}
	if c.index, err = decodeIndex(text); err != nil {
		return nil, err
	}
	return c, nil
}

// source is the chunks of a backup, for a restore.
func (c *contents) source(p place.Place, codec *chunk.Codec) (*source, error) {
	sizes := make([]int64, len(c.packs))
	for i, d := range c.packs {
		sizes[i] = d.Size
	}
	at, err := locate(c.index, sizes)
	if err != nil {
		return nil, err
	}
	for _, ref := range c.tree.Chunks {
		if _, ok := at[ref]; !ok {
			return nil, fault.New(fault.Invalid, "the backup is incomplete: the chunk %s is in none of its packs", ref.Digest)
		}
	}
	return &source{place: p, codec: codec, blobs: c.packs, at: at}, nil
}

// source gives the chunks of packs. A few packs are open at a time: a restore wants the chunks in about the
// order in which they were put.
type source struct {
	place place.Place
	codec *chunk.Codec
	blobs []ocispec.Descriptor
	at    map[chunk.Ref]where

	mu     sync.Mutex
	recent []*opened // the latest last
}

// opened is a pack that is open, or is being fetched. Who reads it has a share, and so has the list.
type opened struct {
	pack   int
	once   sync.Once
	f      *os.File
	err    error
	shares int
}

// openPacks is how many packs are open.
const openPacks = 8

// Get reads a chunk and verifies it.
func (s *source) Get(ctx context.Context, ref chunk.Ref, buf []byte) ([]byte, error) {
	w, ok := s.at[ref]
	if !ok {
		return nil, fault.New(fault.Invalid, "the backup is incomplete: the chunk %s is in none of its packs", ref.Digest)
	}
	o := s.share(w.pack)
	defer s.drop(o)
	o.once.Do(func() { o.f, o.err = s.place.Open(ctx, s.blobs[o.pack]) })
	if o.err != nil {
		return nil, o.err
	}
	form := make([]byte, w.size)
	if _, err := o.f.ReadAt(form, w.offset); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "a pack of the backup cannot be read")
	}
	data, err := s.codec.Unpack(buf, form, ref)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	return data, nil
}

func (s *source) share(pack int) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.recent {
		if o.pack == pack {
			s.recent = append(append(s.recent[:i:i], s.recent[i+1:]...), o)
			o.shares++
			return o
		}
	}
	if len(s.recent) == openPacks {
		s.release(s.recent[0])
		s.recent = s.recent[1:]
	}
	o := &opened{pack: pack, shares: 2}
	s.recent = append(s.recent, o)
	return o
}

func (s *source) drop(o *opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(o)
}

// release gives back a share; the caller holds mu.
func (s *source) release(o *opened) {
	if o.shares--; o.shares == 0 && o.f != nil {
		o.f.Close()
	}
}

// close closes the packs. Nobody reads any more.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.recent {
		s.release(o)
	}
	s.recent = nil
}
