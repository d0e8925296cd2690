package creation

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Attaches reports that streams were chosen to be attached.
func (o *Options) Attaches() bool { return len(o.lists.attach.Values) > 0 }

// Request turns flags and arguments into what the daemon gets. Changed tells
// whether a flag was given at all; proxy holds the configuration's variables.
func (o *Options) Request(args []string, changed func(string) bool, proxy []string) (engine.CreateRequest, error) {
	c, h := &o.config, &o.host
	if err := checkPull(o.Pull); err != nil {
		return engine.CreateRequest{}, err
	}
	c.Image = args[0]
	if len(args) > 1 {
		c.Cmd = args[1:]
	}
	o.streams()
	switch {
	case o.entrypoint != "":
		c.Entrypoint = []string{o.entrypoint}
	case changed("entrypoint"):
		// Given and empty: the image's entrypoint is dropped.
		c.Entrypoint = []string{""}
	}
	if changed("stop-timeout") {
		c.StopTimeout = &o.stopTimeout
	}
	if changed("pids-limit") {
		h.PidsLimit = &o.pidsLimit
	}
	if changed("init") {
		h.Init = &o.record.init
	}
	for _, step := range []func() error{
		func() error { return o.readEnv(proxy) }, o.readPorts, o.readStorage, o.readModes, o.readSecurity, o.readRecord,
		func() error { return o.limits.apply(&h.Resources) }, func() error { return o.endpoint.apply(&o.networks) },
	} {
		if err := step(); err != nil {
			return engine.CreateRequest{}, err
		}
	}
	o.resources()
	o.names()
	endpoints, err := o.networks.Endpoints()
	if err != nil {
		return engine.CreateRequest{}, err
	}
	check, err := o.health.config()
	if err != nil {
		return engine.CreateRequest{}, err
	}
	return engine.CreateRequest{
		Config: c, HostConfig: &engine.HostConfig{HostConfig: h, Mounts: o.mounts.Values}, Healthcheck: check,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: endpoints},
	}, nil
}

// streams decides what is attached: -a says it, else output, and input with -i.
func (o *Options) streams() {
	c, chosen := &o.config, o.lists.attach.Values
	c.AttachStdin = c.OpenStdin || slices.Contains(chosen, "stdin")
	c.AttachStdout = len(chosen) == 0 || slices.Contains(chosen, "stdout")
	c.AttachStderr = len(chosen) == 0 || slices.Contains(chosen, "stderr")
	// The container's input ends with the one client that feeds it.
	c.StdinOnce = c.OpenStdin && c.AttachStdin
}

func (o *Options) readEnv(proxy []string) error {
	env, err := opts.ReadFiles(o.lists.envFile.Values, o.lists.env.Values, os.LookupEnv)
	if err != nil {
		return err
	}
	given := opts.ToMap(env)
	for _, p := range proxy {
		name, _, _ := strings.Cut(p, "=")
		if _, ok := given[name]; !ok {
			env = append(env, p)
		}
	}
	o.config.Env = env
	labels, err := opts.ReadFiles(o.lists.labelFile.Values, o.lists.labels.Values, nil)
	if err != nil {
		return err
	}
	o.config.Labels = opts.ToMap(labels)
	return nil
}

func (o *Options) readPorts() (err error) {
	o.config.ExposedPorts, o.host.PortBindings, err = opts.Ports(o.lists.publish.Values, o.lists.expose.Values)
	return err
}

func (o *Options) readStorage() (err error) {
	h := &o.host
	if h.Binds, o.config.Volumes, err = opts.Volumes(o.lists.volumes.Values); err != nil {
		return err
	}
	h.Tmpfs = opts.Tmpfs(o.lists.tmpfs.Values)
	var cdi []string
	h.Devices = []container.DeviceMapping{} // never null on the wire
	for _, d := range o.lists.devices.Values {
		if opts.IsCDI(d) {
			cdi = append(cdi, d)
			continue
		}
		device, err := opts.Device(d)
		if err != nil {
			return err
		}
		h.Devices = append(h.Devices, device)
	}
	if len(cdi) > 0 {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "cdi", DeviceIDs: cdi}}
	}
	return nil
}

func (o *Options) readModes() error {
	h := &o.host
	switch {
	case !h.PidMode.Valid():
		return errors.New("--pid: invalid PID mode")
	case !h.UTSMode.Valid():
		return errors.New("--uts: invalid UTS mode")
	case !h.UsernsMode.Valid():
		return errors.New("--userns: invalid USER mode")
	case !h.CgroupnsMode.Valid():
		return errors.New("--cgroupns: invalid CGROUP mode")
	}
	h.NetworkMode = o.networks.Mode()
	return nil
}

func (o *Options) readSecurity() error {
	s, err := opts.ParseSecurity(o.lists.security.Values)
	if err != nil {
		return err
	}
	h := &o.host
	h.SecurityOpt, h.MaskedPaths, h.ReadonlyPaths = s.Options, s.MaskedPaths, s.ReadonlyPaths
	h.CapAdd, h.CapDrop, h.GroupAdd = o.lists.capAdd.Values, o.lists.capDrop.Values, o.lists.groupAdd.Values
	h.Sysctls = o.sysctls.Values
	return nil
}

func (o *Options) readRecord() (err error) {
	h, r := &o.host, &o.record
	if h.RestartPolicy, err = opts.RestartPolicy(r.restart); err != nil {
		return err
	}
	if h.AutoRemove && !h.RestartPolicy.IsNone() {
		return errors.New("conflicting options: cannot specify both --restart and --rm")
	}
	if h.LogConfig.Type == "none" && len(r.logOptions.Values) > 0 {
		return errors.New("invalid logging opts for driver none")
	}
	h.LogConfig.Config = opts.ToMap(r.logOptions.Values)
	if h.StorageOpt, err = opts.StorageOptions(r.storage.Values); err != nil {
		return err
	}
	h.Annotations, h.VolumesFrom, h.Links = r.annotations.Values, r.volumes.Values, o.endpoint.links.Values
	h.Umask = r.umask.Value
	return nil
}

func (o *Options) resources() {
	h := &o.host
	h.Memory, h.MemoryReservation = int64(o.sizes.memory), int64(o.sizes.reservation)
	h.MemorySwap, h.ShmSize, h.NanoCPUs = int64(o.sizes.swap), int64(o.sizes.shm), int64(o.sizes.cpus)
	h.Ulimits = o.ulimits.List()
}

// names fills the name service's part; its lists are never null on the wire.
func (o *Options) names() {
	h, l := &o.host, &o.lists
	h.DNS = make([]netip.Addr, 0, len(l.dns.Values))
	for _, a := range l.dns.Values {
		h.DNS = append(h.DNS, netip.MustParseAddr(a)) // checked when the flag was read
	}
	h.DNSSearch = append([]string{}, l.dnsSearch.Values...)
	h.DNSOptions = append([]string{}, l.dnsOptions.Values...)
	h.ExtraHosts = l.extraHosts.Values
}

// When an image is pulled: each time, when it is not there, or not at all.
const (
	Always  = "always"
	Missing = "missing"
	Never   = "never"
)

func checkPull(v string) error {
	switch v {
	case Always, Missing, Never, "":
		return nil
	}
	return fmt.Errorf("invalid pull option: '%s': must be one of %q, %q or %q", v, Always, Missing, Never)
}
