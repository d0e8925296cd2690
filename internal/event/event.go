// Package event tells what happened in the engine, to whoever listens, and keeps
// it for a while.
//
// An event is told after the fact: whoever hears of it finds the engine in the
// state that it speaks of, or in a later one.
//
// # What is kept, and what may be lost
//
// Log.Publish appends the event to a file before it returns, without waiting for
// the disk: an event outlives the daemon, also one that is killed, but the last
// ones before a power failure may be gone (the kernel writes them out within some
// thirty seconds). That is right because nobody decides anything by them: what
// is must be read from the records, which are durable, and a create, a start, an end or a removal of
// a container whose event is missing is told from its record when the daemon starts. A sync
// for each event would cost a container's start more than all the rest of it.
//
// The file grows to half of a limit and is then put aside in place of the older one: between
// half of the limit and all of it is kept.
package event

import (
	"time"

	"berth/internal/peer"
)

// Type is the kind of thing that an event is about.
type Type string

// The types.
const (
	Builder   Type = "builder"
	Config    Type = "config"
	Container Type = "container"
	Daemon    Type = "daemon"
	Image     Type = "image"
	Network   Type = "network"
	Node      Type = "node"
	Plugin    Type = "plugin"
	Secret    Type = "secret"
	Service   Type = "service"
	Volume    Type = "volume"
)

// The actions that more than one room speaks of. Others are Docker's words in
// place: an action may hold a command or a state.
const (
	Create       = "create"
	Start        = "start"
	Restart      = "restart"
	Stop         = "stop"
	Kill         = "kill"
	Die          = "die"
	OOM          = "oom"
	Destroy      = "destroy"
	Pause        = "pause"
	Unpause      = "unpause"
	Attach       = "attach"
	Detach       = "detach"
	Resize       = "resize"
	Rename       = "rename"
	Update       = "update"
	Prune        = "prune"
	Connect      = "connect"
	Disconnect   = "disconnect"
	Mount        = "mount"
	Unmount      = "unmount"
	Tag          = "tag"
	Untag        = "untag"
	Delete       = "delete"
	Load         = "load"
	Save         = "save"
	Pull         = "pull"
	Push         = "push"
	Import       = "import"
	ArchivePath  = "archive-path"   // files were copied out
	ExtractToDir = "extract-to-dir" // files were copied in
	Export       = "export"
	Commit       = "commit"

	// Of volumes and containers, and berth's own.
	Snapshot       = "snapshot"
	SnapshotRemove = "snapshot-remove"
	Rollback       = "rollback"
	Clone          = "clone"
	Backup         = "backup"
	Restore        = "restore" // of a backup, or a volume out of the trash
	Purge          = "purge"   // a volume in the trash is deleted

	HealthStatus = "health_status: " // and the state
	ExecCreate   = "exec_create: "   // and the command
	ExecStart    = "exec_start: "    // and the command
	ExecDie      = "exec_die"
	ExecDetach   = "exec_detach"
)

// Attributes say more of an event's actor: a container's name, image and labels.
// They are not changed once the event is published.
type Attributes = map[string]string

// Message is one event.
type Message struct {
	Time       time.Time // when it was published; set by Publish, unique
	Type       Type
	Action     string
	ID         string // of the actor
	Attributes Attributes
	Scope      string     // "local", set by Publish when empty, or "swarm"
	By         *peer.Peer // who asked for it, where that is worth knowing; not for Docker's clients
	Verb       string     // what they asked for, with By
}
