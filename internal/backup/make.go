//go:build linux

package backup

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"berth/internal/backup/place"
	"berth/internal/chunk"
	"berth/internal/chunk/tree"
	"berth/internal/fault"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Make makes a backup of a volume. It is in its place, durable and whole, when Make returns; what has arrived
// of one that fails stays there, and is not sent again by the next one.
func (s *Service) Make(ctx context.Context, sub Subject, to Spot, tell Tell) (_ Backup, err error) {
	p, at, err := s.open(to, toWrite)
	if err != nil {
		return Backup{}, err
	}
	defer p.Close()
	c := Config{Volume: sub.Volume, Created: time.Now().UTC().Truncate(time.Millisecond)}
	tag := cmp.Or(at.Tag, place.TagOf(sub.Name, c.Created))
	if !place.IsTag(tag) {
		return Backup{}, fault.New(fault.Invalid, "invalid tag %s of a backup", fault.Quoted(tag))
	}
	earlier := s.earlier(ctx, p, tag, sub.Name, tell)
	m := &making{s: s, place: p, sub: sub, tell: tell}
	t, there, err := m.send(ctx, earlier)
	if err != nil {
		return Backup{}, fault.Wrap(fault.KindOf(err), err, "no backup of volume %s can be made", sub.Name)
	}
	c.Size, c.Entries = t.Size(), len(t.Entries)
	b, err := m.complete(ctx, tag, c, t, there)
	return b, fault.Wrap(fault.KindOf(err), err, "the backup of volume %s cannot be completed", sub.Name)
}

// earlier is the last backup of a volume whose packs are all there; nil if there is none. A backup that cannot be read is no
// reason to make none: all is sent again then.
func (s *Service) earlier(ctx context.Context, p place.Place, tag, volume string, tell Tell) *contents {
	tags, err := p.Tags(ctx)
	if err != nil {
		return nil // whoever writes there will hear why
	}
	last := tag
	if !slices.Contains(tags, tag) {
		if last = latest(tags, volume); last == "" {
			return nil
		}
	}
	c, err := s.read(ctx, p, last)
	if err == nil {
		_, err = c.source(p, s.codec)
	}
	if err == nil {
		err = allThere(ctx, p, c.packs)
	}
	if err != nil {
		tell(Progress{ID: volume, Status: "The earlier backup " + last + " is of no use: " + err.Error()})
		return nil
	}
	tell(Progress{ID: volume, Status: "Adding to " + last})
	return c
}

func allThere(ctx context.Context, p place.Place, blobs []ocispec.Descriptor) error {
	for _, d := range blobs {
		there, err := p.Has(ctx, d)
		if err != nil {
			return err
		}
		if !there {
			return fault.New(fault.Invalid, "the backup is incomplete: %s is missing", d.Digest)
		}
	}
	return nil
}

// making is a backup that is being made.
type making struct {
	s     *Service
	place place.Place
	sub   Subject
	tell  Tell
	last  time.Time
	to    *sender
	sent  int64
}

// send sends what is missing of a volume's files as they were at one moment.
func (m *making) send(ctx context.Context, earlier *contents) (_ *tree.Manifest, there stock, err error) {
	var before *tree.Manifest
	if earlier != nil {
		before, there = earlier.tree, stock{earlier.index, earlier.packs}
	}
	m.to = newSender(ctx, m.place, m.s.codec, there)
	t, err := m.still(ctx, before)
	there, failed := m.to.finish()
	m.sent = m.to.upload.sent
	if err = cmp.Or(err, failed); err != nil {
		return nil, there, err
	}
	return t, there, nil
}

// passes is how often files are looked at without stopping anybody.
const passes = 3

// still reads the files as they were at one moment. If nobody changes them that is so without anybody being stopped: two scans
// find the same then. Else there is a copy of one moment, of which little is new by now.
func (m *making) still(ctx context.Context, before *tree.Manifest) (t *tree.Manifest, err error) {
	dir, shut, err := m.sub.Live()
	if err != nil {
		return nil, err
	}
	defer shut()
	select { // what was written before the backup was asked for shall not look as if it were written now
	case <-time.After(2 * tree.Settling):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for i := range passes {
		t, err = m.scan(ctx, dir, before, false)
		if err != nil || i > 0 && tree.Quiet(before, t) {
			return t, err
		}
		before = t
	}
	err = m.sub.Frozen(ctx, func(dir *os.File) error {
		t, err = m.scan(ctx, dir, before, true)
		return err
	})
	return t, err
}

func (m *making) scan(ctx context.Context, dir *os.File, earlier *tree.Manifest, still bool) (*tree.Manifest, error) {
	m.to.restart()
	total, done := int64(0), int64(0)
	if earlier != nil {
		total = earlier.Size()
	}
	return tree.Scan(ctx, dir, m.to, tree.Options{Earlier: earlier, Still: still, Read: func(n int64) {
		if done += n; time.Since(m.last) > tellEvery {
			m.last = time.Now()
			m.tell(Progress{ID: m.sub.Name, Status: "Reading", Current: done, Total: total})
		}
	}})
}

// tellEvery is how often progress is told.
const tellEvery = 100 * time.Millisecond

// complete stores what describes a backup, and names it.
func (m *making) complete(ctx context.Context, tag string, c Config, t *tree.Manifest, there stock) (Backup, error) {
	there = needed(there, t.Chunks)
	m.tell(Progress{ID: m.sub.Name, Status: "Completing"})
	a := artifact{packs: there.blobs}
	var err error
	for _, part := range []struct {
		d    *ocispec.Descriptor
		kind string
		make func() ([]byte, error)
	}{
		{&a.tree, typeTree, func() ([]byte, error) { return packTree(t.Encode()) }},
		{&a.index, typeIndex, func() ([]byte, error) { return encodeIndex(there.packs), nil }},
		{&a.config, typeConfig, func() ([]byte, error) { _, text, err := document(typeConfig, c); return text, err }},
	} {
		text, err := part.make()
		if err != nil {
			return Backup{}, err
		}
		*part.d = place.Describe(part.kind, text)
		sent, err := m.place.Put(ctx, *part.d, text)
		if err != nil {
			return Backup{}, err
		}
		if sent {
			m.sent += part.d.Size
		}
	}
	text, err := a.encode(c)
	if err != nil {
		return Backup{}, err
	}
	b := Backup{Tag: tag, Target: place.Describe(ocispec.MediaTypeImageManifest, text), Config: c, Packed: a.size(), Sent: m.sent}
	b.Target.ArtifactType = ArtifactType
	return b, m.place.Tag(ctx, tag, b.Target, text)
}

// needed is the packs that have chunks of a tree.
func needed(there stock, chunks []chunk.Ref) stock {
	wanted := make(map[chunk.Ref]bool, len(chunks))
	for _, ref := range chunks {
		wanted[ref] = true
	}
	var kept stock
	for i, x := range there.packs {
		if slices.ContainsFunc(x, func(c packed) bool { return wanted[c.ref] }) {
			kept.packs, kept.blobs = append(kept.packs, x), append(kept.blobs, there.blobs[i])
		}
	}
	return kept
}

// packTree compresses an encoded tree.
func packTree(text []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return w.EncodeAll(text, nil), nil
}

// unpackTree is what packTree was given.
func (*Service) unpackTree(packed []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(bodyLimit))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the tree of the backup cannot be unpacked")
	}
	return text, nil
}
