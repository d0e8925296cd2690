//go:build linux

package oci

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hook appends a line to a file: what it is called and what the state says.
func (b *bundle) hook(name, file string) []specs.Hook {
	script := "s=$(cat); s=${s#*'\"status\":\"'}; echo " + name + " ${s%%'\"'*} >> " + file
	return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}}
}

func TestHooksRunInTheirOrderAndPlace(t *testing.T) {
	b := newBundle(t, "echo program >> /data/log")
	log := b.path("rootfs/data/log")
	b.spec.Hooks = &specs.Hooks{
		//lint:ignore SA1019 specs may still have prestart hooks
		Prestart: b.hook("prestart", log), CreateRuntime: b.hook("createRuntime", log), CreateContainer: b.hook("createContainer", log),
		StartContainer: b.hook("startContainer", "/data/log"), Poststop: b.hook("poststop", log),
	}
	b.save()
	b.ok("create", "-b", b.dir, "a")
	read := func() string { data, err := os.ReadFile(log); b.must(err); return string(data) }
	before := "prestart creating\ncreateRuntime creating\ncreateContainer creating\n"
	if got := read(); got != before {
		t.Errorf("%q", got)
	}
	b.ok("start", "a")
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.ok("delete", "a")
	if got := read(); got != before+"startContainer created\nprogram\npoststop stopped\n" {
		t.Errorf("%q", got)
	}
}

func TestWhatACreateContainerHookMountsIsTheContainers(t *testing.T) {
	b := newBundle(t, "cat /data/host")
	b.must(os.WriteFile(b.path("host"), []byte("from the host\n"), 0o644))
	b.spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/busybox", Args: []string{"busybox", "mount", "--bind", b.dir, b.path("rootfs/data")}}}}
	b.save()
	if out := b.ok("run", "-b", b.dir, "a"); out != "from the host\n" {
		t.Errorf("%q", out)
	}
}

func TestAHookThatFailsEndsTheContainer(t *testing.T) {
	failing := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo oops; exit 3"}}}
	for name, hooks := range map[string]specs.Hooks{
		"createRuntime": {CreateRuntime: failing}, "createContainer": {CreateContainer: failing},
		"startContainer": {StartContainer: failing}, "poststart": {Poststart: failing},
	} {
		b := newBundle(t, "exec sleep 1000")
		b.spec.Hooks = &hooks
		b.save()
		b.refused("error running "+name+" hook #0: exit status 3, stdout/stderr: oops", "run", "-b", b.dir, "a")
	}
}

func TestAHookMayAskForTheState(t *testing.T) {
	b := newBundle(t, "exit 0")
	ask := b.binary + " --root " + b.root + " state a > " + b.path("answer")
	b.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", ask}}}}
	b.save()
	b.ok("run", "-b", b.dir, "a")
	if out, err := os.ReadFile(b.path("answer")); err != nil || !strings.Contains(string(out), `"status": "creating"`) {
		t.Errorf("%s %v", out, err)
	}
}
