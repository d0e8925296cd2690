//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// TestWhatUsersOfDockerKnowOfData tries behaviours of volumes and mounts, each named by its sentence.
func TestWhatUsersOfDockerKnowOfData(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	twoLayers(t, d, "data")
	for name, try := range map[string]func(k known){
		"-v makes a missing host directory at the start, with mode 0755 and root's, and --mount of a missing path is refused": func(k known) {
			missing := filepath.Join(k.TempDir(), "a/b")
			id := k.c.Must("create", "-v", missing+":/b", busybox, "ls", "-d", "/b")
			if _, err := os.Stat(missing); err == nil {
				k.Error("it is there before the start")
			}
			k.c.Must("start", "-a", id)
			var st unix.Stat_t
			must(k.T, unix.Stat(missing, &st))
			if st.Mode != unix.S_IFDIR|0o755 || st.Uid != 0 || st.Gid != 0 {
				k.Errorf("it has mode %o and is %d's and %d's", st.Mode, st.Uid, st.Gid)
			}
			must(k.T, os.RemoveAll(filepath.Dir(missing)))
			k.c.Must("start", "-a", id) // and again
			k.c.Must("rm", id)
			must(k.T, os.RemoveAll(filepath.Dir(missing)))
			k.tells(125, `invalid mount config for type "bind": bind source path does not exist: `+missing, "run", "--rm", "--mount", "type=bind,src="+missing+",dst=/b", busybox)
			if body := host(`"Mounts":[{"Type":"bind","Source":%q,"Target":"/b","BindOptions":{"CreateMountpoint":true}}]`, missing); inside(k.T, k.d, body, "ls -d /b") != "/b" {
				k.Error("CreateMountpoint makes none")
			}
		},
		"the first part of -v is a bind when it is absolute and else a volume's name, one part is an anonymous volume, and dest:mode is refused": func(k known) {
			id := k.c.Must("create", "-v", "/tmp:/a", "-v", "abc:/b", "-v", "/c", busybox)
			k.is(id, `{{range .Mounts}}{{if eq .Destination "/a"}}{{.Type}} {{.Source}}{{end}}{{end}}`, "bind /tmp")
			k.is(id, `{{range .Mounts}}{{if eq .Destination "/b"}}{{.Type}} {{.Name}}{{end}}{{end}}`, "volume abc")
			k.is(id, `{{range .Mounts}}{{if eq .Destination "/c"}}{{.Type}} {{len .Name}}{{end}}{{end}}`, "volume 64")
			k.tells(125, "invalid volume specification: '/c:ro'", "run", "--rm", "-v", "/c:ro", busybox)
			k.c.Must("rm", "-v", id)
		},
		"an empty volume is filled at the create with owners and modes, a bind, nocopy and one that holds something are not, and a file is refused": func(k known) {
			id := k.c.Must("create", "-v", "filled:/a/b", "-v", "left:/a:nocopy", "-v", k.TempDir()+":/etc", "data")
			volume := filepath.Join(d.DataRoot(), "volumes/filled/_data")
			var st unix.Stat_t
			must(k.T, unix.Stat(volume, &st))
			if st.Uid != 33 || st.Gid != 44 || st.Mode&0o777 != 0o750 || readHost(k.T, volume+"/file") != "part" {
				k.Errorf("the volume is %d's and %d's with mode %o", st.Uid, st.Gid, st.Mode)
			}
			if left, err := os.ReadDir(filepath.Join(d.DataRoot(), "volumes/left/_data")); err != nil || len(left) != 0 {
				k.Errorf("nocopy: %v, %v", left, err)
			}
			must(k.T, os.Remove(volume+"/file"))
			must(k.T, os.WriteFile(volume+"/mine", nil, 0o644))
			k.says("/m/mine", "-v", "filled:/m", "data", "ls", "/m/mine")
			k.says("mine", "-v", "filled:/a/b", "data", "ls", "/a/b")
			k.tells(125, "source /second is not directory", "run", "--rm", "-v", "/second", "data", "true")
			k.c.Must("rm", "-v", id)
			k.c.Must("volume", "rm", "filled", "left")
		},
		"one target twice is refused with its name, be it of -v, --mount or --tmpfs": func(k known) {
			for _, args := range [][]string{
				{"-v", "/tmp:/t", "-v", "/etc:/t"}, {"-v", "/tmp:/t", "--tmpfs", "/t"}, {"-v", "/tmp:/t", "--mount", "type=tmpfs,dst=/t/"}, {"-v", "/tmp:/t", "--mount", "type=image,src=data,dst=/x/../t"},
			} {
				k.tells(125, "Duplicate mount point: /t", append(append([]string{"run", "--rm"}, args...), busybox)...)
			}
		},
		"volumes-from come first and later ones of them win, then binds, then mounts, and a VOLUME of the image whose place is taken is skipped": func(k known) {
			k.d.Import("withvolume", strings.NewReader(string(harness.BusyboxTar(k.T))), `VOLUME /v`, `VOLUME /w`, `CMD ["sh"]`)
			k.c.Must("create", "--name", "order1", "-v", "one:/v", "-v", "one-b:/b", busybox)
			k.c.Must("create", "--name", "order2", "-v", "two:/v", busybox)
			id := k.c.Must("create", "--volumes-from", "order1", "--volumes-from", "order2", "-v", "bound:/b", "--mount", "type=volume,src=mounted,dst=/m", "withvolume")
			for at, want := range map[string]string{"/v": "two", "/b": "bound", "/m": "mounted"} {
				k.is(id, fmt.Sprintf(`{{range .Mounts}}{{if eq .Destination %q}}{{.Name}}{{end}}{{end}}`, at), want)
			}
			k.is(id, `{{len .Mounts}}`, "4") // with /w
			k.c.Must("rm", "-v", id, "order1", "order2")
		},
		"--volumes-from takes all mounts to the same places, read-only when it says so, and no words of propagation or copying": func(k known) {
			dir := k.TempDir()
			k.c.Must("run", "--name", "donor", "-v", "/anon", "-v", "donated:/named", "-v", dir+":/bound:rprivate", "--mount", "type=image,src=data,dst=/image", busybox, "touch", "/anon/a", "/named/n", "/bound/b")
			k.says("/anon/a\n/bound/b\n/image/second\n/named/n", "--volumes-from", "donor", busybox, "ls", "/anon/a", "/bound/b", "/image/second", "/named/n")
			k.says("no", "--volumes-from", "donor:ro", busybox, "sh", "-c", "touch /anon/x /named/x /bound/x 2>/dev/null && echo yes || echo no")
			for _, word := range []string{"rshared", "nocopy", "ro,rw"} {
				k.tells(125, "invalid mode: "+word, "run", "--rm", "--volumes-from", "donor:"+word, busybox)
			}
			k.c.Must("rm", "-v", "donor")
		},
		"a bind is rprivate by itself, shared and slave need a fitting mount, and one around the daemon's root is rslave": func(k known) {
			id := k.c.Must("create", "-v", "/etc:/a", "-v", d.DataRoot()+":/b", "-v", "/:/c:ro", busybox, "test", "-e", "/c/etc", "-a", "-e", "/b/volumes")
			for at, want := range map[string]string{"/a": "rprivate", "/b": "rslave", "/c": "rslave"} {
				k.is(id, fmt.Sprintf(`{{range .Mounts}}{{if eq .Destination %q}}{{.Propagation}}{{end}}{{end}}`, at), want)
			}
			k.c.Must("start", "-a", id)
			k.c.Must("rm", id)
			k.tells(125, "must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root", "run", "--rm", "-v", d.DataRoot()+":/b:private", busybox)
			private := k.TempDir()
			must(k.T, unix.Mount(private, private, "", unix.MS_BIND, ""))
			defer func() { _ = unix.Unmount(private, unix.MNT_DETACH) }()
			must(k.T, unix.Mount("", private, "", unix.MS_PRIVATE, ""))
			k.tells(125, fmt.Sprintf("path %[1]s is mounted on %[1]s but it is not a shared mount", private), "run", "--rm", "-v", private+":/b:rshared", busybox)
			k.tells(125, fmt.Sprintf("path %[1]s is mounted on %[1]s but it is not a shared or slave mount", private), "run", "--rm", "-v", private+":/b:slave", busybox)
		},
		"a read-only bind is so with what is mounted below, by an older API or bind-recursive=writable by itself": func(k known) {
			dir := tree(k.T)
			const try = "touch /b/x 2>/dev/null && echo top; touch /b/below/x 2>/dev/null && echo below; true"
			k.says("", "-v", dir+":/b:ro", busybox, "sh", "-c", try)
			k.says("below", "--mount", "type=bind,src="+dir+",dst=/b,ro,bind-recursive=writable", busybox, "sh", "-c", try)
			k.says("", "--mount", "type=bind,src="+dir+",dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate", busybox, "sh", "-c", try)
			old := k
			old.c = k.c.Env("DOCKER_API_VERSION=1.43")
			old.says("below", "-v", dir+":/b:ro", busybox, "sh", "-c", try)
		},
		"the target / is refused, and a source of a tmpfs, and an unknown type": func(k known) {
			k.tells(125, "invalid specification: destination can't be '/'", "run", "--rm", "-v", "/tmp:/", busybox)
			k.tells(125, "invalid specification: destination can't be '/'", "run", "--rm", "--mount", "type=image,src=data,dst=/x/..", busybox)
			k.tells(125, `invalid mount config for type "tmpfs": field Source must not be specified`, "run", "--rm", "--mount", "type=tmpfs,src=/tmp,dst=/b", busybox)
			k.tells(125, `invalid mount config for type "odd": mount type unknown`, "run", "--rm", "--mount", "type=odd,src=/tmp,dst=/b", busybox)
		},
		"a volume that is there is made again, one in use is not removed, and one that is missing is by force": func(k known) {
			k.c.Must("volume", "create", "--label", "a=b", "again")
			k.c.Prints("again", "volume", "create", "again")
			k.c.Prints("b", "volume", "inspect", "-f", `{{index .Labels "a"}}`, "again")
			id := k.c.Must("create", "-v", "again:/v", busybox)
			k.tells(1, "volume is in use - ["+id+"]", "volume", "rm", "again")
			k.c.Must("rm", id)
			k.c.Must("volume", "rm", "again")
			if s := k.status("DELETE", "/volumes/again?force=1"); s != http.StatusNoContent {
				k.Errorf("by force: %d", s)
			}
			if s := k.status("DELETE", "/volumes/again"); s != http.StatusNotFound {
				k.Errorf("without: %d", s)
			}
		},
		"a mount of an image is read-only, and its part stays inside": func(k known) {
			k.says("part", "--mount", "type=image,src=data,dst=/i,image-subpath=a/b", busybox, "sh", "-c", "touch /i/x 2>/dev/null; cat /i/file")
			k.tells(125, "subpath must be a relative path within the volume", "run", "--rm", "--mount", "type=image,src=data,dst=/i,image-subpath=../etc", busybox)
			k.says("", "--mount", "type=image,src=data,dst=/i,image-subpath=up", busybox, "sh", "-c", "cat /i/hostname 2>/dev/null; true")
			old := k
			old.c = k.c.Env("DOCKER_API_VERSION=1.47")
			old.tells(125, "needs API v1.48", "run", "--rm", "--mount", "type=image,src=data,dst=/i", busybox)
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.EachClient(t, d, func(t *testing.T, c harness.Client) { try(known{t, c, d, busybox}) })
		})
	}
}

// TestWhatIsUnusedIsPrunedAndListed is about the volumes of a daemon that nobody else uses.
func TestWhatIsUnusedIsPrunedAndListed(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(k known){
		"a prune takes anonymous volumes, with -a named ones, and never those that a container has, be it stopped": func(k known) {
			k.c.Must("volume", "create", "named")
			k.c.Must("volume", "create", "used")
			k.c.Must("volume", "create")
			id := k.c.Must("create", "-v", "used:/u", "-v", "/anonymous", k.busybox)
			k.c.Must("volume", "prune", "-f")
			if got := len(strings.Fields(k.c.Must("volume", "ls", "-q"))); got != 3 {
				k.Errorf("%d are left", got)
			}
			k.c.Must("volume", "prune", "-f", "-a")
			if got := len(strings.Fields(k.c.Must("volume", "ls", "-q"))); got != 2 {
				k.Errorf("%d are left after -a", got)
			}
			k.c.Must("rm", "-v", id)
			k.c.Must("volume", "rm", "used")
		},
		"dangling volumes are those that no container has": func(k known) {
			k.c.Must("volume", "create", "free")
			id := k.c.Must("create", "-v", "taken:/u", k.busybox)
			k.c.Prints("free", "volume", "ls", "-q", "-f", "dangling=true")
			k.c.Prints("taken", "volume", "ls", "-q", "-f", "dangling=false")
			k.c.Must("rm", id)
			k.c.Must("volume", "rm", "free", "taken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t)
			busybox := d.Busybox()
			harness.EachClient(t, d, func(t *testing.T, c harness.Client) { try(known{t, c, d, busybox}) })
		})
	}
}
