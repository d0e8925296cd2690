//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

func mountEffects() []effect {
	tmpfs := func(more string) string {
		return host(`"Mounts":[{"Type":"tmpfs","Target":"/b"%s}]`, more)
	}
	bind := func(more string) string {
		return host(`"Mounts":[{"Type":"bind","Source":"/proc/self","Target":"/b"%s}]`, more)
	}
	return []effect{
		{field: "HostConfig.Binds", body: host(`"Binds":["/etc:/b/c:ro"]`), script: "test -e /b/c/hostname && touch /b/c/x", want: "touch: /b/c/x: Read-only file system"},
		{field: "HostConfig.Binds,relabelled", body: host(`"Binds":["/etc:/b:ro,z"]`), script: "test -e /b/hostname && echo there", want: "there"},
		{field: "HostConfig.Tmpfs", body: host(`"Tmpfs":{"/b":"size=64k,mode=700,exec"}`), script: "grep ' /b ' /proc/mounts | sed s/,inode64//; stat -c %a /b", want: "tmpfs /b tmpfs rw,nosuid,nodev,relatime,size=64k,mode=700 0 0\n700"},
		{field: "HostConfig.Mounts.Type", body: tmpfs(""), script: "grep ' /b ' /proc/mounts | cut -d' ' -f3", want: "tmpfs"},
		{field: "HostConfig.Mounts.Source", body: bind(""), script: "test -e /b/status && echo there", want: "there"},
		{field: "HostConfig.Mounts.Target", body: bind(""), script: "mounted /b | cut -c1-2", want: "rw"},
		{field: "HostConfig.Mounts.ReadOnly", body: tmpfs(`,"ReadOnly":true`), script: "touch /b/x", want: "touch: /b/x: Read-only file system"},
		{field: "HostConfig.Mounts.TmpfsOptions.SizeBytes", body: tmpfs(`,"TmpfsOptions":{"SizeBytes":65536}`), script: "df -k /b | tail -1 | tr -s ' ' | cut -d' ' -f2", want: "64"},
		{field: "HostConfig.Mounts.TmpfsOptions.Mode", body: tmpfs(`,"TmpfsOptions":{"Mode":448}`), script: "stat -c %a /b", want: "700"},
		{field: "HostConfig.Mounts.TmpfsOptions.Options", body: tmpfs(`,"TmpfsOptions":{"Options":[["exec"],["uid","33"]]}`), script: "mounted /b | cut -d' ' -f1; stat -c %U /b", want: "rw,nosuid,nodev,relatime\nwww"},
		{field: "HostConfig.Mounts.VolumeOptions.NoCopy", body: host(`"Mounts":[{"Type":"volume","Target":"/etc","VolumeOptions":{"NoCopy":true}}]`), script: "test -e /etc/passwd || echo empty", want: "empty"},
	}
}

// tree is a directory of the host's with another mount in it, shared as systemd makes all.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, unix.Mount("tree", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	must(t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
	must(t, os.MkdirAll(dir+"/below", 0o755))
	must(t, os.MkdirAll(dir+"/later", 0o755))
	must(t, unix.Mount("below", dir+"/below", "tmpfs", 0, ""))
	must(t, os.WriteFile(dir+"/below/file", []byte("x"), 0o644))
	return dir
}

// TestBindsTakeWhatIsBelowThemAsTheirOptionsSay is about mounts below a bind's source.
func TestBindsTakeWhatIsBelowThemAsTheirOptionsSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	dir := tree(t)
	const script = "test -e /b/below/file && echo file; touch /b/x 2>/dev/null && echo top; touch /b/below/x 2>/dev/null && echo below"
	for options, want := range map[string]string{
		`{}`:                                    "file\ntop\nbelow",
		`{"BindOptions":{"NonRecursive":true}}`: "top\nbelow",
		`{"ReadOnly":true}`:                     "file",
		`{"ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}`:      "file\nbelow",
		`{"ReadOnly":true,"BindOptions":{"ReadOnlyForceRecursive":true}}`:    "file",
		`{"ReadOnly":true,"BindOptions":{"NonRecursive":true}}`:              "",
		`{"BindOptions":{"Propagation":"rprivate","CreateMountpoint":true}}`: "file\ntop\nbelow",
		`{"BindOptions":{"Propagation":"rslave"},"Consistency":"cached"}`:    "file\ntop\nbelow",
		`{"BindOptions":{"Propagation":"shared","NonRecursive":true}}`:       "top\nbelow",
		`{"ReadOnly":true,"BindOptions":{"Propagation":"rshared"}}`:          "file",
	} {
		for _, name := range []string{"x", "below/x"} {
			must(t, os.RemoveAll(filepath.Join(dir, name)))
		}
		body := host(`"Mounts":[{"Type":"bind","Source":%q,"Target":"/b",%s]`, dir, strings.TrimPrefix(options, "{"))
		body = strings.Replace(body, ",}]", "}]", 1)
		if got := inside(t, d, body, script); got != want {
			t.Errorf("%s: %q, want %q", options, got, want)
		}
		must(t, os.RemoveAll(filepath.Join(dir, "below/x")))
	}
	made := filepath.Join(t.TempDir(), "made/deep")
	if got := refused(t, d, host(`"Mounts":[{"Type":"bind","Source":%q,"Target":"/b"}]`, made)); got != `invalid mount config for type "bind": bind source path does not exist: `+made {
		t.Error(got)
	}
	if got := inside(t, d, host(`"Mounts":[{"Type":"bind","Source":%q,"Target":"/b","BindOptions":{"CreateMountpoint":true}}]`, made), "ls -d /b"); got != "/b" {
		t.Error(got)
	}
}

// TestMountsPropagateAsFarAsTheyAreAskedTo mounts on both sides of a bind.
func TestMountsPropagateAsFarAsTheyAreAskedTo(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	dir := tree(t)
	for mode, want := range map[string]struct{ in, out bool }{
		"": {}, "rprivate": {}, "private": {}, "rslave": {in: true}, "slave": {in: true}, "rshared": {in: true, out: true}, "shared": {in: true, out: true},
	} {
		script := functions + `mkdir /b/out 2>/dev/null; mount -t tmpfs out /b/out
touch /b/ready; while [ ! -e /b/go ]; do sleep 0.02; done; grep -q ' /b/later ' /proc/self/mountinfo && echo in || echo apart`
		for _, name := range []string{"ready", "go", "out"} {
			must(t, os.RemoveAll(filepath.Join(dir, name)))
		}
		id := create(t, d, host(`"CapAdd":["SYS_ADMIN"],"SecurityOpt":["seccomp=unconfined"],"Binds":["%s:/b%s"]`, dir, strings.TrimSuffix(":"+mode, ":")), script)
		started(t, d, id)
		harness.Eventually(t, "it has mounted", func() error { _, err := os.Stat(dir + "/ready"); return err })
		out := strings.Contains(readHost(t, "/proc/self/mountinfo"), " "+dir+"/out ")
		must(t, unix.Mount("later", dir+"/later", "tmpfs", 0, ""))
		must(t, os.WriteFile(dir+"/go", nil, 0o644))
		got := output(t, d, id)
		must(t, unix.Unmount(dir+"/later", unix.MNT_DETACH))
		_ = unix.Unmount(dir+"/out", unix.MNT_DETACH) // where it came out
		if want.out != out || (got == "in") != want.in {
			t.Errorf("%q: inside %q; outside: %v", mode, got, out)
		}
		removed(t, d, id)
	}
	plain := t.TempDir()
	must(t, unix.Mount(plain, plain, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(plain, unix.MNT_DETACH) })
	must(t, unix.Mount("", plain, "", unix.MS_PRIVATE, ""))
	for mode, kinds := range map[string]string{"rshared": "shared", "shared": "shared", "rslave": "shared or slave", "slave": "shared or slave"} {
		want := fmt.Sprintf("path %s is mounted on %s but it is not a %s mount", plain, plain, kinds)
		if got := refused(t, d, host(`"Binds":["%s:/b:%s"]`, plain, mode)); got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
}

// TestAPartOfAVolumeIsMountedAndNoLinkLeadsOutOfIt is about the Subpath of a volume.
func TestAPartOfAVolumeIsMountedAndNoLinkLeadsOutOfIt(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"cold": {"--warm-sandboxes", "0"}, "warm": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			d.Busybox()
			secret := t.TempDir()
			must(t, os.WriteFile(secret+"/secret", []byte("the host's"), 0o644))
			inside(t, d, host(`"Binds":["whole:/v"]`), fmt.Sprintf("mkdir -p /v/a/b; echo part > /v/a/b/file; echo one > /v/a/single; ln -s %s /v/out; ln -s ../../../../.. /v/up; ln -s a/b /v/link; mkdir -p /v%s; echo own > /v%s/secret", secret, secret, secret))
			part := func(subpath string) string {
				return host(`"Mounts":[{"Type":"volume","Source":"whole","Target":"/b","VolumeOptions":{"Subpath":%q}}]`, subpath)
			}
			for subpath, want := range map[string]string{
				"a/b": "part", "a/../link": "part", "link": "part",
			} {
				if got := inside(t, d, part(subpath), "cat /b/file; echo new > /b/new"); got != want {
					t.Errorf("%s: %q", subpath, got)
				}
			}
			if got := inside(t, d, part("a/single"), "cat /b"); got != "one" {
				t.Errorf("a file: %q", got)
			}
			if got := inside(t, d, part("out"), "cat /b/secret"); got != "own" {
				t.Errorf("a link out of the volume leads to %q", got)
			}
			if got := inside(t, d, part("up"), "ls /b"); strings.Contains(got, "proc") || !strings.Contains(got, "single") && !strings.Contains(got, "link") {
				t.Errorf("a link upwards leads to %q", got)
			}
			for subpath, file := range map[string]string{"a/b": "file part", "out": "secret own"} { // and what cp sees, also of one that does not run
				name, want, _ := strings.Cut(file, " ")
				id := create(t, d, part(subpath), "true")
				copied := filepath.Join(t.TempDir(), "copied")
				d.Client(t, "berth").Must("cp", id+":/b/"+name, copied)
				if got := readHost(t, copied); got != want {
					t.Errorf("cp through %s: %q", subpath, got)
				}
				removed(t, d, id)
			}
			if got := refused(t, d, part("a/missing")); !strings.Contains(got, "no such file or directory") {
				t.Error(got)
			}
		})
	}
}

// TestVolumesOfAnotherContainerAreTakenOver is about VolumesFrom, and who owns a volume then.
func TestVolumesOfAnotherContainerAreTakenOver(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	dir := t.TempDir()
	c := d.Client(t, "berth")
	c.Must("run", "--name", "donor", "-v", "/anonymous", "-v", "named:/named", "-v", dir+":/bound:ro", "--tmpfs", "/tmpfs", busybox, "sh", "-c", "echo a > /anonymous/f; echo n > /named/f")
	const script = "cat /anonymous/f /named/f; for d in anonymous named bound tmpfs; do touch /$d/x 2>/dev/null && echo $d; done; true"
	c.Prints("a\nn\nanonymous\nnamed", "run", "--rm", "--volumes-from", "donor", busybox, "sh", "-c", script)
	c.Prints("a\nn", "run", "--rm", "--volumes-from", "donor:ro", busybox, "sh", "-c", script)
	c.Prints("n\nnamed", "run", "--rm", "--volumes-from", "donor", "-v", "/anonymous", busybox, "sh", "-c", "cat /named/f; test -e /anonymous/f || touch /named/x && echo named")
	heir := c.Must("create", "--volumes-from", "donor", busybox, "cat", "/anonymous/f")
	c.Prints("donor", "inspect", "-f", "{{index .HostConfig.VolumesFrom 0}}", heir)
	c.Must("rm", "-v", "donor")
	c.Prints("a", "start", "-a", heir) // the volume is the heir's now
	volume := filepath.Join(d.DataRoot(), "volumes", c.Must("inspect", "-f", `{{range .Mounts}}{{if eq .Destination "/anonymous"}}{{.Name}}{{end}}{{end}}`, heir))
	if _, err := os.Stat(volume); err != nil {
		t.Error(err)
	}
	c.Must("rm", "-v", heir)
	if _, err := os.Stat(volume); !os.IsNotExist(err) {
		t.Errorf("nobody has the volume any more: %v", err)
	}
	for word, want := range map[string]string{"nobody": "No such container: nobody", "nobody:q": "invalid mode: q", "": "volumes-from specification cannot be an empty string"} {
		if got := refused(t, d, host(`"VolumesFrom":[%q]`, word)); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
}
