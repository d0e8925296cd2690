package logfile

import (
	"io"
	"time"
)

// Format is how entries lie in a file: one behind the other, each with a
// beginning and an end that can be found from both sides.
type Format interface {
	// Append appends an entry to b, for one writer at a time.
	Append(b []byte, m *Message) []byte
	// Next returns the length of the entry at the beginning of b, 0 when b does
	// not hold all of it. What is no entry is passed over with a broken
	// entry that has a length too.
	Next(b []byte) int
	// Sync returns where in b the first entry begins, when b begins anywhere in a
	// file; -1 when no entry begins in it.
	Sync(b []byte) int
	// Time returns the time of an entry.
	Time(record []byte) (time.Time, bool)
	// Back returns where the last n whole entries of the first end bytes
	// begin, where they end, and how many there are, at most n.
	Back(f io.ReaderAt, end int64, n int) (start, stop int64, found int, err error)
	// Parser returns what reads entries. It keeps its memory from one to the next.
	Parser() Parser
}

// Parser reads one entry; what it returns is valid until the next.
type Parser interface {
	Parse(record []byte) (Entry, error)
}

// Entry is one entry of the log: a line, or a part of a long one.
type Entry struct {
	Stream string // "stdout" or "stderr"
	Time   time.Time
	Line   []byte            // with its newline if it had one; valid during the call only
	Attrs  map[string]string // nil when there are none; not to be changed
}
