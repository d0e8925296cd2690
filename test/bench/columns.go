package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// bench is one run.
type bench struct {
	*options
	dir     string // this run's files on the disk
	root    string // where the peers are unpacked
	engines []*engine
	rows    []*row
	notes   []string
}

// newBench makes the images and brings the engines up. One that does not come
// up becomes a note.
func newBench(o *options) (*bench, error) {
	b := &bench{options: o, dir: filepath.Join(o.cache, o.stamp), root: filepath.Join(o.cache, "root")}
	if err := b.makeImages(); err != nil {
		return nil, err
	}
	for _, column := range []struct {
		name  string
		start func(*engine) error
	}{
		{"berth", b.startBerth}, {"berth-docker", b.startStockClient}, {"docker", b.startDocker},
		{"podman", b.startPodman}, {"berth-runtime", b.startBare}, {"crun", b.startBare}, {"runc", b.startBare},
	} {
		e := &engine{name: column.name, turns: 1}
		b.engines = append(b.engines, e)
		if !o.wants(o.engines, e.name) {
			e.absent = "not asked for"
			continue
		}
		if err := column.start(e); err != nil {
			e.absent = firstLine(err.Error())
			b.note("%s is absent: %s", e.name, e.absent)
		}
	}
	return b, nil
}

func (b *bench) stop() {
	for _, e := range b.engines {
		if e.daemon != nil && e.name != "berth-docker" {
			end(e.daemon.process)
		}
		if e.room != nil && e.name != "berth-docker" {
			e.room.close()
		}
	}
}

func (b *bench) named(name string) *engine {
	for _, e := range b.engines {
		if e.name == name {
			return e
		}
	}
	return nil
}

func (b *bench) startBerth(e *engine) (err error) {
	if e.room, err = newRoom(); err != nil {
		return err
	}
	if e.daemon, err = b.berthd("berth", e.room).start(); err != nil {
		return err
	}
	e.client, e.env = []string{filepath.Join(b.bin, "berth")}, []string{"DOCKER_HOST=unix://" + e.daemon.socket}
	e.api, e.turns = newAPI(e.daemon.socket), 3
	e.version = serverVersion(e.api)
	return b.importImage(e)
}

// startStockClient is the docker client that is installed here, against berthd.
func (b *bench) startStockClient(e *engine) error {
	berth := b.named("berth")
	docker, err := exec.LookPath("docker")
	if err != nil {
		return fmt.Errorf("no docker client is installed")
	}
	if berth.absent != "" {
		return fmt.Errorf("berthd does not run")
	}
	e.room, e.daemon, e.env, e.turns = berth.room, berth.daemon, berth.env, 3
	e.client = []string{docker}
	out, err := exec.Command(docker, "--version").Output()
	e.version = strings.TrimSpace(string(out))
	return err
}

func (b *bench) startDocker(e *engine) (err error) {
	if e.room, err = newRoom(); err != nil {
		return err
	}
	if e.daemon, err = b.dockerd("docker", e.room).start(); err != nil {
		return err
	}
	e.client, e.env = []string{filepath.Join(b.root, "usr/bin/docker")}, append(b.peerEnv(), "DOCKER_HOST=unix://"+e.daemon.socket)
	e.api = newAPI(e.daemon.socket)
	e.version = serverVersion(e.api)
	return b.importImage(e)
}

func (b *bench) startPodman(e *engine) (err error) {
	if e.room, err = newRoom(); err != nil {
		return err
	}
	e.room.withoutUnified()
	lib := "/usr/lib/" + multiarch()
	if err := e.room.withLibraries(b.root+lib, lib); err != nil {
		return err
	}
	data, run := b.places("podman")
	if err := os.MkdirAll(run, 0o711); err != nil {
		return err
	}
	conf, storage := run+"/containers.conf", run+"/storage.conf"
	// The limits are what this process has: raising them needs CAP_SYS_RESOURCE.
	text := fmt.Sprintf("[containers]\ndefault_ulimits = []\n[network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = %q\n"+
		"[engine]\nhelper_binaries_dir = [%q]\nconmon_path = [%q]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"crun\"\n[engine.runtimes]\ncrun = [%q]\n",
		run+"/net", b.root+"/usr/lib/podman", b.root+"/usr/bin/conmon", b.root+"/usr/bin/crun")
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	text = fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", data, run+"/run")
	if err := os.WriteFile(storage, []byte(text), 0o644); err != nil {
		return err
	}
	e.client = []string{b.root + "/usr/bin/podman", "--root", data, "--runroot", run + "/run", "--tmpdir", run + "/tmp"}
	e.runArgs = []string{"--cgroup-parent", "/" + b.stamp + "/podman", "--ulimit", "host"}
	e.env = append(b.peerEnv(), "CONTAINERS_CONF="+conf, "CONTAINERS_STORAGE_CONF="+storage)
	if e.version, err = e.output("version", "--format", "{{.Version}}"); err != nil {
		return err
	}
	return b.importImage(e)
}

// startBare prepares a runtime that is used from its command line.
func (b *bench) startBare(e *engine) (err error) {
	if e.room, err = newRoom(); err != nil {
		return err
	}
	e.room.withoutUnified()
	program := b.root + "/usr/bin/" + e.name
	switch e.name {
	case "runc":
		program = b.root + "/usr/sbin/runc"
	case "berth-runtime":
		program, e.turns = filepath.Join(b.bin, e.name), 3
	}
	e.client, e.env = []string{program, "--root", "/run/" + e.name}, b.peerEnv()
	if e.version, err = e.output("--version"); err != nil {
		return err
	}
	e.version = strings.TrimPrefix(firstLine(e.version), e.name+" version ")
	return b.makeBundle(e)
}

func (b *bench) importImage(e *engine) error {
	_, err := e.timed("import", filepath.Join(b.dir, "image.tar"), imageName)
	return err
}

func serverVersion(a *api) string {
	var v struct{ Version string }
	a.do("GET", "/version", nil, &v)
	return v.Version
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.notes = append(b.notes, text)
	say("  %s", text)
}
