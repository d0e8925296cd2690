package logfile

import (
	"bytes"
	"io"
	"os"
)

// tail sets where in each part the last n entries begin.
func tail(parts []part, n int) error {
	for i := len(parts) - 1; i >= 0; i-- {
		p := &parts[i]
		if n == 0 {
			p.start = -1
			continue
		}
		var found int
		var err error
		if p.gz {
			found, err = countLines(p.file)
			p.start = int64(max(0, found-n))
		} else {
			p.start, found, err = lastLines(p.file, p.end, n)
		}
		if err != nil {
			return err
		}
		n -= min(n, found)
	}
	return nil
}

// lastLines finds where the last n whole lines begin in the first end bytes,
// and how many there are, at most n. It reads backwards.
func lastLines(f io.ReaderAt, end int64, n int) (start int64, found int, err error) {
	b := make([]byte, 64<<10)
	newlines := 0 // the end of the last line is one too
	for end > 0 {
		from := max(0, end-int64(len(b)))
		chunk := b[:end-from]
		if k, err := f.ReadAt(chunk, from); err == io.EOF {
			chunk = chunk[:k] // truncated meanwhile
		} else if err != nil {
			return 0, 0, err
		}
		for {
			i := bytes.LastIndexByte(chunk, '\n')
			if i < 0 {
				break
			}
			if newlines == n {
				return from + int64(i) + 1, n, nil
			}
			newlines++
			chunk = chunk[:i]
		}
		end = from
	}
	return 0, newlines, nil
}

func countLines(f *os.File) (int, error) {
	z, err := rewound(f)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	n := 0
	for b := make([]byte, 64<<10); ; {
		k, err := z.Read(b)
		n += bytes.Count(b[:k], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
