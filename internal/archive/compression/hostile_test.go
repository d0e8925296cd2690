package compression

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"berth/internal/fault"
)

// pack packs text with a program of the host's.
func pack(t testing.TB, text []byte, argv ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(argv, err)
	}
	return out
}

func unpack(packed []byte) ([]byte, error) {
	z, _, err := Decompress(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

func text() []byte {
	var b bytes.Buffer
	for i := range 20000 {
		b.WriteString(strings.Repeat("line ", i%7))
		b.WriteByte(byte(i * i))
	}
	return b.Bytes()
}

func TestWhatXzAndBzip2PackIsUnpackedAsItWas(t *testing.T) {
	want := text()
	for _, argv := range [][]string{{"xz"}, {"xz", "-9e"}, {"xz", "-0", "--check=sha256"}, {"xz", "--check=none"}, {"xz", "--x86", "--lzma2"}, {"xz", "-T2", "--block-size=64KiB"}, {"bzip2"}, {"bzip2", "-1"}} {
		packed := pack(t, want, argv...)
		for name, stream := range map[string][]byte{"one stream": packed, "two streams": append(bytes.Clone(packed), packed...)} {
			whole := bytes.Repeat(want, len(stream)/len(packed))
			if got, err := unpack(stream); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%v, %s: %d bytes of %d, %v", argv, name, len(got), len(whole), err)
			}
		}
	}
}

func TestAStreamThatEndsTooEarlyIsAnErrorWhereverItEnds(t *testing.T) {
	for _, program := range []string{"xz", "bzip2"} {
		packed := pack(t, text()[:3000], program)
		for n := 6; n < len(packed); n++ {
			if _, err := unpack(packed[:n]); err == nil {
				t.Fatalf("%s: %d bytes of %d are taken for the whole", program, n, len(packed))
			} else if program == "xz" && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%d bytes of %d: %v", n, len(packed), err)
			}
		}
	}
}

func TestAStreamWithAWrongByteIsNeverTakenForAGoodOne(t *testing.T) {
	want := text()[:3000]
	for _, program := range []string{"xz", "bzip2"} {
		packed := pack(t, want, program)
		for i := range packed {
			bad := bytes.Clone(packed)
			bad[i] ^= 0x10
			if Detect(bad) == Plain {
				continue
			}
			if got, err := unpack(bad); err == nil && !bytes.Equal(got, want) {
				t.Fatalf("%s: with byte %d changed it is something else", program, i)
			}
		}
	}
}

func TestAnXzHeaderCannotAskForGigabytes(t *testing.T) {
	packed := pack(t, text(), "xz")
	// A block header (file format 3.1): size, flags, filter ID, size of its properties, dictionary size.
	header := packed[12 : 12+4*(int(packed[12])+1)]
	if header[2] != 0x21 || header[3] != 1 {
		t.Fatalf("another header: % x", header)
	}
	header[4] = 40 // 4 GiB
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := unpack(packed)
	runtime.ReadMemStats(&after)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "64 MiB") {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d bytes were allocated", took)
	}
}

func FuzzPackedStreams(f *testing.F) {
	for _, argv := range [][]string{{"xz"}, {"xz", "--check=sha256"}, {"xz", "--x86", "--lzma2"}, {"bzip2"}} {
		f.Add(pack(f, text()[:500], argv...))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		z, _, err := Decompress(bytes.NewReader(packed))
		if err != nil {
			return
		}
		defer z.Close()
		io.Copy(io.Discard, io.LimitReader(z, 1<<20))
	})
}
