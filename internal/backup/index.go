package backup

import (
	"encoding/binary"

	"berth/internal/chunk"
	"berth/internal/fault"
)

// packIndex is which chunks a pack has, in their order.
type packIndex []packed

// packed is a chunk in a pack.
type packed struct {
	ref  chunk.Ref
	size uint32 // bytes in the pack
}

// indexMagic begins an index, which goes on with how many packs there are, and of each how many chunks it has, and of
// each of those its digest (32 bytes), its size, and its size in the pack. Numbers are unsigned varints of encoding/binary.
const indexMagic = "berth index 1\n"

func encodeIndex(packs []packIndex) []byte {
	p := []byte(indexMagic)
	p = binary.AppendUvarint(p, uint64(len(packs)))
	for _, x := range packs {
		p = binary.AppendUvarint(p, uint64(len(x)))
		for _, c := range x {
			p = append(p, c.ref.Digest[:]...)
			p = binary.AppendUvarint(p, uint64(c.ref.Size))
			p = binary.AppendUvarint(p, uint64(c.size))
		}
	}
	return p
}

// decodeIndex reads an index, of which it believes nothing.
func decodeIndex(p []byte) ([]packIndex, error) {
	malformed := fault.New(fault.Invalid, "the index of the backup is malformed")
	if len(p) < len(indexMagic) || string(p[:len(indexMagic)]) != indexMagic {
		return nil, malformed
	}
	r := numbers{p: p[len(indexMagic):]}
	packs := make([]packIndex, r.count(1))
	for i := range packs {
		packs[i] = make(packIndex, r.count(len(chunk.Digest{})+2))
		for j := range packs[i] {
			c := &packs[i][j]
			r.p = r.p[copy(c.ref.Digest[:], r.p):]
			c.ref.Size = uint32(r.next(chunk.Largest))
			c.size = uint32(r.next(chunk.MaxPacked))
		}
	}
	if r.bad || len(r.p) > 0 {
		return nil, malformed
	}
	return packs, nil
}

// numbers takes numbers from bytes. Once one is not as it has to be, all are 0.
type numbers struct {
	p   []byte
	bad bool
}

func (r *numbers) next(limit uint64) uint64 {
	n, size := binary.Uvarint(r.p)
	if size <= 0 || n > limit {
		r.bad, r.p = true, nil
		return 0
	}
	r.p = r.p[size:]
	return n
}

// count is how many things of at least size bytes follow.
func (r *numbers) count(size int) int { return int(r.next(uint64(len(r.p) / size))) }

// where is where a chunk is.
type where struct {
	pack   int
	offset int64
	size   uint32
}

// locate finds the chunks of packs, which have to be as long as the blobs are.
func locate(packs []packIndex, sizes []int64) (map[chunk.Ref]where, error) {
	if len(packs) != len(sizes) {
		return nil, fault.New(fault.Invalid, "the index of the backup is of %d packs, and there are %d", len(packs), len(sizes))
	}
	at := map[chunk.Ref]where{}
	for i, x := range packs {
		offset := int64(0)
		for _, c := range x {
			at[c.ref] = where{i, offset, c.size}
			offset += int64(c.size)
		}
		if offset != sizes[i] {
			return nil, fault.New(fault.Invalid, "the index of the backup says that a pack has %d bytes, and it has %d", offset, sizes[i])
		}
	}
	return at, nil
}
