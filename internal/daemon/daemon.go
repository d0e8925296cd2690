package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/log"
	"golang.org/x/sync/errgroup"

	"berth/internal/container"
	"berth/internal/container/provision"
	"berth/internal/container/rootfs"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/login"
	"berth/internal/network"
	"berth/internal/server"
	"berth/internal/snapshot"
	"berth/internal/state"
	"berth/internal/version"
)

// shutdownTime is how long requests under way get when the daemon ends.
const shutdownTime = 10 * time.Second

// Daemon is the engine's rooms, wired.
type Daemon struct {
	cfg        Config
	log        *slog.Logger
	store      *state.Store
	images     *image.Service
	space      image.Space // of images
	driver     rootfs.Driver
	networks   *network.Service
	cgroups    cgroup.Hierarchy
	containers *container.Service
	keeper     atomic.Pointer[keeper.Client]
	events     *event.Log
	volumes    volumes
	snapshots  *snapshot.Service
	server     *server.Server
	listeners  []net.Listener
	stop       context.CancelFunc // ends what runs in the background
	background sync.WaitGroup
}

// Start brings a daemon up: when it returns, it listens, and what ran before
// runs on under it. On failure nothing stays behind.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(map[bool]string{true: "debug", false: levelOf(cfg.LogLevel)}[cfg.Debug])); err != nil {
		return nil, fault.New(fault.Invalid, "invalid logging level: %s", cfg.LogLevel)
	}
	// containerd's libraries log through a logger of their own, which warns of
	// what is normal here.
	if err := log.SetLevel("error"); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	d := &Daemon{cfg: cfg, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *Daemon) start(ctx context.Context) error {
	for _, step := range []func() error{
		d.makeDirs,
		func() error { return d.open(ctx) },
		func() error { return recoverSnapshots(d) },
		func() error { return d.containers.Recover(ctx, d.keeper.Load()) },
		func() error { d.volumes.sweep(d.warn); d.renewKeeper(ctx); return nil },
		func() error { return writePid(d.cfg.Pidfile) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	registries, limits, err := d.cfg.Registries.client()
	if err != nil {
		return err
	}
	d.server = server.New(server.Config{
		Containers: d.containers, Changes: d.containers.Changes(), Streams: container.Streams{Service: d.containers}, Execs: d.containers.Execs(), Usage: d.containers.Usage(), Files: container.Files(d.containers), Images: servedImages{d.images, d.containers, d.events.Publish}, ImageStore: d.imageStore(),
		Transfers: servedTransfers{d.images.Transfers(registries, limits), registries, servedImages{d.images, d.containers, d.events.Publish}},
		System:    d, Events: d.events, Objects: server.Objects{Attachments: container.Attachments{Service: d.containers}, Volumes: d.volumes, Networks: networks{d.networks, d.events.Publish}}, Logins: login.New("berth/" + version.Version), Beyond: server.Beyond{Explain: container.Explanations{Service: d.containers}, VolumeSnapshots: ofVolumes(d), ContainerSnapshots: ofContainers(d), Backups: newBackups(d, registries), Trash: trash{d.volumes}}, VolumeDir: d.volumes.dir,
		LayerSize: d.layerSize,
		Version:   version.Version, GitCommit: commit(), Log: d.log,
	})
	if err := d.listen(); err != nil {
		return err
	}
	bg, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.background.Go(func() { d.watchKeeper(bg) })
	d.background.Go(func() { d.keepBudget(bg) })
	d.background.Go(func() { d.keepTrash(bg) })
	if err := serveImages(bg, d); err != nil {
		return err
	}
	if !d.cfg.Life.Outlive {
		if err := (container.Shutdown{Service: d.containers}).StopLeft(d.cfg.Life.Timeout); err != nil {
			d.log.Error(err.Error())
		}
	}
	return nil
}

func levelOf(word string) string {
	if word == "fatal" {
		return "error"
	}
	return word
}

// warn tells of what no caller can be told.
func (d *Daemon) warn(format string, args ...any) { d.log.Warn(fmt.Sprintf(format, args...)) }

// makeDirs makes the directories that the daemon's rooms expect.
func (d *Daemon) makeDirs() error {
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{
		{d.cfg.DataRoot, 0o711}, {d.cfg.DataRoot + "/containers", 0o710}, {d.cfg.ExecRoot, 0o711},
		{d.cfg.ExecRoot + "/exits", 0o700}, {d.cfg.ExecRoot + "/spool", 0o700}, {d.cfg.ExecRoot + "/rootfs", 0o711},
	} {
		if err := os.MkdirAll(dir.path, dir.mode); err != nil {
			return fault.Wrap(fault.Internal, err, "the daemon's directories cannot be made")
		}
	}
	return nil
}

// open opens the rooms, all at once: each waits for the disk or the kernel.
func (d *Daemon) open(ctx context.Context) error {
	var err error
	// First and alone: it is what keeps a second daemon off the same data.
	if d.store, err = state.Open(d.cfg.DataRoot + "/state.db"); err != nil {
		return fault.Wrap(fault.Unavailable, err, "is another berthd running with this data root?")
	}
	if d.events, err = event.Open(d.cfg.DataRoot+"/events", d.warn); err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() (err error) {
		if d.images, err = image.Open(ctx, d.cfg.DataRoot+"/images"); err == nil {
			d.space = image.NewSpace(d.images)
		}
		return err
	})
	g.Go(func() (err error) {
		d.networks, err = network.Open(ctx, network.Config{State: d.store, Root: d.cfg.ExecRoot, Bridge: d.cfg.Network.Bridge, BIP: d.cfg.Network.BIP, MTU: d.cfg.Network.MTU})
		return err
	})
	g.Go(func() (err error) {
		d.cgroups, err = cgroup.Detect()
		return err
	})
	g.Go(func() error {
		client, err := keeper.Ensure(ctx, d.cfg.ExecRoot, d.keeperProgram())
		if err == nil {
			d.keeper.Store(client)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	d.volumes.publish, d.snapshots = d.events.Publish, snapshot.New()
	if err := d.volumes.open(d.cfg); err != nil {
		return err
	}
	if err := d.chooseDriver(); err != nil {
		return err
	}
	d.containers = container.New(container.Deps{Events: d.events, Store: d.store, Commits: commits{d.images, d.events.Publish}, Log: d.cfg.Log, Deps: provision.Deps{
		Images: images{d.images, d.space}, Networks: networks{d.networks, d.events.Publish}, NetFiles: networks{d.networks, d.events.Publish}, Volumes: d.volumes, Driver: d.driver, LayerSize: int64(d.cfg.Images.Layer), Cgroups: d.cgroups,
		Keeper: d.client,
		Paths:  container.Paths{Data: d.cfg.DataRoot + "/containers", Exec: d.cfg.ExecRoot, CgroupParent: d.cgroupParent()},
		Warn:   d.warn, Publish: d.events.Publish,
		Runtimes: d.runtimes(), DefaultRuntime: d.cfg.DefaultRuntime, Warm: d.cfg.Life.Warm, Init: d.cfg.Init,
	}})
	return nil
}

// client is the live connection to the keeper.
func (d *Daemon) client() (*keeper.Client, error) {
	c := d.keeper.Load()
	select {
	case <-c.Done():
		return nil, fault.New(fault.Unavailable, "the keeper has ended and is being started again")
	default:
		return c, nil
	}
}

// keeperProgram finds berth-keeper: as configured, beside berthd, or in PATH.
func (d *Daemon) keeperProgram() string {
	if d.cfg.Keeper != "" {
		return d.cfg.Keeper
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "berth-keeper")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return "berth-keeper"
}

// cgroupParent is where containers go unless they say otherwise. Daemons with
// other roots get groups of their own, so that none takes another's for stray.
func (d *Daemon) cgroupParent() string {
	switch {
	case d.cfg.CgroupParent != "":
		return d.cfg.CgroupParent
	case d.cfg.DataRoot == "/var/lib/berth":
		return "/berth"
	}
	return "/berth-" + shortHash(d.cfg.DataRoot)
}

// Wait serves until ctx is done and then shuts down: containers run on under the
// keeper, or end first, with those who wait for that; requests get a while to end.
func (d *Daemon) Wait(ctx context.Context) error {
	failed := make(chan error, len(d.listeners))
	for _, l := range d.listeners {
		go func() {
			if err := d.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	if err := notifyReady(); err != nil {
		d.log.Warn("systemd cannot be told that the daemon is ready: " + err.Error())
	}
	// Images are made ready when nobody waits for them.
	d.background.Go(func() {
		if err := d.images.EnsureEmbedded(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("the embedded image: " + err.Error())
		}
	})
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	if !d.cfg.Life.Outlive {
		if err := (container.Shutdown{Service: d.containers}).StopAll(d.cfg.Life.Timeout); err != nil { // who is left goes on under the keeper
			d.log.Error(err.Error())
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return errors.Join(err, d.server.Shutdown(end), d.close())
}

// close gives back what Start took, in the opposite order.
func (d *Daemon) close() error {
	var errs []error
	if d.stop != nil {
		d.stop()
	}
	for _, l := range d.listeners {
		l.Close() // the server may have closed it
	}
	running := false
	if d.containers != nil {
		running = d.containers.Close()
	}
	if c := d.keeper.Load(); c != nil {
		c.Close()
	}
	d.background.Wait()
	if d.networks != nil {
		errs = append(errs, d.networks.Close(context.Background(), !running))
	}
	if d.containers != nil && !running {
		d.removeCgroupParent()
	}
	if d.images != nil {
		errs = append(errs, d.images.Close())
	}
	d.volumes.close()
	if d.snapshots != nil {
		d.snapshots.Close()
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.events != nil {
		errs = append(errs, d.events.Close())
	}
	if d.server != nil {
		os.Remove(d.cfg.Pidfile)
	}
	return errors.Join(errs...)
}
