// Package daemon wires the engine's rooms together, brings back at boot what
// was there before, and shuts down. It decides nothing about containers.
package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/internal/container/rootfs"
	"berth/internal/fault"
	"berth/internal/image/budget"
	"berth/internal/logdriver"
)

// Config is what flags and the configuration file say.
type Config struct {
	Hosts          []string // -H; none means the default sockets
	NoDockerSocket bool     // do not listen on /var/run/docker.sock even when nobody does
	DataRoot       string
	ExecRoot       string
	Pidfile        string
	Group          string
	LogLevel       string
	Debug          bool
	Keeper         string // path of berth-keeper; "" looks beside berthd, then in PATH
	CgroupParent   string
	Labels         []string
	TLS            TLSConfig
	Network        NetworkConfig
	Runtimes       runtimesValue // other OCI runtimes, by the names under which containers ask for them
	Registries     RegistryConfig
	Defaults
	Images  ImagesConfig
	Volumes VolumesConfig
	Life    LifeConfig
	Leave
}

// Leave is what is done instead of being a daemon.
type Leave struct {
	Validate bool // check the configuration
	Version  bool
}

// Defaults are for containers that do not say.
type Defaults struct {
	DefaultRuntime string
	Log            logdriver.Choice
	LogOpts        logOptsValue // of the log's driver, as they are given
	Init           bool
}

// ImagesConfig is how images are kept.
type ImagesConfig struct {
	Budget budget.Budget // what they may take of the disk
	Driver rootfs.Driver // of containers' file systems; "" is the best that works
	Layer  layerValue    // what each container's own layer may hold
	Served servedValue   // as a registry
}

// VolumesConfig is about volumes, and who makes them besides us.
type VolumesConfig struct {
	Trash      keepValue // how long removed ones can be had back
	PluginRoot string    // where plugins are described: "/" but for a daemon beside others
}

// LifeConfig is how containers come, and whether they go with the daemon.
type LifeConfig struct {
	Warm    int  // sandboxes of each kind that wait while containers are being started
	Outlive bool // the daemon; else they are stopped when it ends
	Timeout int  // seconds that they get for that at least; negative for as long as they need
}

// TLSConfig is how tcp:// listeners are protected.
type TLSConfig struct {
	Enabled, Verify bool
	CA, Cert, Key   string
}

// NetworkConfig is about the default bridge.
type NetworkConfig struct {
	Bridge string       // "" chooses a name
	BIP    netip.Prefix // zero chooses a subnet
	MTU    int
}

const (
	defaultSocket = "unix:///run/berth/berth.sock"
	dockerSocket  = "/var/run/docker.sock"
	defaultConfig = "/etc/berth/daemon.json"
)

// maxWarm is what the keeper holds at most, less those that are on their way, for two kinds.
const maxWarm = 12

// option is one flag and its key in the configuration file; a key of "" is a
// flag only.
type option struct {
	name, short, key string
	usage            string
	value            func(*Config) pflag.Value
}

// options are the flags that mean something here.
func options() []option {
	str := func(at func(*Config) *string) func(*Config) pflag.Value {
		return func(c *Config) pflag.Value { return (*stringValue)(at(c)) }
	}
	boolean := func(at func(*Config) *bool) func(*Config) pflag.Value {
		return func(c *Config) pflag.Value { return (*boolValue)(at(c)) }
	}
	list := func(at func(*Config) *[]string) func(*Config) pflag.Value {
		return func(c *Config) pflag.Value { return (*listValue)(at(c)) }
	}
	return []option{
		{"host", "H", "hosts", "Daemon socket(s) to listen on: unix://, tcp://, fd://", list(func(c *Config) *[]string { return &c.Hosts })},
		{"no-docker-socket", "", "no-docker-socket", "Do not listen on " + dockerSocket + " too when nothing else does", boolean(func(c *Config) *bool { return &c.NoDockerSocket })},
		{"data-root", "", "data-root", "Root directory of persistent state", str(func(c *Config) *string { return &c.DataRoot })},
		{"exec-root", "", "exec-root", "Root directory for execution state files", str(func(c *Config) *string { return &c.ExecRoot })},
		{"pidfile", "p", "pidfile", "Path to use for the daemon's PID file", str(func(c *Config) *string { return &c.Pidfile })},
		{"group", "G", "group", "Group for the unix sockets", str(func(c *Config) *string { return &c.Group })},
		{"log-level", "l", "log-level", `Set the logging level ("debug", "info", "warn", "error", "fatal")`, str(func(c *Config) *string { return &c.LogLevel })},
		{"debug", "D", "debug", "Enable debug mode", boolean(func(c *Config) *bool { return &c.Debug })},
		{"keeper", "", "keeper", "Path of the berth-keeper program", str(func(c *Config) *string { return &c.Keeper })},
		{"volume-trash", "", "volume-trash", "How long removed volumes can be restored; 0 deletes them at once", func(c *Config) pflag.Value { return &c.Volumes.Trash }},
		{"plugin-root", "", "plugin-root", "Directory below which run/docker/plugins, etc/docker/plugins and usr/lib/docker/plugins are", str(func(c *Config) *string { return &c.Volumes.PluginRoot })},
		{"cgroup-parent", "", "cgroup-parent", "Set parent cgroup for all containers", str(func(c *Config) *string { return &c.CgroupParent })},
		{"label", "", "labels", "Set key=value labels to the daemon", list(func(c *Config) *[]string { return &c.Labels })},
		{"tls", "", "tls", "Use TLS; implied by --tlsverify", boolean(func(c *Config) *bool { return &c.TLS.Enabled })},
		{"tlsverify", "", "tlsverify", "Use TLS and verify the remote", boolean(func(c *Config) *bool { return &c.TLS.Verify })},
		{"tlscacert", "", "tlscacert", "Trust certs signed only by this CA", str(func(c *Config) *string { return &c.TLS.CA })},
		{"tlscert", "", "tlscert", "Path to TLS certificate file", str(func(c *Config) *string { return &c.TLS.Cert })},
		{"tlskey", "", "tlskey", "Path to TLS key file", str(func(c *Config) *string { return &c.TLS.Key })},
		{"add-runtime", "", "runtimes", "Register an additional OCI compatible runtime: name=path", func(c *Config) pflag.Value { return &c.Runtimes }},
		{"default-runtime", "", "default-runtime", "Default OCI runtime for containers", str(func(c *Config) *string { return &c.DefaultRuntime })},
		{"log-driver", "", "log-driver", "Default driver for container logs", str(func(c *Config) *string { return &c.Log.Driver })},
		{"log-opt", "", "log-opts", "Default log driver options for containers", func(c *Config) pflag.Value { return &c.LogOpts }},
		{"disk-budget", "", "disk-budget", `What images may take of the disk ("20GB"), or all files of its file system ("80%"): beyond it unused images are evicted`, func(c *Config) pflag.Value { return (*budgetValue)(&c.Images.Budget) }},
		{"storage-driver", "s", "storage-driver", "How containers' file systems are made: overlay2, fuse-overlayfs, or vfs, which copies; without it the first that works", func(c *Config) pflag.Value { return (*driverValue)(&c.Images.Driver) }},
		{"storage-opt", "", "storage-opts", "Storage driver options: overlay2.size=SIZE is what each container's own files may take", func(c *Config) pflag.Value { return &c.Images.Layer }},
		{"registry", "", "registry", `Serve the images as a registry, as JSON: {"listen": "0.0.0.0:5000"} and berth-registry's flags of TLS and access`, func(c *Config) pflag.Value { return &c.Images.Served }},
		{"init", "", "init", "Run an init in the container to forward signals and reap processes", boolean(func(c *Config) *bool { return &c.Init })},
		{"warm-sandboxes", "", "warm-sandboxes", "Sandboxes that wait for the next containers while containers are being started; 0 for none", func(c *Config) pflag.Value { return (*intValue)(&c.Life.Warm) }},
		{"live-restore", "", "live-restore", "Keep containers running while the daemon is down; false stops them with it", boolean(func(c *Config) *bool { return &c.Life.Outlive })},
		{"insecure-registry", "", "insecure-registries", "Registries that need not prove who they are: names and CIDRs", list(func(c *Config) *[]string { return &c.Registries.Insecure })},
		{"registry-mirror", "", "registry-mirrors", "Mirrors that are asked first: of Docker Hub, or of any registry as registry=URL", func(c *Config) pflag.Value { return &c.Registries.Mirrors }},
		{"certs-dir", "", "certs-dir", "Directory with a <host> directory for each registry with certificates of its own", str(func(c *Config) *string { return &c.Registries.CertDir })},
		{"proxies", "", "proxies", "Proxies as JSON, for the daemon's own requests", func(c *Config) pflag.Value { return &c.Registries.Proxies }},
		{"http-proxy", "", "", "HTTP proxy to reach registries through", str(func(c *Config) *string { return &c.Registries.Proxies.HTTP })},
		{"https-proxy", "", "", "HTTPS proxy to reach registries through", str(func(c *Config) *string { return &c.Registries.Proxies.HTTPS })},
		{"no-proxy", "", "", "Hosts to reach without a proxy", str(func(c *Config) *string { return &c.Registries.Proxies.No })},
		{"max-concurrent-downloads", "", "max-concurrent-downloads", "Downloads at once; 0 for any number", func(c *Config) pflag.Value { return (*intValue)(&c.Registries.Downloads) }},
		{"max-concurrent-uploads", "", "max-concurrent-uploads", "Uploads at once, of all pushes; 0 for any number", func(c *Config) pflag.Value { return (*intValue)(&c.Registries.Uploads) }},
		{"max-download-attempts", "", "max-download-attempts", "Attempts of a request, and of a transfer that gets no further", func(c *Config) pflag.Value { return (*intValue)(&c.Registries.Attempts) }},
		{"shutdown-timeout", "", "shutdown-timeout", "Seconds that containers get to end with the daemon, without live-restore", func(c *Config) pflag.Value { return (*intValue)(&c.Life.Timeout) }},
		{"bridge", "b", "bridge", "Name of the bridge that containers attach to", str(func(c *Config) *string { return &c.Network.Bridge })},
		{"bip", "", "bip", "IPv4 address and subnet for the default bridge", func(c *Config) pflag.Value { return (*prefixValue)(&c.Network.BIP) }},
		{"mtu", "", "mtu", "Set the MTU for the default bridge network", func(c *Config) pflag.Value { return (*intValue)(&c.Network.MTU) }},
		{"validate", "", "", "Validate daemon configuration and exit", boolean(func(c *Config) *bool { return &c.Validate })},
		{"version", "v", "", "Print version information and quit", boolean(func(c *Config) *bool { return &c.Version })},
	}
}

// unsupported are dockerd's flags (and keys) that are not here yet. Each one
// says so; none is ignored.
const unsupported = `allow-direct-routing authorization-plugin bip6 bridge-accept-fwmark cdi-spec-dir
containerd containerd-namespace containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd
default-address-pool default-cgroupns-mode default-gateway default-gateway-v6 default-ipc-mode default-network-opt
default-shm-size default-stop-timeout default-ulimit dns dns-opt dns-search exec-opt experimental feature firewall-backend
fixed-cidr fixed-cidr-v6 host-gateway-ip icc init-path ip ip-forward
ip-forward-no-drop ip-masq ip6tables iptables ipv6 log-format
metrics-addr network-control-plane-mtu
network-diagnostic-port no-new-privileges node-generic-resource nri-opts raw-logs restart
rootless seccomp-profile selinux-enabled swarm-default-advertise-addr
userland-proxy userland-proxy-path userns-remap`

// unsupportedKeys are the keys that are not just a flag's name.
const unsupportedKeys = `authorization-plugins builder cdi-spec-dirs containerd-plugin-namespace default-address-pools default-network-opts
default-ulimits dns-opts exec-opts features host-gateway-ips node-generic-resources swarm-raft-election-tick swarm-raft-heartbeat-tick`

// Parse reads the command line and the configuration file that it names, or
// the default one when there is one.
func Parse(args []string) (Config, error) {
	c := Config{Registries: defaultRegistries(), DataRoot: "/var/lib/berth", ExecRoot: "/run/berth", Volumes: VolumesConfig{PluginRoot: "/", Trash: keepValue(trashKept)}, Group: "berth", LogLevel: "info", Network: NetworkConfig{MTU: 1500}, Life: LifeConfig{Warm: 3, Outlive: true, Timeout: 15}}
	flags := pflag.NewFlagSet("berthd", pflag.ContinueOnError)
	flags.SortFlags = true
	keys := map[string]*pflag.Flag{}
	for _, o := range options() {
		v := o.value(&c)
		flags.VarP(v, o.name, o.short, o.usage)
		f := flags.Lookup(o.name)
		if _, ok := v.(*boolValue); ok {
			f.NoOptDefVal = "true"
		}
		if o.key != "" {
			keys[o.key] = f
		}
	}
	for _, name := range strings.Fields(unsupported) {
		flags.Var(refusal(name), name, "")
		f := flags.Lookup(name)
		f.Hidden, f.NoOptDefVal = true, "true"
		keys[name] = f
	}
	file := flags.String("config-file", defaultConfig, "Daemon configuration file")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage:  berthd [OPTIONS]\n\nA container engine that speaks Docker.\n\nOptions:\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fault.New(fault.Invalid, "\"berthd\" accepts no arguments.")
	}
	if err := readFile(*file, flags.Changed("config-file"), keys); err != nil {
		return c, err
	}
	return c, c.complete()
}

// readFile sets the flags that a configuration file names. Giving one on both
// sides is an error, as is a key that nobody knows.
func readFile(path string, mustExist bool, keys map[string]*pflag.Flag) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return nil
	}
	if err != nil {
		return fault.New(fault.Invalid, "unable to configure the Docker daemon with file %s: %v", path, err)
	}
	var values map[string]any
	if len(strings.TrimSpace(string(b))) > 0 {
		if err := json.Unmarshal(b, &values); err != nil {
			return fault.New(fault.Invalid, "unable to configure the Docker daemon with file %s: %v", path, err)
		}
	}
	var unknown, twice []string
	for key, value := range values {
		f := keys[key]
		switch {
		case slices.Contains(strings.Fields(unsupportedKeys), key):
			return refusal(key).Set("")
		case f == nil:
			unknown = append(unknown, key)
		case f.Changed:
			twice = append(twice, fmt.Sprintf("%s: (from flag: %s, from file: %v)", key, f.Value, value))
		default:
			if err := setAll(f.Value, value); err != nil {
				return fault.New(fault.Invalid, "unable to configure the Docker daemon with file %s: %s: %v", path, key, err)
			}
		}
	}
	slices.Sort(unknown)
	slices.Sort(twice)
	switch {
	case len(unknown) > 0:
		return fault.New(fault.Invalid, "unable to configure the Docker daemon with file %s: the following directives don't match any configuration option: %s", path, strings.Join(unknown, ", "))
	case len(twice) > 0:
		return fault.New(fault.Invalid, "unable to configure the Docker daemon with file %s: the following directives are specified both as a flag and in the configuration file: %s", path, strings.Join(twice, ", "))
	}
	return nil
}

func setAll(v pflag.Value, value any) error {
	if whole, ok := v.(interface{ setValue(any) error }); ok {
		return whole.setValue(value)
	}
	list, ok := value.([]any)
	if !ok {
		return v.Set(fmt.Sprint(value))
	}
	if _, many := v.(*listValue); !many {
		return fmt.Errorf("expected one value")
	}
	for _, item := range list {
		if err := v.Set(fmt.Sprint(item)); err != nil {
			return err
		}
	}
	return nil
}

// complete checks what is left and fills in what follows from the rest.
func (c *Config) complete() error {
	if !slices.Contains([]string{"debug", "info", "warn", "error", "fatal"}, c.LogLevel) {
		return fault.New(fault.Invalid, "invalid logging level: %s", c.LogLevel)
	}
	for _, dir := range []*string{&c.DataRoot, &c.ExecRoot} {
		if !strings.HasPrefix(*dir, "/") {
			return fault.New(fault.Invalid, "%s is not an absolute path", *dir)
		}
	}
	if c.Pidfile == "" {
		c.Pidfile = c.ExecRoot + "/berthd.pid"
	}
	c.TLS.Enabled = c.TLS.Enabled || c.TLS.Verify
	if c.Life.Warm < 0 || c.Life.Warm > maxWarm {
		return fault.New(fault.Invalid, "invalid number of warm sandboxes: %d is not between 0 and %d", c.Life.Warm, maxWarm)
	}
	if err := c.Registries.complete(); err != nil {
		return err
	}
	if err := c.completeLog(); err != nil {
		return err
	}
	return c.completeRuntimes()
}
