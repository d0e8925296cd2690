//go:build linux

package breakout

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
	"berth/test/harness"
)

const (
	leaked      = "leaked" // a descriptor that a careless runtime leaves open
	leakedAbove = 200      // its number is well away from others
	decoyMarker = "of-the-host"
)

// decoyDir is a directory of the host's that holds a file named decoyMarker.
func (s *stage) decoyDir() string {
	s.t.Helper()
	dir := s.t.TempDir()
	s.must(os.WriteFile(filepath.Join(dir, decoyMarker), nil, 0o644))
	return dir
}

// leak has a descriptor of a directory of the host's travel with the program,
// and returns its number.
func (s *stage) leak() string {
	s.t.Helper()
	dir, err := os.Open(s.decoyDir())
	s.must(err)
	defer dir.Close()
	fd, err := unix.FcntlInt(dir.Fd(), unix.F_DUPFD_CLOEXEC, leakedAbove)
	s.must(err)
	s.give(leaked, os.NewFile(uintptr(fd), leaked))
	return strconv.Itoa(fd)
}

func fdNamed(t *testing.T, p *program.Program, name string) program.Arg {
	t.Helper()
	for i, n := range p.Fds {
		if n == name {
			return program.Fd(i)
		}
	}
	t.Fatalf("no descriptor %s travels with the program", name)
	return program.Arg{}
}

// descriptorAttacks are by what a runtime has open, and by where it resolves
// paths.
func descriptorAttacks() []attack {
	return []attack{
		{
			name:  "a working directory cannot lead out by way of a descriptor (CVE-2024-21626)",
			does:  []string{"look-up-from-cwd", decoyMarker},
			flags: []string{"-w", "/proc/self/fd/7"},
			set:   func(s *stage) { s.spec.Process.Cwd = "/proc/self/fd/" + s.leak() },
			out: func(s *stage, p *program.Program) {
				relax(s.t, p, "find the working directory", "change to the working directory")
			},
		},
		{
			name: "no descriptor of the runtime's is left to a container (CVE-2024-21626)",
			does: []string{"use-descriptors", decoyMarker},
			set:  func(s *stage) { s.leak() },
			out: func(s *stage, p *program.Program) {
				disarm(s.t, p, "close the rest on execve")
				insert(s.t, p, "execute the program", call("forget to close a descriptor", unix.SYS_FCNTL,
					fdNamed(s.t, p, leaked), program.Imm(unix.F_SETFD), program.Imm(0)))
			},
		},
		{
			name: "a bind mount stays in the container when its place becomes a link (CVE-2021-30465)",
			does: []string{"misses", "/vol/place/" + decoyMarker},
			set:  mountOnLink,
			out:  mountByPath,

			engine: raceInVolume,
		},
	}
}

// mountOnLink has the container mount something in a volume in which the
// attacker has replaced the place by a link to a directory of the host's.
func mountOnLink(s *stage) {
	volume, target := s.t.TempDir(), s.t.TempDir()
	s.must(os.Symlink(target, filepath.Join(volume, "place")))
	for dest, source := range map[string]string{"/vol": volume, "/vol/place": s.decoyDir()} {
		s.spec.Mounts = append(s.spec.Mounts, specs.Mount{Destination: dest, Source: source, Type: "bind", Options: []string{"rbind"}})
	}
	m := s.spec.Mounts
	if last := len(m) - 1; m[last].Destination == "/vol" {
		m[last], m[last-1] = m[last-1], m[last]
	}
}

// raceInVolume lets one container exchange a directory in a volume and a link
// to the host's root all the time, while others mount something there.
func raceInVolume(t *testing.T, d *harness.Daemon) {
	image, c := importAttacker(t, d), d.Client(t, "berth")
	volume, mounted := t.TempDir(), t.TempDir()
	err := errors.Join(os.Mkdir(filepath.Join(volume, "place"), 0o755), os.Symlink("/", filepath.Join(volume, "link")),
		os.WriteFile(filepath.Join(mounted, decoyMarker), nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	c.Must("run", "-d", "--name", "racer", "-v", volume+":/vol", image, "/attacker", "swap", "/vol/place", "/vol/link")
	defer c.Must("rm", "-f", "racer")
	started := 0
	for range 12 {
		r := c.Run("run", "--rm", "-v", volume+":/vol", "-v", mounted+":/vol/place/sub", image, "/attacker", "find", mounted)
		switch said := verdict(r.Stdout); {
		case strings.HasPrefix(said, "refused: it is in the container"):
			started++
		case r.Code == 0:
			t.Errorf("%s%s", r.Stdout, r.Stderr)
		}
	}
	t.Logf("%d of 12 containers started, with the mount inside", started)
	if left, err := filepath.Glob("/sub/" + decoyMarker); err != nil || len(left) > 0 {
		t.Errorf("the mount is on the host: %v %v", left, err)
	}
}

// mountByPath mounts as runtimes did that had the hole: by path, with the
// host's tree still there. The last step fails unless the host's directory was
// mounted on.
func mountByPath(s *stage, p *program.Program) {
	m := s.spec.Mounts[len(s.spec.Mounts)-2:]
	tree := func(source string) program.Arg { return program.Res(find(s.t, p, "take "+source)[0]) }
	move := func(source, to string) program.Step {
		return call("mount "+source+" by path", unix.SYS_MOVE_MOUNT, tree(source), program.Str(""), program.Imm(cwd),
			program.Str(s.in.Staging+to), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS))
	}
	disarm(s.t, p, "find /vol", "mount "+m[0].Source+" on /vol", "mount "+m[1].Source+" on /vol/place")
	target, err := os.Readlink(filepath.Join(m[0].Source, "place"))
	s.must(err)
	insert(s.t, p, "go to the root", move(m[0].Source, "/vol"), move(m[1].Source, "/vol/place"),
		call("look for the mount on the host", unix.SYS_OPENAT, program.Imm(cwd), program.Str(filepath.Join(target, decoyMarker)), program.Imm(unix.O_PATH|unix.O_CLOEXEC)))
}

// onThread runs f on a thread that ends with it. It is never the first one,
// which cannot end.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onThread(f) // keeps the first thread until another has been taken
			runtime.UnlockOSThread()
		} else {
			f()
		}
		close(done)
	}()
	<-done
}
