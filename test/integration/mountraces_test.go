//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// rounds is how often a race is tried; BERTH_RACE_ROUNDS makes it a campaign.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("BERTH_RACE_ROUNDS"))
	if err != nil {
		return 60 // some 240 starts with the tests below
	}
	return n
}

// swapper exchanges two names for as long as a test runs, as a container that has them in a volume can.
func swapper(t *testing.T, a, b string) *atomic.Int64 {
	t.Helper()
	swaps, stop := &atomic.Int64{}, make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				t.Errorf("swap: %v", err)
				return
			}
			swaps.Add(1)
			time.Sleep(50 * time.Microsecond) // the machine has other tests to run
		}
	})
	t.Cleanup(func() { close(stop); done.Wait() })
	return swaps
}

// TestNoLinkThatIsSwappedInWhileAPartIsMountedLeadsOutOfTheVolume races the starts with links in the place of the part, of
// what it is in, and of what leads over magic links, and cp with them, too.
func TestNoLinkThatIsSwappedInWhileAPartIsMountedLeadsOutOfTheVolume(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"cold": {"--warm-sandboxes", "0"}, "warm": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			d.Busybox()
			secret := t.TempDir()
			must(t, os.MkdirAll(secret+"/part", 0o755))
			must(t, os.WriteFile(secret+"/part/file", []byte("the host's"), 0o644))
			c := d.Client(t, "berth")
			c.Must("volume", "create", "raced")
			volume := filepath.Join(d.DataRoot(), "volumes/raced/_data")
			var swaps []*atomic.Int64
			for i, link := range []string{secret, strings.Repeat("../", 20) + secret[1:], "/proc/self/root" + secret} {
				dir := fmt.Sprintf("%s/d%d", volume, i)
				must(t, os.MkdirAll(dir+"/part", 0o755))
				must(t, os.WriteFile(dir+"/part/file", []byte("the volume's"), 0o644))
				must(t, os.Symlink(link, dir+".link"))
				swaps = append(swaps, swapper(t, dir, dir+".link"))
			}
			mounted := 0
			for i := range rounds(t) {
				body := host(`"NetworkMode":"none","Mounts":[{"Type":"volume","Source":"raced","Target":"/b","VolumeOptions":{"Subpath":"d%d/part"}}]`, i%3)
				id := create(t, d, body, "cat /b/file")
				if i%4 == 0 {
					copied := filepath.Join(t.TempDir(), "copied")
					if c.Run("cp", id+":/b/file", copied).Code == 0 && readHost(t, copied) != "the volume's" {
						t.Fatalf("round %d: cp has copied %q", i, readHost(t, copied))
					}
				}
				if status, answer := post(t, d, "/containers/"+id+"/start", nil); status == 204 {
					if got := output(t, d, id); got != "the volume's" {
						t.Fatalf("round %d: the container sees %q", i, got)
					}
					mounted++
				} else if !bytes.Contains(answer, []byte("cannot access path")) {
					t.Errorf("round %d: %s", i, answer)
				}
				removed(t, d, id)
			}
			for i, n := range swaps {
				if n.Load() < 100 {
					t.Errorf("the names of %d were swapped %d times only", i, n.Load())
				}
			}
			if mounted == 0 {
				t.Error("no container was started")
			}
		})
	}
}

// TestNoLinkThatIsSwappedInWhileAMountIsPutIntoAVolumeLeadsOutOfTheContainer races the starts with links in the place of
// another mount's target, which lies in a volume that somebody else writes to: the place is found, and made, in the container.
func TestNoLinkThatIsSwappedInWhileAMountIsPutIntoAVolumeLeadsOutOfTheContainer(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"cold": {"--warm-sandboxes", "0"}, "warm": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := harness.Start(t, harness.WithArgs(args...))
			d.Busybox()
			outside, source := t.TempDir(), t.TempDir()
			must(t, os.WriteFile(source+"/mine", nil, 0o644))
			c := d.Client(t, "berth")
			c.Must("volume", "create", "raced")
			volume := filepath.Join(d.DataRoot(), "volumes/raced/_data")
			must(t, os.Mkdir(volume+"/dir", 0o755))
			must(t, os.Symlink(outside, volume+"/dir.link"))
			swaps := swapper(t, volume+"/dir", volume+"/dir.link")
			started := 0
			for i := range rounds(t) {
				id := create(t, d, host(`"NetworkMode":"none","Binds":["raced:/v","%s:/v/dir/place%d/deep"]`, source, i), "find / -xdev -name mine; grep -c deep /proc/self/mountinfo")
				if status, answer := post(t, d, "/containers/"+id+"/start", nil); status == 204 {
					if got := output(t, d, id); !strings.HasSuffix(got, "1") {
						t.Fatalf("round %d: %q", i, got)
					}
					started++
				} else if !bytes.Contains(answer, []byte("v/dir")) {
					t.Errorf("round %d: %s", i, answer)
				}
				removed(t, d, id)
			}
			if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
				t.Errorf("places were made on the host: %v, %v", left, err)
			}
			if strings.Contains(readHost(t, "/proc/self/mountinfo"), outside) {
				t.Error("something is mounted on the host")
			}
			if started == 0 || swaps.Load() < 100 {
				t.Errorf("%d containers were started, and the names swapped %d times", started, swaps.Load())
			}
		})
	}
}

// TestTargetsStayInTheContainerWhateverItsImageHasThere mounts on what an image puts in the way.
func TestTargetsStayInTheContainerWhateverItsImageHasThere(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	c := d.Client(t, "berth")
	outside, source := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(source+"/mine", []byte("mine\n"), 0o644))
	must(t, os.MkdirAll(source+"/below/deeper", 0o755))
	id := c.Must("create", "busybox", "sh", "-c", fmt.Sprintf("ln -s %s /abs; ln -s ../../../../../..%s /rel; ln -s /proc/self/root /magic; ln -s /proc/1/fd /fds; ln -s loop /loop; ln -s /not/there/yet /dangling; mkdir -p %s; ln -s dir /todir; mkdir /dir; echo f >/plain", outside, outside, outside))
	c.Must("start", "-a", id)
	c.Must("commit", id, "traps")
	c.Must("rm", id)
	bind := func(target string) string { return source + ":" + target }
	run := func(args ...string) harness.Result { return c.Run(append([]string{"run", "--rm"}, args...)...) }
	for target, where := range map[string]string{
		"/abs": outside, "/abs/new": outside + "/new", "/rel": outside, "/rel/new/er": outside + "/new/er", "/dangling": "/not/there/yet", "/dangling/x": "/not/there/yet/x", "/todir": "/dir", "/todir/../dir/x": "/dir/x", "/a/b/c/d": "/a/b/c/d",
	} {
		if got := run("-v", bind(target), "traps", "sh", "-c", "cut -d' ' -f5 /proc/self/mountinfo | grep -x "+where+" && cat "+where+"/mine"); got.Stdout != where+"\nmine\n" {
			t.Errorf("%s: %+v", target, got)
		}
	}
	for target, says := range map[string]string{
		"/loop": "too many levels of symbolic links", "/loop/x": "too many levels of symbolic links", "/plain": "not a directory", "/plain/x": "not a directory",
		"/proc": "cannot be mounted because it is not of type proc", "/proc/1/root": "cannot be mounted because it is inside /proc", "/proc/self/fd/1": "cannot be mounted because it is inside /proc", "/x/../proc/sys": "cannot be mounted because it is inside /proc",
	} {
		if got := run("-v", bind(target), "traps", "true"); got.Code == 0 || !strings.Contains(got.Stderr, says) {
			t.Errorf("%s: %+v, want %q", target, got, says)
		}
	}
	for _, target := range []string{"/magic/tmp/x", "/fds/3/x", "/magic"} { // in the container, or refused; nowhere else
		if got := run("-v", bind(target), "traps", "sh", "-c", "find / -xdev -name mine 2>/dev/null; true"); got.Code != 0 && !strings.Contains(got.Stderr, "symbolic links") && !strings.Contains(got.Stderr, "inside /proc") && !strings.Contains(got.Stderr, "not of type proc") {
			t.Errorf("%s: %+v", target, got)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("places were made on the host: %v, %v", left, err)
	}
	// Shallow ones come first, whatever the order of the words, also below one another.
	c.Prints("mine\nmine\ntmpfs", "run", "--rm", "--read-only", "-v", source+":/m/below/deeper", "-v", source+":/m", "--mount", "type=tmpfs,dst=/m/below/deeper/below", "traps", "sh", "-c",
		"cat /m/mine /m/below/deeper/mine; stat -f -c %T /m/below/deeper/below")
	c.Prints("mine", "run", "--rm", "-v", source+"/mine:/dev/mine", "-v", source+"/mine:/dev/null", "-v", source+":/sys/fs/cgroup", "traps", "sh", "-c", "cat /dev/mine && cmp /dev/null /dev/mine && test -e /sys/fs/cgroup/mine")
	c.Prints("mine", "run", "--rm", "-v", source+":/dev", "-v", source+":/sys", "traps", "sh", "-c", "cat /dev/mine && cmp /sys/mine /dev/mine")
}
