package chunk

import (
	"math"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"berth/internal/fault"
)

// Codec packs pieces of data and unpacks them. Any number of goroutines may use one.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// The first byte of a packed piece says what follows.
const (
	formRaw  = 0 // the data
	formZstd = 1 // one frame of zstd (RFC 8878)
)

// MaxPacked is how long a packed piece may be, in bytes.
const MaxPacked = Largest + 1

// NewCodec returns a Codec.
func NewCodec() *Codec {
	n := runtime.GOMAXPROCS(0)
	enc, errE := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(n), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	dec, errD := zstd.NewReader(nil, zstd.WithDecoderConcurrency(n), zstd.WithDecoderMaxMemory(Largest), zstd.WithDecoderLowmem(true))
	if errE != nil || errD != nil {
		panic("chunk: zstd refuses constant options")
	}
	return &Codec{enc, dec}
}

// Pack appends a piece's packed form to buf. Data that looks as if it were
// compressed already is kept as it is.
func (c *Codec) Pack(buf, data []byte) []byte {
	start := len(buf)
	if squeezable(data) {
		buf = c.enc.EncodeAll(data, append(buf, formZstd))
		if saved := len(data) - (len(buf) - start); saved > len(data)/16 {
			return buf
		}
		buf = buf[:start]
	}
	return append(append(buf, formRaw), data...)
}

// Unpack is the data of a packed piece, which must be what ref says. It may be
// a part of packed, or lie in the capacity of buf.
func (c *Codec) Unpack(buf, packed []byte, ref Ref) ([]byte, error) {
	if len(packed) == 0 || ref.Size > Largest {
		return nil, corrupt(ref)
	}
	data := packed[1:]
	switch packed[0] {
	case formRaw:
	case formZstd:
		var err error
		if data, err = c.dec.DecodeAll(data, buf[:0]); err != nil {
			return nil, corrupt(ref)
		}
	default:
		return nil, corrupt(ref)
	}
	return data, ref.Check(data)
}

func corrupt(ref Ref) error {
	return fault.New(fault.Internal, "the chunk %s is corrupt: it cannot be unpacked", ref.Digest)
}

// squeezable guesses whether compression is worth its time, by how evenly bytes are
// spread in some places of the data. What is encrypted, compressed or random has close to
// 8 bits of information in each byte.
func squeezable(data []byte) bool {
	const places, length = 16, 1 << 10
	if len(data) < 128 {
		return false
	}
	var counts [256]int
	total := 0
	for i := range places {
		at := max(len(data)-length, 0) * i / (places - 1)
		for _, b := range data[at:min(at+length, len(data))] {
			counts[b]++
			total++
		}
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(total)
			bits -= p * math.Log2(p)
		}
	}
	return bits < 7.8
}
