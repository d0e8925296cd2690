// Package config is what a container is asked to be: the request for one, what
// its image adds, and what contradicts itself.
package config

import (
	"net/netip"

	"berth/internal/container/health"
	"berth/internal/container/restart"
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
}

// HostConfig is the host's side of a container: limits, rights, mounts, network.
type HostConfig struct {
	AutoRemove     bool
	RestartPolicy  restart.Policy
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
	SecurityOpt    []string // no-new-privileges[:bool], seccomp=unconfined|<profile JSON>
	Devices        []Device
	IpcMode        string // "", "private", "none", "host", "shareable"
	PidMode        string // "", "host"
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
	MaskedPaths    *[]string // nil means the default list
	ReadonlyPaths  *[]string // nil means the default list
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
}

// Mount is one user mount.
type Mount struct {
	Type        string // "bind", "volume", "tmpfs"
	Source      string // host path, or volume name
	Target      string // absolute path in the container
	ReadOnly    bool
	Propagation string // "", "rprivate", "rslave", ...
	Options     []string
	Create      bool // a missing bind source is made a directory (-v)
	NoCopy      bool
	Anonymous   bool // a volume that goes away with the container
	SizeBytes   int64
	Mode        uint32 // of a tmpfs
}

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
}

// Image is what a container takes from its image.
type Image struct {
	ID           string // digest of the index or manifest
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
