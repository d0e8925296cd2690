package logfile

import "time"

// Message is one piece of a container's output on its way into a log: a line,
// or a part of a long one.
type Message struct {
	Stream string // "stdout" or "stderr"
	Time   time.Time
	Line   []byte // without its newline; valid during the call only
	Part   Part
}

// Part says which part of its line a message is; zero when it is all of it.
type Part struct {
	ID      string // 64 hexadecimal digits, the same in all parts of a line
	Ordinal int    // from 1
	Last    bool
}

// Ends reports whether the message is the end of its line. What a container
// wrote before it ended, without a newline, never ends.
func (m *Message) Ends() bool { return m.Part.ID == "" || m.Part.Last }
