//go:build linux

package alike

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestVolumePluginsAreAlikeOnBothDaemons has the stock client do the same with docker.io and with berthd, each
// with a process of the same plugin, which has to hear the same.
func TestVolumePluginsAreAlikeOnBothDaemons(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp("/tmp", "plugins") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	stock, ours := harness.StartStock(t), harness.Start(t, harness.WithArgs("--plugin-root", root))
	sockets := [2]string{filepath.Join(stock.Plugins(), "plug.sock"), filepath.Join(root, "run/docker/plugins/plug.sock")}
	plugins := [2]*harness.VolumePlugin{harness.StartVolumePlugin(t, sockets[0]), harness.StartVolumePlugin(t, sockets[1])}
	busybox := [2]string{stock.Busybox(t), ours.Busybox()}
	clients := [2]harness.Client{stock.Client(t, "docker"), ours.Client(t, "docker").Env("DOCKER_API_VERSION=1.41")}
	hide := []*regexp.Regexp{
		regexp.MustCompile(`\b[0-9a-f]{64}\b`), regexp.MustCompile(`\b[0-9a-f]{12}\b`),
		regexp.MustCompile(`\d{4}-\d\d-\d\dT[^"]*`), regexp.MustCompile(`/[^ "]*/data/`), regexp.MustCompile(`lookup .*`),
		regexp.MustCompile(`while mounting volume '[^']*'`), // docker.io's has no name in it
	}
	for _, line := range strings.Split(strings.TrimSpace(pluginLines), "\n") {
		var results [2]harness.Result
		for i, c := range clients {
			words := strings.Fields(strings.ReplaceAll(line, "IMAGE", busybox[i]))
			for j := range words {
				words[j] = strings.ReplaceAll(words[j], "~", " ")
			}
			if words[0] == "FAIL" {
				defer plugins[i].Fail(words[1], strings.Join(words[2:], " "))()
				continue
			}
			r := c.Run(words...)
			for _, pattern := range hide {
				r.Stdout, r.Stderr = pattern.ReplaceAllString(r.Stdout, "*"), pattern.ReplaceAllString(r.Stderr, "*")
			}
			lines := strings.SplitAfter(r.Stdout, "\n")
			slices.Sort(lines)
			r.Stdout = strings.Join(lines, "")
			results[i] = r
		}
		if results[0] != results[1] {
			t.Errorf("%s\n%s", line, differ(results[1], results[0]))
		}
	}
	heard := [2][]string{}
	for i := range heard {
		for _, call := range plugins[i].Calls() {
			heard[i] = append(heard[i], hide[0].ReplaceAllString(call, "*"))
		}
	}
	// A container that has a volume twice mounts it once.
	heard[0], heard[1] = slices.Compact(heard[0]), slices.Compact(heard[1])
	if !slices.Equal(heard[0], heard[1]) {
		t.Errorf("docker.io's plugin heard:\n%s\nberthd's:\n%s", strings.Join(heard[0], "\n"), strings.Join(heard[1], "\n"))
	}
}

// pluginLines are commands of the stock client; ~ is a space inside a word. FAIL has a method of the plugin fail
// from then on.
const pluginLines = `
volume create -d nope x1
run --rm -v x1:/x --volume-driver nope IMAGE true
create --name refused --mount type=volume,src=x2,dst=/x,volume-driver=nope IMAGE true
volume create -d plug --label a=b -o k=v data
volume create -d plug data
volume create data
volume create -d local data
volume create mine
volume create -d plug mine
volume create -d plug -o bad=x worse
volume create -d plug odd/name
volume create -d plug
volume ls
volume ls -q --filter driver=plug --filter name=odd
volume ls -q --filter label=a=b
volume inspect data
volume inspect odd/name
volume inspect nothere
run --rm -v data:/d IMAGE sh -c echo~kept~>~/d/f
run --rm -v data:/d:ro IMAGE cat /d/f
run --rm --volume-driver plug -v fresh:/d -v /anonymous IMAGE true
run --rm --mount type=volume,src=third,dst=/m,volume-driver=plug,volume-opt=k=v IMAGE true
run --rm --volume-driver plug -v filled:/bin IMAGE ls /bin/busybox
volume ls -q --filter dangling=true --filter driver=plug --filter name=t
create --name one -v data:/d -v data:/e IMAGE sleep 100
inspect -f {{range~.Mounts}}{{println~.Name~.Source~.Destination~.Driver~.Mode~.RW~.Propagation}}{{end}} one
volume rm data
start one
inspect -f {{range~.Mounts}}{{.Name}}~{{.Driver}}~{{.Mode}}~{{.RW}}{{end}} one
kill one
rm -v one
volume rm data third
volume rm data
volume rm -f data
volume prune -f
info -f {{json~.Plugins.Volume}}
FAIL Mount it~is~broken
run --rm --name starts -v fresh:/x IMAGE true
create --name two -v fresh:/x IMAGE true
start two
rm two
FAIL Remove it~stays
volume rm fresh
volume rm -f fresh
FAIL List it~knows~nothing
volume ls --filter name=fresh
FAIL Create it~is~full
volume create -d plug no
`
