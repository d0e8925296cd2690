package provision

import (
	"context"
	"os"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/container/rootfs"
	"berth/internal/delegate"
	"berth/internal/event"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
)

// Images finds images and the unpacked layers of their file systems.
type Images interface {
	// Resolve finds an image by any of its names; NotFound in Docker's wording.
	Resolve(ctx context.Context, ref, platform string) (config.Image, error)
	// Layers returns the image's lower directories, the top-most first.
	Layers(ctx context.Context, id string) ([]string, error)
}

// Networks connects containers.
type Networks interface {
	// Connect gives a container one endpoint. Its place is taken when it succeeds, and only then.
	Connect(ctx context.Context, c record.Container, w Wish) (*Connection, error)
	// Find is the name of a network, and whether it leads to the world; NotFound in Docker's wording.
	Find(ref string) (id, name string, leadsOut bool, err error)
	// Lead makes an endpoint the container's way out.
	Lead(ns *os.File, ep record.Endpoint) error
	Reserve(ctx context.Context) (Place, error)
	ConnectNone(ctx context.Context) (*os.File, error)
	Disconnect(ctx context.Context, ep record.Endpoint) error
	// Unplug is Disconnect for a container that goes on running.
	Unplug(ctx context.Context, ep record.Endpoint) error
	// Restore makes the endpoints of running containers the only ones that
	// there are. The sockets in Holds become the network's.
	Restore(ctx context.Context, running []Connection) error
}

// NetFiles are the contents of a container's files about networks.
type NetFiles interface {
	ResolvConf(hc config.HostConfig) ([]byte, error)
	Hosts(hc config.HostConfig, on []record.Endpoint, names ...string) ([]byte, error)
}

// Place is a network namespace that is kept for a container to come.
type Place interface {
	NetNS() *os.File
	Endpoint() record.Endpoint // as Connect will give it, but for IDs and ports
	Release()
}

// Connection is how a container is connected: its endpoints, their namespace and what the
// keeper has to hold while it runs.
type Connection struct {
	ID        string // the container's
	Name      string
	Endpoints []record.Endpoint
	NetNS     *os.File
	Holds     []*os.File // the network's; the keeper gets duplicates
}

// Wish is an endpoint that a container is to have.
type Wish struct {
	Network string // its ID or name
	config.Attachment
	Ports  []config.PortBinding
	At     Place    // on the default bridge, where it was kept; nil for anywhere
	Into   *os.File // the container's namespace, if it has one
	Link   int      // which of its interfaces it is
	Beside bool     // another is the way out
}

// Volumes are named directories that outlive containers. Nothing removes one that a
// container has claimed, until it is released.
type Volumes interface {
	// Claim makes the volume of a mount if it is not there; its name is new if the mount gives none.
	Claim(m config.Mount, container string) (Claimed, error)
	Release(name, container string)
	// Fill copies a directory into a volume that holds nothing. It closes what source opens, if anything:
	// the directory, and those that it is shown of if an overlay shows it.
	Fill(ctx context.Context, name string, source func() (dir *os.File, beneath []*os.File, err error)) error
	Remove(name string) error
	// Mount returns the directory of a volume; until Unmount it is there for the user, a run or a view.
	Mount(name, user string) (dir string, err error)
	Unmount(name, user string) error
	Plain(name string) bool     // nothing is mounted for it
	Protected(name string) bool // nothing may remove it
}

// Claimed is the volume of a mount.
type Claimed struct {
	Name   string
	Keeper string // the plugin that has it; "" is the local driver
	Fresh  bool   // it was made for this
}

// Deps is what a Host works with.
type Deps struct {
	Images    Images
	Networks  Networks
	NetFiles  NetFiles
	Volumes   Volumes
	Driver    rootfs.Driver                  // of containers' file systems
	LayerSize int64                          // of their own layers, in bytes, unless they say; 0 is none
	Keeper    func() (*keeper.Client, error) // the live connection
	Cgroups   cgroup.Hierarchy
	Paths     Paths
	Runtimes  map[string]delegate.Runtime // other OCI runtimes, by name
	Warm      int                         // sandboxes of each kind that wait while containers are being started
	// DefaultRuntime is for containers that name none; "" is our own.
	DefaultRuntime string
	Publish        func(event.Message)              // tells of what has happened; it waits for nobody
	Init           bool                             // containers that do not say have an init
	Warn           func(format string, args ...any) // for what no caller can be told
}

// Paths are the places on the host that containers use.
type Paths struct {
	Data         string // <data-root>/containers
	Exec         string // <exec-root>
	CgroupParent string // "/berth"
}

// Dir is the container's directory under the data root.
func (p Paths) Dir(id string) string { return p.Data + "/" + id }

// ExitFile and Spool are the keeper's files about one process.
func (p Paths) ExitFile(id string) string { return p.Exec + "/exits/" + id }
func (p Paths) Spool(id string) string    { return p.Exec + "/spool/" + id }

// Committing is there while a commit has paused a container. A daemon that is killed
// meanwhile leaves both: the next one lets the container go on.
func (p Paths) Committing(id string) string { return p.Dir(id) + "/committing" }

// Still is there while a container stands still for a snapshot. It is what Committing is for a commit.
func (p Paths) Still(id string) string { return p.Dir(id) + "/still" }
