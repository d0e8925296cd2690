// Package creation reads the flags of run and create, and makes the request for
// a new container of them.
package creation

import (
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"
)

// Options are what run and create share. Most flags write straight into the
// request; the rest needs reading first (request.go).
type Options struct {
	Name, Platform string
	Pull           string // when the image is pulled: Always, Missing, Never, or "" for Missing
	Quiet          bool   // a pull shows nothing
	APISocket      bool   // the container gets the daemon's socket and the user's logins

	config container.Config
	host   container.HostConfig

	entrypoint  string
	stopTimeout int
	pidsLimit   int64
	lists       lists
	sizes       sizes
	networks    opts.Networks
	mounts      opts.Mounts
	ulimits     opts.Ulimits
	sysctls     opts.Map
	health      health
	endpoint    endpoint
	limits      limits
	record      record
}

// lists are the flags that may be repeated.
type lists struct {
	attach, env, envFile, labels, labelFile opts.List
	volumes, tmpfs, devices                 opts.List
	publish, expose                         opts.List
	dns, dnsSearch, dnsOptions, extraHosts  opts.List
	capAdd, capDrop, groupAdd, security     opts.List
}

// record are the flags on what is kept of a container: its logs, its files and
// what is done when it ends.
type record struct {
	restart                      string
	init                         bool
	logOptions, storage, volumes opts.List
	annotations                  opts.Map
	umask                        opts.Umask
}

// sizes are amounts with a unit.
type sizes struct {
	memory, reservation, shm opts.Bytes
	swap                     opts.SwapBytes
	cpus                     opts.CPUs
}

// Install adds docker's flags for a new container, those that we lack included.
// Doing is what the image is pulled before: running or creating.
func (o *Options) Install(fs *pflag.FlagSet, platform, doing string) {
	// -h is the host name here, so help has no short form.
	fs.Bool("help", false, "Print usage")
	fs.StringVar(&o.Name, "name", "", "Assign a name to the container")
	fs.StringVar(&o.Pull, "pull", Missing, `Pull image before `+doing+` ("always", "missing", "never")`)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress the pull output")
	fs.StringVar(&o.Platform, "platform", platform, "Set platform if server is multi-platform capable")
	o.installProcess(fs)
	o.installSandbox(fs)
	o.installNetwork(fs)
	o.installResources(fs)
	o.health.install(fs)
	o.endpoint.install(fs)
	o.limits.install(fs, &o.host.Resources)
	o.installRecord(fs)
	fs.BoolVar(&o.APISocket, "use-api-socket", false, "Bind mount Docker API socket and required auth")
	session.Refuse(fs, refusedCreate()...)
	opts.InstallKernelMemory(fs)
	session.Since(fs, "annotation", "1.43")
	session.Since(fs, "health-start-interval", "1.44")
}

func (o *Options) installProcess(fs *pflag.FlagSet) {
	c, h, l := &o.config, &o.host, &o.lists
	l.attach.Check, l.env.Check, l.labels.Check = opts.AttachStream, opts.Env, opts.Label
	fs.VarP(&l.attach, "attach", "a", "Attach to STDIN, STDOUT or STDERR")
	fs.VarP(&l.env, "env", "e", "Set environment variables")
	fs.Var(&l.envFile, "env-file", "Read in a file of environment variables")
	fs.StringVar(&o.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	fs.Var(&l.groupAdd, "group-add", "Add additional groups to join")
	fs.StringVarP(&c.Hostname, "hostname", "h", "", "Container host name")
	fs.StringVar(&c.Domainname, "domainname", "", "Container NIS domain name")
	fs.BoolVarP(&c.OpenStdin, "interactive", "i", false, "Keep STDIN open even if not attached")
	fs.VarP(&l.labels, "label", "l", "Set meta data on a container")
	fs.Var(&l.labelFile, "label-file", "Read in a line delimited file of labels")
	fs.StringVar(&c.StopSignal, "stop-signal", "", "Signal to stop the container")
	fs.IntVar(&o.stopTimeout, "stop-timeout", 0, "Timeout (in seconds) to stop a container")
	fs.BoolVarP(&c.Tty, "tty", "t", false, "Allocate a pseudo-TTY")
	fs.StringVarP(&c.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	fs.StringVarP(&c.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	fs.BoolVar(&h.AutoRemove, "rm", false, "Automatically remove the container and its associated anonymous volumes when it exits")
	fs.StringVar(&h.ContainerIDFile, "cidfile", "", "Write the container ID to the file")
}

func (o *Options) installSandbox(fs *pflag.FlagSet) {
	h, l := &o.host, &o.lists
	o.sysctls.Check = opts.Sysctl
	fs.Var(&l.capAdd, "cap-add", "Add Linux capabilities")
	fs.Var(&l.capDrop, "cap-drop", "Drop Linux capabilities")
	fs.StringVar(&h.CgroupParent, "cgroup-parent", "", "Optional parent cgroup for the container")
	fs.StringVar((*string)(&h.CgroupnsMode), "cgroupns", "", `Cgroup namespace to use (host|private)
'host':    Run the container in the Docker host's cgroup namespace
'private': Run the container in its own private cgroup namespace
'':        Use the cgroup namespace as configured by the
           default-cgroupns-mode option on the daemon (default)`)
	fs.Var(&l.devices, "device", "Add a host device to the container")
	fs.StringVar((*string)(&h.IpcMode), "ipc", "", "IPC mode to use")
	fs.Var(&o.mounts, "mount", "Attach a filesystem mount to the container")
	fs.StringVar((*string)(&h.PidMode), "pid", "", "PID namespace to use")
	fs.BoolVar(&h.Privileged, "privileged", false, "Give extended privileges to this container")
	fs.BoolVar(&h.ReadonlyRootfs, "read-only", false, "Mount the container's root filesystem as read only")
	fs.Var(&l.security, "security-opt", "Security Options")
	fs.Var(&o.sizes.shm, "shm-size", "Size of /dev/shm")
	fs.Var(&o.sysctls, "sysctl", "Sysctl options")
	fs.Var(&l.tmpfs, "tmpfs", "Mount a tmpfs directory")
	fs.Var(&o.ulimits, "ulimit", "Ulimit options")
	fs.StringVar((*string)(&h.UTSMode), "uts", "", "UTS namespace to use")
	fs.VarP(&l.volumes, "volume", "v", "Bind mount a volume")
}

func (o *Options) installNetwork(fs *pflag.FlagSet) {
	l := &o.lists
	l.extraHosts.Check, l.dns.Check, l.dnsSearch.Check = opts.ExtraHost, opts.IPAddress, opts.DNSSearch
	fs.Var(&l.extraHosts, "add-host", "Add a custom host-to-IP mapping (host:ip)")
	fs.Var(&l.dns, "dns", "Set custom DNS servers")
	fs.Var(&l.dnsOptions, "dns-option", "Set DNS options")
	fs.Var(&l.dnsOptions, "dns-opt", "Set DNS options")
	fs.Var(&l.dnsSearch, "dns-search", "Set custom DNS search domains")
	fs.Var(&l.expose, "expose", "Expose a port or a range of ports")
	fs.Var(&o.networks, "network", "Connect a container to a network")
	fs.Var(&o.networks, "net", "Connect a container to a network")
	fs.VarP(&l.publish, "publish", "p", "Publish a container's port(s) to the host")
	fs.BoolVarP(&o.host.PublishAllPorts, "publish-all", "P", false, "Publish all exposed ports to random ports")
	_ = fs.MarkHidden("dns-opt")
	_ = fs.MarkHidden("net")
}

func (o *Options) installResources(fs *pflag.FlagSet) {
	h := &o.host
	fs.Int64Var(&h.CPUPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	fs.Int64Var(&h.CPUQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	fs.Int64VarP(&h.CPUShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	fs.Var(&o.sizes.cpus, "cpus", "Number of CPUs")
	fs.StringVar(&h.CpusetCpus, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	fs.StringVar(&h.CpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	fs.VarP(&o.sizes.memory, "memory", "m", "Memory limit")
	fs.Var(&o.sizes.reservation, "memory-reservation", "Memory soft limit")
	fs.Var(&o.sizes.swap, "memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	fs.StringVar(&h.Runtime, "runtime", "", "Runtime to use for this container")
	fs.IntVar(&h.OomScoreAdj, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	fs.Int64Var(&o.pidsLimit, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
}

func (o *Options) installRecord(fs *pflag.FlagSet) {
	h, r := &o.host, &o.record
	fs.Var(&r.annotations, "annotation", "Add an annotation to the container (passed through to the OCI runtime)")
	fs.BoolVar(&r.init, "init", false, "Run an init inside the container that forwards signals and reaps processes")
	fs.StringVar((*string)(&h.Isolation), "isolation", "", "Container isolation technology")
	fs.StringVar(&h.LogConfig.Type, "log-driver", "", "Logging driver for the container")
	fs.Var(&r.logOptions, "log-opt", "Log driver options")
	fs.StringVar(&r.restart, "restart", "no", "Restart policy to apply when a container exits")
	fs.Var(&r.storage, "storage-opt", "Storage driver options for the container")
	fs.Var(&r.umask, "umask", "Set umask for the container")
	fs.StringVar((*string)(&h.UsernsMode), "userns", "", "User namespace to use")
	fs.StringVar(&h.VolumeDriver, "volume-driver", "", "Optional volume driver for the container")
	fs.Var(&r.volumes, "volumes-from", "Mount volumes from the specified container(s)")
}

// refusedCreate lists docker's flags for new containers that only a daemon on
// Windows has.
func refusedCreate() []session.Refused {
	const windows = "running on windows, but the Docker daemon is running on linux"
	var out []session.Refused
	for _, name := range []string{"cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"} {
		out = append(out, session.Refused{Name: name, Default: "0", Only: windows})
	}
	return out
}
