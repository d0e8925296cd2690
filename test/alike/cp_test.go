//go:build linux

package alike

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"berth/test/harness"
)

// files lists a directory: kinds, modes, targets and contents.
func files(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %s", info.Mode(), strings.TrimPrefix(at, dir))
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(at)
			line += " -> " + to
		case info.Mode().IsRegular():
			b, _ := os.ReadFile(at)
			line += fmt.Sprintf(" %d %q", info.ModTime().Unix(), b)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// place makes the files that the copies on this machine start from.
func place(t *testing.T, dir string) {
	t.Helper()
	script := `set -e; cd ` + dir + `; mkdir -p d/sub dst; printf file >f; printf inner >d/a; printf deep >d/sub/b; chmod 700 d/sub; chmod 4751 f
		ln -s f l; ln -s d ld; ln -s /etc abs; ln -s nowhere broken; printf old >old; ln -s old tofile; ln -s dst todst; mkfifo pipe; ln d/a d/twin
		touch -d @1000000000 d/a f old d/sub/b; chown 5:6 d/sub/b`
	if r := harness.Shell(t, script); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestCopiesOutAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		script := `mkdir -p /w/d/sub; cd /w; printf file >f; printf inner >d/a; printf deep >d/sub/b; chmod 4751 f; ln -s f l; ln -s d ld; ln -s /etc/passwd abs;
			ln -s nowhere broken; ln -s ../../../up d/up; ln d/a d/twin; touch -d @1000000000 d/a f; chown 5:6 d/sub/b; chmod 700 d/sub`
		p.docker.Must("run", "--name", "from", p.busybox, "sh", "-c", script)
		for _, line := range []string{
			"cp from:/w/f DIR/new", "cp from:/w/f DIR", "cp from:/w/f DIR/", "cp from:/w/f DIR/old", "cp from:/w/f DIR/new/", "cp from:/w/f DIR/none/new", "cp from:w/f DIR",
			"cp from:/w/f DIR/tofile", "cp from:/w/f DIR/todst", "cp from:/w/f DIR/broken", "cp from:/w/f DIR/dst/.", "cp from:/w/f/ DIR", "cp -a from:/w/f DIR",
			"cp from:/w/d/sub DIR/new", "cp from:/w/d/sub DIR/new/", "cp from:/w/d/sub DIR/dst", "cp from:/w/d/sub/ DIR/dst", "cp from:/w/d/sub/. DIR/dst", "cp from:/w/d/sub/. DIR/new",
			"cp from:/w/d/sub DIR/old", "cp from:/w/d/sub DIR/f", "cp from:/w/d DIR/dst", "cp from:/w/d/. DIR/dst", "cp -L from:/w/ld/sub DIR", "cp from:/etc DIR", "cp from:/etc/. DIR/dst",
			"cp from:/w/l DIR", "cp from:/w/l DIR/new", "cp -L from:/w/l DIR", "cp -L from:/w/l DIR/new", "cp from:/w/ld DIR", "cp -L from:/w/abs DIR", "cp -L from:/w/abs DIR/new",
			"cp from:/w/ld/sub DIR", "cp -L from:/w/broken DIR", "cp from:/w/broken DIR", "cp from:/none DIR", "cp nope:/x DIR", "cp from: DIR", "cp from:/w/d DIR/d",
			"cp from:/w/f DIR/pipe", "cp from:/w/f /dev/null", "cp from:/w/f from:/x", "cp DIR/f DIR/g", "cp from:/w/f", "cp from:/w/d/sub DIR/d/sub", "cp -q=false from:/w/f DIR/new",
			"cp -q=false from:/w/d/sub DIR/dst", "cp from:/w/f ./relative", "container cp from:/w/f DIR/new",
		} {
			var seen [2]string
			for i, c := range []harness.Client{p.docker, p.berth} {
				dir := filepath.Join(p.dir, fmt.Sprint(i))
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				place(p.t, dir)
				r := plain(c.At(dir).Run(strings.Fields(strings.ReplaceAll(line, "DIR", dir))...))
				seen[i] = strings.ReplaceAll(fmt.Sprintf("%+v\n%s", r, files(p.t, dir)), dir, "DIR")
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			if seen[0] != seen[1] {
				p.t.Errorf("%s\n%s", line, lineDiff(seen[1], seen[0]))
			}
		}
		a, b := p.docker.Must("cp", "from:/w/d/sub", "-"), p.berth.Must("cp", "from:/w/d/sub", "-")
		if a != b || a == "" {
			p.t.Errorf("as streams there are %d and %d bytes", len(a), len(b))
		}
	})
}

func TestCopiesInAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		dir := filepath.Join(p.dir, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		place(p.t, dir)
		setup := "mkdir -p /w/dst /w/d; cd /w; printf old >old; ln -s old tofile; ln -s dst todst; ln -s /w/dst absdst; ln -s nowhere broken"
		list := "cd /w; find . -exec ls -ld {} \\; | sed 's/  */ /g' | cut -d' ' -f1,3-5,9- | sort; find . -type f -exec cat {} \\;"
		p.docker.Must("run", "-d", "--name", "to", p.busybox, "sh", "-c", setup+"; exec sleep 1000")
		for _, line := range []string{
			"cp DIR/f to:/w/new", "cp DIR/f to:/w", "cp DIR/f to:/w/", "cp DIR/f to:/w/new/", "cp DIR/f to:/w/old", "cp DIR/f to:/none/new", "cp DIR/f to:w/rel", "cp DIR/f to:/w/tofile",
			"cp DIR/f to:/w/todst", "cp DIR/f to:/w/absdst", "cp DIR/f to:/w/broken", "cp DIR/f/ to:/w", "cp -a DIR/f to:/w", "cp DIR/none to:/w", "cp DIR/f nope:/w", "cp DIR/f to:/dev/null",
			"cp DIR/d to:/w/new", "cp DIR/d to:/w/new/", "cp DIR/d to:/w/dst", "cp DIR/d/ to:/w/dst", "cp DIR/d/. to:/w/dst", "cp DIR/d/. to:/w/new", "cp DIR/d to:/w/old", "cp DIR/d to:/w",
			"cp -a DIR/d to:/w/dst", "cp DIR/l to:/w/new", "cp -L DIR/l to:/w/new", "cp -L DIR/l to:/w", "cp DIR/ld to:/w/dst", "cp DIR/ld/ to:/w/dst", "cp -L DIR/ld to:/w/dst", "cp DIR/ld/. to:/w/dst",
			"cp DIR/abs to:/w", "cp DIR/broken to:/w", "cp -L DIR/broken to:/w", "cp DIR/pipe to:/w", "cp DIR/f to:/w/d", "cp f to:/w/fromhere", "cp . to:/w/new", "cp -q=false DIR/d to:/w/dst", "cp -q=false DIR/f to:/w/new",
			"cp DIR/d to:/etc/passwd", "cp - to:/w/new", "cp DIR/f to:",
		} {
			var seen [2]string
			for i, c := range []harness.Client{p.docker, p.berth} {
				p.docker.Must("exec", "to", "sh", "-c", "rm -rf /w; "+setup)
				r := plain(c.At(dir).Run(strings.Fields(strings.ReplaceAll(line, "DIR", dir))...))
				seen[i] = fmt.Sprintf("%+v\n%s", r, p.docker.Must("exec", "to", "sh", "-c", list))
			}
			if seen[0] != seen[1] {
				p.t.Errorf("%s\n%s", line, lineDiff(seen[1], seen[0]))
			}
		}
		archive := harness.Tar(p.t, harness.File{Name: "x/"}, harness.File{Name: "x/y", Body: []byte("streamed")})
		for _, to := range []string{"to:/w", "to:/w/dst", "to:/w/old", "to:/none", "nope:/"} {
			a, b := p.docker.In(bytes.NewReader(archive)).Run("cp", "-", to), p.berth.In(bytes.NewReader(archive)).Run("cp", "-", to)
			if plain(a) != plain(b) {
				p.t.Errorf("cp - %s\n%s", to, differ(plain(b), plain(a)))
			}
		}
	})
}
