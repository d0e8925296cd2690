package logfile

import (
	"io"
	"time"
)

// Blocks that a search reads: large enough for the longest entry.
const (
	seekBlock = 256 << 10
	seekEnd   = 2 * seekBlock // not worth a further step
)

// seekTime returns an offset between from and to, both at the beginning of an
// entry, before which there is nothing as late as t. It halves what is left and looks
// at the latest time in the middle: times go up in what we write (Splitter).
func seekTime(f io.ReaderAt, format Format, from, to int64, t time.Time) (int64, error) {
	b := make([]byte, seekBlock)
	for to-from > seekEnd {
		middle := from + (to-from)/2
		n, err := f.ReadAt(b, middle)
		if err != nil && err != io.EOF {
			return 0, err
		}
		block := b[:n]
		first := format.Sync(block)
		latest, length := time.Time{}, 0
		if first >= 0 {
			latest, length = latestTime(format, block[first:])
		}
		switch {
		case length == 0: // nothing to go by
			return from, nil
		case latest.Before(t):
			from = middle + int64(first) + int64(length)
		default:
			to = middle + int64(first)
		}
	}
	return from, nil
}

// latestTime returns the latest time in b, and the length of the whole entries.
func latestTime(format Format, b []byte) (latest time.Time, length int) {
	for {
		n := format.Next(b[length:])
		if n == 0 {
			return latest, length
		}
		if at, ok := format.Time(b[length : length+n]); ok && at.After(latest) {
			latest = at
		}
		length += n
	}
}

// tail sets where in each part the last n entries begin.
func tail(format Format, parts []part, n int) error {
	for i := len(parts) - 1; i >= 0; i-- {
		p := &parts[i]
		if n == 0 {
			p.start = -1
			continue
		}
		found, err := p.last(format, n)
		if err != nil {
			return err
		}
		n -= min(n, found)
	}
	return nil
}

// last sets where the last n entries of a part begin, and returns how many there are, at most n.
func (p *part) last(format Format, n int) (found int, err error) {
	if !p.gz {
		p.start, _, found, err = format.Back(p.file, p.end, n)
		return found, err
	}
	members, err := p.members(format)
	if err != nil {
		return 0, err
	}
	for i := len(members) - 1; i >= 0; i-- {
		found += members[i].entries
		if found >= n || i == 0 {
			p.start, p.skip = members[i].offset, int64(max(0, found-n))
			return min(found, n), nil
		}
	}
	return 0, nil
}
