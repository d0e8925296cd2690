package logfile

import "os"

// part is one file of a log as it was when the read began.
type part struct {
	file   *os.File
	gz     bool
	shared bool  // belongs to the writer
	start  int64 // offset where to begin; lines to skip when compressed
	end    int64 // its size
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
