//go:build linux

package integration

import (
	"os"
	"strings"
	"testing"

	"berth/test/harness"
)

// word is one use of an option of --mount or of -v: what a container that has it prints, or what is said against it.
type word struct {
	args   string // of a run; SHARED is a directory whose mount is shared, PLAIN another
	prints string
	says   string
}

// lookAt prints of /b how it is mounted, what is in it, and whether it can be written to.
const lookAt = `grep " /b " /proc/self/mountinfo | cut -d" " -f6,9 | cut -d" " -f1 | cut -d, -f1; ls /b | grep -v below | head -1; touch /b/try 2>/dev/null && echo writable && rm /b/try; true`

// mountWords are the options of --mount by the surface's key and value.
func mountWords() map[string]word {
	bind, ro := "--mount type=bind,src=PLAIN,dst=/b", "--mount type=bind,src=SHARED,dst=/b,ro"
	writable, readOnly := "rw\nfile\nwritable", "ro\nfile"
	return map[string]word{
		"type bind": {args: bind, prints: writable}, "type volume": {args: "--mount type=volume,dst=/b", prints: "rw\nwritable"}, "type tmpfs": {args: "--mount type=tmpfs,dst=/b", prints: "rw\nwritable"},
		"type image": {args: "--mount type=image,src=data,dst=/b", prints: "ro\na"}, "type npipe": {args: "--mount type=npipe,src=/a,dst=/b", says: "mount type unknown"}, "type cluster": {args: "--mount type=cluster,src=a,dst=/b", says: "needs a swarm"},
		"source|src path or name": {args: "--mount type=bind,source=PLAIN,dst=/b", prints: writable}, "target|dst|destination path": {args: "--mount type=bind,src=PLAIN,destination=/b", prints: writable},
		"readonly|ro bool":   {args: bind + ",readonly=true", prints: readOnly},
		"consistency cached": {args: bind + ",consistency=cached", prints: writable}, "consistency delegated": {args: bind + ",consistency=delegated", prints: writable},
		"consistency consistent": {args: bind + ",consistency=consistent", prints: writable}, "consistency default": {args: bind + ",consistency=default", prints: writable},
		"bind-propagation private": {args: bind + ",bind-propagation=private", prints: writable}, "bind-propagation rprivate": {args: bind + ",bind-propagation=rprivate", prints: writable},
		"bind-propagation shared": {args: "--mount type=bind,src=SHARED,dst=/b,bind-propagation=shared", prints: writable}, "bind-propagation rshared": {args: "--mount type=bind,src=SHARED,dst=/b,bind-propagation=rshared", prints: writable},
		"bind-propagation slave": {args: "--mount type=bind,src=SHARED,dst=/b,bind-propagation=slave", prints: writable}, "bind-propagation rslave": {args: "--mount type=bind,src=SHARED,dst=/b,bind-propagation=rslave", prints: writable},
		"bind-nonrecursive ":     {args: bind + ",bind-nonrecursive", says: "bind-nonrecursive is deprecated, use bind-recursive=disabled instead"},
		"bind-recursive enabled": {args: bind + ",bind-recursive=enabled", prints: writable}, "bind-recursive disabled": {args: bind + ",bind-recursive=disabled", prints: writable},
		"bind-recursive writable": {args: ro + ",bind-recursive=writable", prints: readOnly}, "bind-recursive readonly": {args: ro + ",bind-recursive=readonly,bind-propagation=rprivate", prints: readOnly},
		"bind-create-src bool": {args: "--mount type=bind,src=PLAIN/made,dst=/b,bind-create-src", prints: "rw\nwritable"},
		"volume-subpath path":  {args: "--mount type=volume,src=parts,dst=/b,volume-subpath=part", prints: "rw\nfile\nwritable"}, "volume-nocopy bool": {args: "--mount type=volume,dst=/b,volume-nocopy", prints: "rw\nwritable"},
		"volume-label k=v": {args: "--mount type=volume,dst=/b,volume-label=a=b", prints: "rw\nwritable"}, "volume-driver name": {args: "--mount type=volume,dst=/b,volume-driver=local", prints: "rw\nwritable"},
		"volume-opt k=v":     {args: "--mount type=volume,dst=/b,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=64k", prints: "rw\nwritable"},
		"image-subpath path": {args: "--mount type=image,src=data,dst=/b,image-subpath=a/b", prints: "ro\nfile"},
		"tmpfs-size bytes":   {args: "--mount type=tmpfs,dst=/b,tmpfs-size=64k", prints: "rw\nwritable"}, "tmpfs-mode octal": {args: "--mount type=tmpfs,dst=/b,tmpfs-mode=0700", prints: "rw\nwritable"},
	}
}

// bindWords are the modes of -v by the surface's word.
func bindWords() map[string]word {
	writable := "rw\nfile\nwritable"
	out := map[string]word{
		"ro": {prints: "ro\nfile"}, "nocopy": {args: "-v fresh:/b:nocopy", prints: "rw\nwritable"}, "copy": {args: "-v fresh:/b:copy", says: "invalid mode: copy"}, // on Linux Docker knows only the other
		"[r]shared": {args: "-v SHARED:/b:rshared", prints: writable}, "[r]slave": {args: "-v SHARED:/b:rslave", prints: writable}, "[r]private": {args: "-v PLAIN:/b:private", prints: writable},
	}
	for _, w := range []string{"rw", "z", "Z", "cached", "delegated", "consistent"} {
		out[w] = word{prints: writable}
	}
	return out
}

// TestEveryWordOfAMountIsTriedOrRefused goes through the project's table of what Docker's flags take, where it lies beside,
// and through all words that this test knows, with both clients.
func TestEveryWordOfAMountIsTriedOrRefused(t *testing.T) {
	t.Parallel()
	mounts, binds := mountWords(), bindWords()
	if text, err := os.ReadFile("../../../shared/surface/cli_suboptions.tsv"); err == nil {
		inTable(t, string(text), mounts, binds)
	}
	d := harness.Start(t)
	d.Busybox()
	twoLayers(t, d, "data")
	plain, shared := t.TempDir(), tree(t)
	for _, dir := range []string{plain, shared} {
		must(t, os.WriteFile(dir+"/file", nil, 0o644))
		must(t, os.RemoveAll(dir+"/later"))
	}
	d.Client(t, "berth").Must("run", "--rm", "-v", "parts:/v", "busybox", "sh", "-c", "mkdir /v/part && touch /v/part/file")
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		try := func(name string, w word) {
			args := append(strings.Fields(strings.NewReplacer("PLAIN", plain, "SHARED", shared).Replace("run --rm --network none "+w.args)), "busybox", "sh", "-c", lookAt)
			got := c.Run(args...)
			out := strings.TrimSpace(got.Stdout)
			switch {
			case w.says != "" && got.Code != 0 && strings.Contains(got.Stderr, w.says):
			case w.says == "" && got.Code == 0 && out == w.prints:
			case c.Name == "docker" && (strings.Contains(got.Stderr, "unexpected key") || name == "bind-create-src bool"): // a word of a newer client
			case c.Name == "docker" && name == "bind-nonrecursive " && got.Code == 0:
			default:
				t.Errorf("%s: %+v, want %q%q", name, got, w.prints, w.says)
			}
			must(t, os.RemoveAll(plain+"/made"))
		}
		for name, w := range mounts {
			try(name, w)
		}
		for name, w := range binds {
			if w.args == "" {
				w.args = "-v PLAIN:/b:" + name
			}
			try(name, w)
		}
	})
}

// inTable wants every row of the table to be among the words, and the other way round.
func inTable(t *testing.T, table string, mounts, binds map[string]word) {
	t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) < 3 {
			continue
		}
		switch cells[0] {
		case "--mount":
			values := strings.Split(cells[2], "|")
			for _, value := range values {
				value, _, _ = strings.Cut(value, " default")
				name := cells[1] + " " + value
				found[name] = true
				if _, ok := mounts[name]; !ok {
					t.Errorf("--mount %s is not tried", name)
				}
			}
		case "-v/--volume mode":
			found["-v "+cells[1]] = true
			if _, ok := binds[cells[1]]; !ok {
				t.Errorf("-v %s is not tried", cells[1])
			}
		}
	}
	for name := range mounts {
		if !found[name] {
			t.Errorf("--mount %s is in no row of the table", name)
		}
	}
	for name := range binds {
		if !found["-v "+name] {
			t.Errorf("-v %s is in no row of the table", name)
		}
	}
}
