//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// twoLayers is an image of two layers: a file, a directory, links out of it, and one file that the second layer removes.
func twoLayers(t *testing.T, d *harness.Daemon, name string) {
	t.Helper()
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	id := c.Must("create", busybox, "sh", "-c", "mkdir -p /a/b /gone; echo part > /a/b/file; echo x > /gone/file; ln -s /a/b /link; ln -s /../../../etc /up; chown 33:44 /a/b; chmod 2750 /a/b")
	c.Must("start", "-a", id)
	c.Must("commit", id, name+":first")
	c.Must("rm", id)
	id = c.Must("create", name+":first", "sh", "-c", "rm -r /gone; echo second > /second")
	c.Must("start", "-a", id)
	c.Must("commit", id, name)
	c.Must("rm", id)
}

// TestAnImageIsMountedReadOnlyAndKeptForAsLongAsItIs is about mounts of type image, with and without sandboxes
// and with every driver of containers' file systems.
func TestAnImageIsMountedReadOnlyAndKeptForAsLongAsItIs(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"cold": {"--warm-sandboxes", "0"}, "warm": nil, "fuse": {"--storage-driver", "fuse-overlayfs"}, "copies": {"--storage-driver", "vfs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			twoLayers(t, d, "data")
			c := d.Client(t, "berth")
			for _, m := range []string{"type=image,src=data,dst=/i", "type=image,source=data:latest,target=/i,readonly"} {
				c.Prints("part\nsecond\n750 33:44\nno\ntouch: /i/x: Read-only file system", "run", "--rm", "--mount", m, "busybox", "sh", "-c",
					"cat /i/a/b/file /i/second; stat -c '%a %u:%g' /i/a/b | sed s/^2//; test -e /i/gone && echo yes || echo no; touch /i/x 2>&1; true")
			}
			for part, want := range map[string]string{"a": "b", "a/b": "file", "link": "file", "a/b/file": "/i", "second": "/i"} {
				c.Prints(want, "run", "--rm", "--read-only", "--mount", "type=image,src=data,dst=/i,image-subpath="+part, "busybox", "ls", "/i")
			}
			if got := c.Run("run", "--rm", "--mount", "type=image,src=data,dst=/i,image-subpath=up", "busybox", "cat", "/i/hostname").Stdout; got != "" {
				t.Errorf("a link leads out of the image to %q", got)
			}
			c.Fails(127, "cannot access path data/missing: ", "run", "--rm", "--mount", "type=image,src=data,dst=/i,image-subpath=missing", "busybox", "true")
			c.Fails(125, "No such image: nothing:latest", "run", "--rm", "--mount", "type=image,src=nothing,dst=/i", "busybox", "true")
			// Nobody gets at the layers by it, not even who may mount.
			c.Prints("", "run", "--rm", "--privileged", "--mount", "type=image,src=data,dst=/i", "busybox", "sh", "-c", "mount -o remount,rw /i 2>/dev/null; mount -o remount,rw,bind /i 2>/dev/null; echo changed 2>/dev/null >/i/second; true")
			c.Prints("second", "run", "--rm", "data", "cat", "/second")
			kept := c.Must("create", "--mount", "type=image,src=data,dst=/i,image-subpath=a", "--name", "kept", "busybox", "cat", "/i/b/file")
			c.Prints(`image data /i false rprivate`, "inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}} {{.Propagation}}{{end}}", kept)
			c.Prints(`[{"Type":"image","Source":"data","Target":"/i","ImageOptions":{"Subpath":"a"}}]`, "inspect", "-f", "{{json .HostConfig.Mounts}}", kept)
			c.Fails(1, "is using its referenced image", "rmi", "data")
			copied := filepath.Join(t.TempDir(), "copied")
			c.Must("cp", "kept:/i/b/file", copied)
			if got := readHost(t, copied); got != "part" {
				t.Errorf("cp finds %q", got)
			}
			c.Must("tag", "busybox", "data") // another one has the name now
			c.Prints("part", "start", "-a", "kept")
			c.Prints("part", "run", "--rm", "--volumes-from", "kept", "busybox", "cat", "/i/b/file")
			d.Kill9()
			d.StartAgain()
			c.Prints("part", "start", "-a", "kept")
			c.Must("rm", "kept")
		})
	}
}

// TestFilesOfAMappedBindAreTheContainersUsersInsideAndTheirOwnersOnTheHost is about IDMapping.
func TestFilesOfAMappedBindAreTheContainersUsersInsideAndTheirOwnersOnTheHost(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"cold": {"--warm-sandboxes", "0"}, "warm": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			d.Busybox()
			c := d.Client(t, "berth")
			dir := t.TempDir()
			must(t, os.Chmod(filepath.Dir(dir), 0o755))
			must(t, os.WriteFile(dir+"/theirs", nil, 0o600))
			must(t, os.WriteFile(dir+"/roots", nil, 0o600))
			for _, f := range []string{dir, dir + "/theirs"} {
				must(t, os.Chown(f, 4321, 8765))
			}
			const look = `stat -c '%u:%g' /b /b/theirs /b/roots | tr '\n' ' '; echo x > /b/theirs; id -u; touch /b/new && chmod 700 /b/new && rm -f /b/new2; touch /b/new2 && stat -c '%u:%g' /b/new2; chown 5:5 /b/new2 2>/dev/null && echo taken; true`
			for _, try := range []struct {
				user, mapping, want string
			}{
				{"0", "", "0:0 0:0 65534:65534 0\n0:0"},
				{"33:44", "", "33:44 33:44 65534:65534 33\n33:44"},
				{"www", "=match-user", "33:33 33:33 65534:65534 33\n33:33"},
				{"33:44", "=match-user:33:44", "33:44 33:44 65534:65534 33\n33:44"},
			} {
				c.Prints(try.want, "run", "--rm", "-u", try.user, "--mount", "type=bind,src="+dir+",dst=/b,bind-idmap"+try.mapping, "busybox", "sh", "-c", look)
				for _, f := range []string{"/theirs", "/new", "/new2"} {
					var st unix.Stat_t
					must(t, unix.Lstat(dir+f, &st))
					if st.Uid != 4321 || st.Gid != 8765 {
						t.Errorf("as %s: %s is %d's and %d's on the host", try.user, f, st.Uid, st.Gid)
					}
				}
				must(t, os.Remove(dir+"/new"))
				must(t, os.Remove(dir+"/new2"))
			}
			// cp sees them so, too, and what it brings is their owner's.
			made := c.Must("create", "-u", "33:44", "-v", dir+"/missing:/m", "--mount", "type=bind,src="+dir+",dst=/b,idmap", "busybox", "true")
			must(t, os.WriteFile(dir+"/brought", nil, 0o644))
			must(t, os.Chown(dir+"/brought", 33, 44))
			c.Must("cp", "-a", dir+"/brought", made+":/b/copied")
			var copied unix.Stat_t
			must(t, unix.Lstat(dir+"/copied", &copied))
			if copied.Uid != 4321 || copied.Gid != 8765 {
				t.Errorf("what cp brought is %d's and %d's", copied.Uid, copied.Gid)
			}
			c.Must("rm", made)
			// The named user has them, whoever else the container runs as.
			c.Prints("33:33", "run", "--rm", "--mount", "type=bind,src="+dir+",dst=/b,idmap=match-user:www,readonly", "busybox", "stat", "-c", "%u:%g", "/b")
			c.Fails(125, "unable to find user nobody-here", "run", "--rm", "--mount", "type=bind,src="+dir+",dst=/b,idmap=match-user:nobody-here", "busybox", "true")
			c.Fails(125, "needs a container with a user namespace of its own", "run", "--rm", "--mount", "type=bind,src="+dir+",dst=/b,idmap=userns", "busybox", "true")
			c.Fails(125, "does not support ID-mapped mounts", "run", "--rm", "--mount", "type=bind,src=/proc,dst=/b,idmap,bind-recursive=disabled", "busybox", "true")
			one := c.Must("create", "-u", "33:44", "--mount", "type=bind,src="+dir+"/theirs,dst=/f,idmap", "busybox", "stat", "-c", "%u:%g", "/f")
			c.Prints(`[{"Type":"bind","Source":"`+dir+`/theirs","Target":"/f","BindOptions":{"IDMapping":{"Source":"match-user"}}}]`, "inspect", "-f", "{{json .HostConfig.Mounts}}", one)
			c.Prints("33:44", "start", "-a", one)
			if text := readHost(t, "/proc/self/mountinfo"); strings.Contains(text, "idmapped") && strings.Contains(text, dir) {
				t.Error("a mount is left on the host")
			}
		})
	}
}

// TestCopiesAreRootsOfContainersAlsoWhereTheHostsMountsAreShared is about data roots as they are on hosts with systemd.
func TestCopiesAreRootsOfContainersAlsoWhereTheHostsMountsAreShared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, unix.Mount("data", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	must(t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
	d := harness.Start(t, harness.WithDataRoot(dir+"/root"), harness.WithArgs("--storage-driver", "vfs"))
	busybox := d.Busybox()
	d.Client(t, "berth").Prints("file", "run", "--rm", "--mount", "type=image,src="+busybox+",dst=/i", "-v", "/v", busybox, "sh", "-c", "test -e /i/bin/sh && touch /v/file && ls /v")
}

// TestAnotherRuntimeIsToldOfMappedOwnersAndRefusedWhatNoPathSays is about mounts of containers of other OCI runtimes.
func TestAnotherRuntimeIsToldOfMappedOwnersAndRefusedWhatNoPathSays(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--add-runtime", "oci="+harness.Binary(t, "berth-runtime")))
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	dir := t.TempDir()
	must(t, os.Chown(dir, 4321, 8765))
	c.Prints("33:44\n33:44", "run", "--rm", "--runtime", "oci", "-u", "33:44", "--mount", "type=bind,src="+dir+",dst=/b,idmap", busybox, "sh", "-c", "touch /b/new && stat -c %u:%g /b /b/new")
	var st unix.Stat_t
	must(t, unix.Lstat(dir+"/new", &st))
	if st.Uid != 4321 || st.Gid != 8765 {
		t.Errorf("the file is %d's and %d's on the host", st.Uid, st.Gid)
	}
	c.Fails(125, "the mount on /i needs berth's own runtime", "run", "--rm", "--runtime", "oci", "--mount", "type=image,src="+busybox+",dst=/i", busybox, "true")
}
