package keeper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"berth/internal/fault"
)

// A spool file is a run of frames:
//
//	stream u8 · time i64 (nanoseconds since 1970) · length u32 · data
//
// little-endian. Only the last frame can be torn: the keeper cuts a torn tail
// off before it appends.

// What the stream byte of a spool frame says.
const (
	SpoolStdout byte = 1
	SpoolStderr byte = 2
	SpoolPty    byte = 3
)

const (
	frameHeader = 13
	frameData   = 64 << 10 // the most data of one frame
	spoolLimit  = 128 << 20
)

func putFrameHeader(b []byte, stream byte, t time.Time, length int) {
	b[0] = stream
	binary.LittleEndian.PutUint64(b[1:], uint64(t.UnixNano()))
	binary.LittleEndian.PutUint32(b[9:], uint32(length))
}

func parseFrameHeader(b []byte) (stream byte, t time.Time, length int, err error) {
	stream = b[0]
	n := binary.LittleEndian.Uint32(b[9:])
	if stream < SpoolStdout || stream > SpoolPty || n == 0 || n > frameData {
		return 0, time.Time{}, 0, fault.New(fault.Invalid, "the spool file is malformed")
	}
	return stream, time.Unix(0, int64(binary.LittleEndian.Uint64(b[1:]))), int(n), nil
}

// ReadSpool calls fn with every frame of a spool file, oldest first; data is
// valid during the call. A missing file has no frames, and a torn frame at
// the end is left out. An error of fn stops the reading and is returned.
//
// The reader removes the file once its data is safe; the keeper appends to a
// file that is still there when it has to spool again.
func ReadSpool(path string, fn func(stream byte, t time.Time, data []byte) error) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return readFrames(bufio.NewReaderSize(f, 2*frameData), fn)
}

func readFrames(r io.Reader, fn func(stream byte, t time.Time, data []byte) error) error {
	var header [frameHeader]byte
	data := make([]byte, frameData)
	for {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return ignoreTorn(err)
		}
		stream, t, n, err := parseFrameHeader(header[:])
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, data[:n]); err != nil {
			return ignoreTorn(err)
		}
		if err := fn(stream, t, data[:n]); err != nil {
			return err
		}
	}
}

func ignoreTorn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// wholeFrames is the length of the whole frames at the front of a spool file
// of the given size. It reads the headers alone.
func wholeFrames(f io.ReaderAt, size int64) (int64, error) {
	var header [frameHeader]byte
	end := int64(0)
	for end+frameHeader <= size {
		if _, err := f.ReadAt(header[:], end); err != nil {
			return end, ignoreTorn(err)
		}
		_, _, n, err := parseFrameHeader(header[:])
		if err != nil {
			return end, nil // what follows cannot be read by anybody
		}
		if end+frameHeader+int64(n) > size {
			break
		}
		end += frameHeader + int64(n)
	}
	return end, nil
}
