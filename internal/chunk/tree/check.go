package tree

import (
	"strings"

	"berth/internal/fault"
)

// check is about what the single numbers do not say: that entries are one tree, in order and
// without a name twice, and refer to what there is. So nothing that follows a manifest can leave its directory.
func (m *Manifest) check() error {
	if len(m.Entries) == 0 || m.Entries[0].Kind != Dir || m.Entries[0].Depth != 0 || m.Entries[0].Name != "" {
		return fault.New(fault.Invalid, "the manifest of the tree does not begin with a directory")
	}
	last := []string{""} // the name that came last, of each level on the way to the entry
	open := 1            // the deepest level at which the next entry may be
	for i := 1; i < len(m.Entries); i++ {
		e := &m.Entries[i]
		if e.Depth < 1 || e.Depth > open {
			return bad(e, "is below no directory")
		}
		if !plain(e.Name) {
			return bad(e, "has a name that no file can have")
		}
		if e.Depth < len(last) && last[e.Depth] >= e.Name {
			return bad(e, "is not in order")
		}
		last = append(last[:e.Depth], e.Name)
		open = e.Depth
		if e.Kind == Dir {
			open++
		}
		if err := m.checkEntry(i); err != nil {
			return err
		}
	}
	return m.checkEntry(0)
}

// plain is whether a name is one element of a path, and another than those that are always there.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

func (m *Manifest) checkEntry(i int) error {
	e := &m.Entries[i]
	switch e.Kind {
	case Dir, Fifo, Socket, Char, Block:
	case File:
		for _, s := range e.Spans {
			if s.Chunk >= len(m.Chunks) || s.Length == 0 || uint64(s.Offset)+uint64(s.Length) > uint64(m.Chunks[s.Chunk].Size) {
				return bad(e, "has a part that is in no chunk")
			}
		}
	case Symlink:
		if e.Text == "" || strings.Contains(e.Text, "\x00") {
			return bad(e, "is a link to a name that no file can have")
		}
	case Link:
		if e.Target >= i || m.Entries[e.Target].Kind == Dir || m.Entries[e.Target].Kind == Link {
			return bad(e, "is a further name of nothing")
		}
	default:
		return bad(e, "is of an unknown kind")
	}
	for _, x := range e.Attr.Xattrs {
		if x.Name == "" || strings.Contains(x.Name, "\x00") {
			return bad(e, "has an attribute without a name")
		}
	}
	return nil
}

func bad(e *Entry, what string) error {
	return fault.New(fault.Invalid, "the manifest of the tree is malformed: %q %s", e.Name, what)
}
