//go:build linux

// Package tree takes in directories with everything below them while somebody may be
// changing them, and makes directories like them.
//
// Every step goes from a descriptor to a name below it that is no link, and none
// crosses a mount: what a container swaps meanwhile is found to be another thing,
// and nothing of the host is ever read.
package tree

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Node is one thing in a tree as it was when it was looked at.
type Node struct {
	Name     string // "" of the root
	Stat     unix.Stat_t
	Xattrs   []Xattr
	Target   string  // what a symbolic link says
	File     *File   // a regular file's content, which names of one file share
	Children []*Node // a directory's, in the order of their names
}

// Xattr is one extended attribute; access control lists are such.
type Xattr struct {
	Name  string
	Value []byte
}

// File is the content of a regular file in a store, and all names share it.
type File struct{ Ref Ref }

// Ref is what a store calls a content that it has.
type Ref string

// Kind is the type of the node, as in its mode.
func (n *Node) Kind() uint32 { return n.Stat.Mode & unix.S_IFMT }

// child is the node of a name in a directory, or nil.
func (n *Node) child(name string) *Node {
	if n == nil {
		return nil
	}
	i, there := slices.BinarySearchFunc(n.Children, name, func(c *Node, name string) int { return strings.Compare(c.Name, name) })
	if !there {
		return nil
	}
	return n.Children[i]
}

// Usage is what a tree holds: the bytes of its files, each once, and how many things there are.
type Usage struct{ Bytes, Entries int64 }

// Usage adds up what is below a node.
func (n *Node) Usage() (u Usage) {
	seen := map[*File]bool{}
	var add func(*Node)
	add = func(n *Node) {
		for _, c := range n.Children {
			u.Entries++
			if c.File != nil && !seen[c.File] {
				seen[c.File] = true
				u.Bytes += c.Stat.Size
			}
			add(c)
		}
	}
	add(n)
	return u
}

// unchanged tells whether what was looked at twice is the same and has not been touched
// in between, nor since: a change always sets the time of the last change, which no
// program can set (inode(7)).
func unchanged(a, b *unix.Stat_t, since unix.Timespec) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid &&
		a.Nlink == b.Nlink && a.Size == b.Size && a.Rdev == b.Rdev && a.Mtim == b.Mtim && a.Ctim == b.Ctim &&
		compare(b.Ctim, since) < 0
}

func compare(a, b unix.Timespec) int {
	return cmp.Or(cmp.Compare(a.Sec, b.Sec), cmp.Compare(a.Nsec, b.Nsec))
}
