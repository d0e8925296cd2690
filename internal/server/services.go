package server

import (
	"context"
	"io"
	"net/netip"
	"time"

	"berth/internal/archive"
	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/explain"
	"berth/internal/container/files"
	"berth/internal/container/record"
	"berth/internal/container/top"
	"berth/internal/container/usage"
	"berth/internal/event"
	"berth/internal/image"
	"berth/internal/login"
	"berth/internal/network"
	"berth/internal/network/definition"
	"berth/internal/snapshot"
	"berth/internal/volume"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Containers is what the border needs of the containers' verbs.
type Containers interface {
	Create(ctx context.Context, req config.CreateRequest) (container.CreateResult, error)
	Get(ref string) (container.Container, error)
	List() []container.Container
	Start(ctx context.Context, ref string) error
	Stop(ctx context.Context, ref string, opts container.StopOptions) error
	Kill(ctx context.Context, ref, signal string) error
	Remove(ctx context.Context, ref string, opts container.RemoveOptions) error
	Wait(ctx context.Context, ref string, cond container.WaitCondition) (<-chan container.WaitResult, error)
}

// Changes is what the border needs to change containers that are there.
type Changes interface {
	Pause(ctx context.Context, ref string) error
	Unpause(ctx context.Context, ref string) error
	Restart(ctx context.Context, ref string, opts container.StopOptions) error
	Rename(ctx context.Context, ref, name string) error
	Unlink(ctx context.Context, ref string) error
	Update(ctx context.Context, ref string, u config.Update) error
	Prune(ctx context.Context, opts container.PruneOptions) (container.PruneReport, error)
}

// Streams is what the border needs of a container's output and terminal.
type Streams interface {
	Attach(ctx context.Context, ref string, opts container.AttachOptions) error
	Logs(ctx context.Context, ref string, opts container.LogOptions) error
	Resize(ctx context.Context, ref string, height, width uint) error
}

// Execs is what the border needs of further programs in a container.
type Execs interface {
	ExecCreate(ctx context.Context, ref string, cfg record.ExecConfig) (string, error)
	ExecStart(ctx context.Context, id string, opts execs.StartOptions) error
	ExecInspect(id string) (execs.Exec, error)
	ExecResize(ctx context.Context, id string, height, width uint) error
}

// Usage is what the border needs to tell what containers use.
type Usage interface {
	Stats(ctx context.Context, ref string, opts usage.StatsOptions, tell func(usage.Stats) error) error
	Top(ctx context.Context, ref, args string) (top.Table, error)
}

// Files is what the border needs of containers' file systems.
type Files interface {
	StatPath(ctx context.Context, ref, name string) (archive.Stat, error)
	CopyOut(ctx context.Context, ref, name string, begin func(archive.Stat) (io.Writer, error)) error
	CopyIn(ctx context.Context, ref, name string, r io.Reader, opts files.CopyInOptions) error
	Export(ctx context.Context, ref string, begin func() io.Writer) error
	Changes(ctx context.Context, ref string) ([]archive.Change, error)
	Commit(ctx context.Context, ref string, opts files.CommitOptions) (id string, err error)
}

// Images is what the border needs of the image store.
type Images interface {
	Get(ctx context.Context, ref string) (image.Image, error)
	List(ctx context.Context) ([]image.Image, error)
	Load(ctx context.Context, r io.Reader, opts image.LoadOptions) ([]string, error)
	Import(ctx context.Context, r io.Reader, opts image.ImportOptions) (image.Image, error)
	Tag(ctx context.Context, src, target string) error
	Remove(ctx context.Context, ref string, opts image.RemoveOptions) ([]image.Removal, error)
}

// ImageStore is what the border needs beyond that: what images consist of, archives of them, and their space.
type ImageStore interface {
	Manifests(ctx context.Context, img image.Image) ([]image.Manifest, error)
	Variant(ctx context.Context, ref string, p ocispec.Platform) (image.Image, error)
	History(ctx context.Context, ref string, p *ocispec.Platform) ([]image.Step, error)
	Attestations(ctx context.Context, ref string, opts image.AttestationOptions) ([]image.Statement, error)
	Save(ctx context.Context, opts image.SaveOptions) error
	Prune(ctx context.Context, opts image.PruneOptions) (image.PruneReport, error)
	Protect(ctx context.Context, ref string, protected bool) (image.Image, error)
}

// Events is what the border needs of the events.
type Events interface {
	Listen(want event.Range) (*event.Listener, error)
	Listeners() int
}

// Logins is what the border needs to try credentials.
type Logins interface {
	Login(ctx context.Context, who login.Credentials) (identityToken string, err error)
}

// Objects are the nouns beside containers and images.
type Objects struct {
	Attachments Attachments
	Volumes     Volumes
	Networks    Networks
}

// Attachments is what the border needs to put containers on networks.
type Attachments interface {
	Connect(ctx context.Context, ref, network string, a config.Attachment) error
	Disconnect(ctx context.Context, ref, network string) error
}

// Networks is what the border needs of the networks.
type Networks interface {
	List() []network.Network
	Inspect(ref string) (network.Network, error)
	Create(ctx context.Context, r definition.Request) (network.Network, error)
	Remove(ctx context.Context, ref string) error
	Prune(ctx context.Context, matches func(network.Network) bool) (names []string, err error)
}

// Volumes is what the border needs of the volumes.
type Volumes interface {
	List() []volume.Volume
	Survey() (list []volume.Volume, warnings []string)        // List, and what plugins say
	Lookup(name string) (volume.Volume, error)                // a plugin may be asked
	Users(name string) []string                               // the containers that have it
	Size(ctx context.Context, v volume.Volume) (int64, error) // bytes in its files
	Create(r volume.Request) (volume.Volume, error)           // the one that there is, if so
	Delete(name string, o volume.Removal) error
	// Prune removes what matches and nobody uses, and with empty what is in the trash.
	Prune(ctx context.Context, matches func(volume.Volume) bool, empty bool) (names []string, reclaimed int64, err error)
}

// Trash is what the border needs of the volumes that can be had back, and of those that shall not go.
type Trash interface {
	Trashed(ctx context.Context, sizes bool) ([]volume.Trashed, error)
	Keep() time.Duration
	Restore(ref, name string) (volume.Volume, error)
	Empty(ctx context.Context, refs []string) (ids []string, reclaimed int64, err error)
	Protect(name string, protected bool) (volume.Volume, error)
	Rename(name, to string) (volume.Volume, error)
}

// Snapshots is what the border needs of the snapshots of one kind of subject, which ref names.
type Snapshots interface {
	Take(ctx context.Context, ref string, w snapshot.Wish) (snapshot.Snapshot, error)
	List(ref string) ([]snapshot.Snapshot, error)
	Get(ref, name string) (snapshot.Snapshot, error)
	Remove(ctx context.Context, ref, name string) error
	Rollback(ctx context.Context, ref, name string) (before snapshot.Snapshot, err error)
	Unique(ctx context.Context, ref, name string) (bytes int64, err error) // what would be free without it
	Usage(ctx context.Context) (bytes int64, err error)                    // of all
}

// VolumeSnapshots is that for volumes, of which there are clones too.
type VolumeSnapshots interface {
	Snapshots
	Clone(ctx context.Context, of, name string, r volume.Request) (volume.Volume, error)
}

// Explanations is what the border needs to tell why a container is as it is.
type Explanations interface {
	Explain(ctx context.Context, ref string) (explain.Facts, error)
}

// System tells what the host and the daemon are.
type System interface {
	// Host is asked at every /info and /version; it must not block.
	Host() Host
}

// Registries is what is special about some of them.
type Registries struct {
	InsecureNetworks []netip.Prefix
	InsecureNames    []string
	Mirrors          map[string][]string // by the registry's name; Docker Hub's is "docker.io"
}

// Runtime is another OCI runtime.
type Runtime struct {
	Path string
	Args []string
}

// Drivers are those of logs and of volumes.
type Drivers struct {
	Log    LogDrivers
	Volume []string
}

// LogDrivers are those that there are.
type LogDrivers struct {
	Default string // of containers that choose none
	All     []string
}

// Host is what /info and /version say beyond what the other services know.
type Host struct {
	ID              string // of this daemon, stable over restarts
	Name            string // host name
	RootDir         string // data root
	KernelVersion   string
	OperatingSystem string // "Debian GNU/Linux 12 (bookworm)"
	OSVersion       string // "12"
	NCPU            int
	MemTotal        int64  // bytes
	CgroupVersion   string // "1" or "2"
	CgroupDriver    string // "cgroupfs"
	SecurityOptions []string
	DriverStatus    [][2]string
	Runtimes        map[string]Runtime // other OCI runtimes than our own
	DefaultRuntime  string
	Drivers         Drivers
	Components      []Component // berthd, keeper, ...
	Registries      Registries
	Limits          Limits
	Network         HostNetwork
	Modes
}

// Modes are the ways in which the daemon runs.
type Modes struct {
	Debug       bool
	LiveRestore bool   // containers outlive the daemon
	Storage     string // how containers' file systems are made; "" is by an overlay
}

// Limits says which limits the host's control groups can enforce.
type Limits struct {
	Memory, Swap, CPUShares, CPUQuota, CPUSet, Pids bool
}

// HostNetwork is how the host and the daemon are connected.
type HostNetwork struct {
	IPv4Forwarding bool
	Proxy          Proxy
	OpenHosts      []string // of the API, where nobody has to show who he is
	Encrypted      bool     // the API is, at these
}

// Proxy is what the daemon reaches registries through.
type Proxy struct{ HTTP, HTTPS, No string }

// Component is one program or kernel that makes up the engine.
type Component struct {
	Name    string
	Version string
	Details map[string]string
}
