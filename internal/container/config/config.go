// Package config is what a container is asked to be: the request for one, what
// its image adds, and what contradicts itself.
package config

import (
	"cmp"
	"encoding/json"
	"net/netip"

	"berth/internal/container/health"
	"berth/internal/container/restart"
	"berth/internal/idmap"
)

// Config is what a container was asked to be, apart from the host's side. It
// does not change after create.
type Config struct {
	Image        string // the reference as the user wrote it
	Hostname     string
	Domainname   string
	User         string
	Env          []string // merged: defaults, image, user
	Cmd          []string // merged with the image's
	Entrypoint   []string
	WorkingDir   string
	Labels       map[string]string
	ExposedPorts []string // "80/tcp"
	Volumes      []string // anonymous volume targets, image's included
	StopSignal   string
	StopTimeout  *int          // seconds; nil means the default of 10
	Healthcheck  *health.Check // merged with the image's; nil for none
	Shell        []string      // what shell forms are given to; none means /bin/sh -c
	Tty          bool
	OpenStdin    bool
	StdinOnce    bool
	AttachStdin  bool
	AttachStdout bool
	AttachStderr bool
	// NetworkDisabled leaves the container with a loopback interface only.
	NetworkDisabled bool   `json:",omitempty"`
	MacAddress      string `json:",omitempty"` // of the container's interface
	// OnBuild is for builds, whose base an image is that was committed from the container.
	OnBuild []string `json:",omitempty"`
}

// HostConfig is the host's side of a container: limits, rights, mounts, network.
type HostConfig struct {
	AutoRemove     bool
	RestartPolicy  restart.Policy
	Init           *bool    // an init of ours is the first process; nil is the daemon's default
	Binds          []string // "-v" words as the user wrote them
	Mounts         []Mount  // parsed from Binds and from --mount
	Tmpfs          map[string]string
	NetworkMode    string // "bridge" ("default"), "none", "host", "container:<id>"
	PortBindings   []PortBinding
	PublishAll     bool
	DNS            []netip.Addr
	DNSOptions     []string
	DNSSearch      []string
	ExtraHosts     []string
	CapAdd         []string
	CapDrop        []string
	GroupAdd       []string
	Privileged     bool
	ReadonlyRootfs bool
	SecurityOpt    []string // see ParseSecurity
	Devices        []Device
	IpcMode        string // "", "private", "none", "host", "shareable", "container:<id>"
	PidMode        string // "", "host", "container:<id>"
	UTSMode        string // "", "host"
	CgroupnsMode   string // "", "private", "host"
	CgroupParent   string
	Runtime        string // name of another OCI runtime; "" is berth's own
	ShmSize        int64  // bytes; 0 means 64 MiB
	OomScoreAdj    int
	Sysctls        map[string]string
	Ulimits        []Ulimit
	Resources      Resources
	ConsoleSize    [2]uint // height, width
	LogDriver      string  // "" or "json-file", "none"
	LogOptions     map[string]string
	MaskedPaths    *[]string         // nil means the default list
	ReadonlyPaths  *[]string         // nil means the default list
	VolumesFrom    []string          `json:",omitempty"` // as the user wrote them; Mounts has what they stand for
	VolumeDriver   string            `json:",omitempty"`
	UsernsMode     string            `json:",omitempty"` // "", "host"
	Isolation      string            `json:",omitempty"` // "", "default"
	IDFile         string            `json:",omitempty"` // where the client has written the container's ID
	Annotations    map[string]string `json:",omitempty"`
	DeviceRules    []string          `json:",omitempty"` // "c 1:3 rwm"
	Links          []Link            `json:",omitempty"` // of the default network
	Umask          *uint32           `json:",omitempty"`
	StorageOpt     map[string]string `json:",omitempty"` // "size": see LayerSize
}

// Resources are the limits that the control groups enforce; zero means none.
type Resources struct {
	Memory            int64 // bytes
	MemorySwap        int64 // bytes, memory included; -1 unlimited, 0 twice the memory
	MemoryReservation int64 // bytes
	NanoCPUs          int64
	CPUShares         int64
	CPUPeriod         int64 // microseconds
	CPUQuota          int64 // microseconds
	CpusetCpus        string
	CpusetMems        string
	PidsLimit         int64 // <= 0 means unlimited

	MemorySwappiness *int64         `json:",omitempty"` // 0 to 100; nil and -1 are the host's
	OomKillDisable   bool           `json:",omitempty"`
	CPURTPeriod      int64          `json:",omitempty"` // microseconds
	CPURTRuntime     int64          `json:",omitempty"` // microseconds
	BlkioWeight      uint16         `json:",omitempty"` // 10 to 1000
	BlkioWeights     []DeviceWeight `json:",omitempty"`
	BlkioReadBps     []DeviceRate   `json:",omitempty"`
	BlkioWriteBps    []DeviceRate   `json:",omitempty"`
	BlkioReadIOps    []DeviceRate   `json:",omitempty"`
	BlkioWriteIOps   []DeviceRate   `json:",omitempty"`
}

// DeviceWeight is a block device's share of the block I/O weight.
type DeviceWeight struct {
	Path   string
	Weight uint16
}

// DeviceRate is how many bytes or operations a second a block device may have.
type DeviceRate struct {
	Path string
	Rate uint64
}

// Mount is one user mount.
type Mount struct {
	Type        string // "bind", "volume", "tmpfs", "image"
	Source      string // host path, volume name, or image as the user wrote it
	Target      string // absolute path in the container
	ReadOnly    bool
	Propagation string // "", "rprivate", "rslave", ...
	Options     []string
	Create      bool // a missing bind source is made a directory (-v)
	NoCopy      bool
	Anonymous   bool // a volume that goes away with the container
	SizeBytes   int64
	Mode        uint32 // of a tmpfs

	NonRecursive bool   `json:",omitempty"` // what is mounted below the source stays away
	ReadOnlyTop  bool   `json:",omitempty"` // ReadOnly is not for what is mounted below
	ReadOnlyAll  bool   `json:",omitempty"` // ReadOnly has to be for what is mounted below, or the start fails
	Subpath      string `json:",omitempty"` // of a volume or an image: what is mounted of it
	ImageID      string `json:",omitempty"` // of an image: which one it was at the create
	// IDMapping says whose a bind's files are in the container; nil is whose they are on the host.
	IDMapping *idmap.Mapping `json:",omitempty"`
	// What a volume is made with that is not there yet.
	Driver                      string            `json:",omitempty"`
	DriverOptions, VolumeLabels map[string]string `json:",omitempty"`
	Keeper                      string            `json:",omitempty"` // the plugin that has the volume; "" is the local driver
	Relabel                     bool              `json:",omitempty"` // z or Z: for SELinux the source becomes the container's
	From                        string            `json:",omitempty"` // the container whose mount it is (VolumesFrom)
	// ModeWords are what Docker shows in the place of words that -v does not have; for inspect.
	ModeWords string `json:",omitempty"`
	// Said is a --mount as its user has said it, on the wire; for inspect.
	Said json.RawMessage `json:",omitempty"`
}

// VolumeDriver is the driver that has the mount's volume.
func (m *Mount) VolumeDriver() string { return cmp.Or(m.Keeper, "local") }

// PortBinding publishes a container port on a host port.
type PortBinding struct {
	Port     uint16 // in the container
	Proto    string // "tcp", "udp"
	HostIP   netip.Addr
	HostPort uint16 // 0 means any; filled in while running
	// HostPortEnd, above HostPort, lets the engine choose from a range.
	HostPortEnd uint16 `json:",omitempty"`
}

// Device is a host device shown in the container.
type Device struct {
	Host, Container, Permissions string
}

// Ulimit is one resource limit; -1 is unlimited.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// CreateRequest is what a user asks for. Config holds the user's own words;
// what is left out comes from the image.
type CreateRequest struct {
	Name          string // "" gets a generated one
	Platform      string
	Config        Config
	EntrypointSet bool // the user gave an entrypoint, be it empty: the image's Cmd does not apply
	HostConfig    HostConfig
	Networks      map[string]Attachment // instead of that of the mode
}

// Image is what a container takes from its image.
type Image struct {
	ID           string // digest of the index or manifest
	Manifest     string // digest of the index's manifest that was asked for, when it is not the one that the host runs
	Env          []string
	Cmd          []string
	Entrypoint   []string
	User         string
	WorkingDir   string
	Labels       map[string]string
	ExposedPorts []string
	Volumes      []string
	StopSignal   string
	Healthcheck  *health.Check
	Shell        []string
	Unsupported  string // what the image asks for that is not supported yet, or ""
}
