package logfile

import (
	"os"
	"time"
)

// part is one file of a log as it was when the read began.
type part struct {
	file   *os.File
	gz     bool
	shared bool  // belongs to the writer
	start  int64 // offset where to begin: of an entry, or of a member when compressed; -1 for nowhere
	skip   int64 // entries to pass over from there
	end    int64 // its size
	index  []member
}

// openParts opens the rotated files, oldest first.
func openParts(path string) ([]part, error) {
	var parts []part
	for i := 1; ; i++ {
		p := part{}
		var err error
		// In this order: a compression puts the second in place, then removes the first.
		if p.file, err = os.Open(rotated(path, i)); gone(err) == nil && err != nil {
			p.gz = true
			p.file, err = os.Open(rotated(path, i) + ".gz")
		}
		if err == nil {
			var st os.FileInfo
			if st, err = p.file.Stat(); err == nil {
				p.end = st.Size()
				parts = append([]part{p}, parts...)
				continue
			}
			p.file.Close()
		}
		if gone(err) != nil {
			closeParts(parts)
		}
		return parts, gone(err)
	}
}

func closeParts(parts []part) {
	for _, p := range parts {
		if !p.shared {
			p.file.Close()
		}
	}
}

// isOlder reports whether a file was last written before all that is asked for.
func (p *part) isOlder(since time.Time) bool {
	if since.IsZero() || p.shared {
		return false
	}
	st, err := p.file.Stat()
	// The file's clock ticks coarsely.
	return err == nil && st.ModTime().Add(time.Second).Before(since)
}

// seek moves the beginning behind what is older than since.
func (p *part) seek(format Format, since time.Time) (err error) {
	if since.IsZero() {
		return nil
	}
	if !p.gz {
		p.start, err = seekTime(p.file, format, p.start, p.end, since)
		return err
	}
	members, err := p.members(format)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.offset < p.start {
			continue
		}
		if m.latest.IsZero() || !m.latest.Before(since) {
			if m.offset > p.start {
				p.start, p.skip = m.offset, 0
			}
			return nil
		}
	}
	p.start = -1
	return nil
}
