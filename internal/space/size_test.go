//go:build linux

package space

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestASizeCountsFilesOnceAndOnlyWhatIsStoredOfThem(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := int64(0)
	for i := range 300 { // more than one worker has
		sub := filepath.Join(dir, fmt.Sprintf("d%d/e/f", i%40))
		must(os.MkdirAll(sub, 0o755))
		must(os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), make([]byte, i), 0o600))
		want += int64(i)
	}
	must(os.Link(dir+"/d1/e/f/1", dir+"/d2/e/again"))
	must(os.Symlink("12345", dir+"/link"))
	must(unix.Mkfifo(dir+"/fifo", 0o600))
	want += 5
	must(os.WriteFile(dir+"/sparse", []byte("x"), 0o600))
	must(os.Truncate(dir+"/sparse", 1<<40))
	var st unix.Stat_t
	must(unix.Stat(dir+"/sparse", &st))
	want += st.Blocks * 512
	at, deep := unix.AT_FDCWD, dir
	for range 3 * deepest { // further down than a path is long
		fd, err := unix.Open(deep, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(err)
		if at >= 0 {
			unix.Close(at)
		}
		at = fd
		name := "a-directory-with-a-name-of-some-length"
		must(unix.Mkdirat(at, name, 0o755))
		deep = fmt.Sprintf("/proc/self/fd/%d/%s", at, name)
	}
	must(os.WriteFile(deep+"/bottom", make([]byte, 77), 0o600))
	unix.Close(at)
	want += 77
	for range 3 {
		if got, err := Size(context.Background(), dir); got != want || err != nil {
			t.Errorf("%d, not %d: %v", got, want, err)
		}
	}
	if got, err := Size(context.Background(), dir+"/none"); got != 0 || err != nil {
		t.Errorf("what is gone: %d, %v", got, err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Size(gone, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("for somebody who has gone: %v", err)
	}
}

func TestASizeIsFoundWhileFilesComeAndGoAndLinksLeadNowhere(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(outside+"/large", make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 2 {
		busy.Go(func() {
			name := filepath.Join(dir, fmt.Sprint("name", i))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				os.RemoveAll(name)
				if n%2 == 0 {
					os.MkdirAll(name+"/below", 0o755)
				} else {
					os.Symlink(outside, name)
				}
			}
		})
	}
	for range 300 {
		if got, err := Size(context.Background(), dir); got > 1<<10 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
	}
	close(stop)
	busy.Wait()
}
