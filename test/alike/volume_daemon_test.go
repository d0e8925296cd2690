//go:build linux

package alike

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestVolumesAreAlikeOnBothDaemons has the stock client do the same with docker.io and
// with berthd. Where docker.io is older than what it is compared with, its line is not there.
func TestVolumesAreAlikeOnBothDaemons(t *testing.T) {
	t.Parallel()
	stock, ours := harness.StartStock(t), harness.Start(t)
	busybox := [2]string{stock.Busybox(t), ours.Busybox()}
	clients := [2]harness.Client{stock.Client(t, "docker"), ours.Client(t, "docker").Env("DOCKER_API_VERSION=1.41")}
	hide := []*regexp.Regexp{
		regexp.MustCompile(`\b[0-9a-f]{64}\b`), regexp.MustCompile(`\b[0-9a-f]{12}\b`),
		regexp.MustCompile(`/[^"' ]*/volumes/`), regexp.MustCompile(`\d{4}-\d\d-\d\dT[^"]*`),
	}
	compareLines(t, volumeLines, clients, busybox, hide)
}

// compareLines has two clients run the same commands; ~ is a space inside a word and IMAGE the engine's image.
func compareLines(t *testing.T, text string, clients [2]harness.Client, image [2]string, hide []*regexp.Regexp) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var results [2]harness.Result
		for i, c := range clients {
			words := strings.Fields(strings.ReplaceAll(line, "IMAGE", image[i]))
			for j := range words {
				words[j] = strings.ReplaceAll(words[j], "~", " ")
			}
			r := c.Run(words...)
			for _, pattern := range hide {
				r.Stdout, r.Stderr = pattern.ReplaceAllString(r.Stdout, "*"), pattern.ReplaceAllString(r.Stderr, "*")
			}
			r.Stderr = strings.ReplaceAll(r.Stderr, "Invalid filter", "invalid filter")
			lines := strings.SplitAfter(r.Stdout, "\n")
			slices.Sort(lines)
			r.Stdout = strings.Join(lines, "")
			results[i] = r
		}
		if results[0] != results[1] {
			t.Errorf("%s\n%s", line, differ(results[1], results[0]))
		}
	}
}

// volumeLines are commands of the stock client; ~ is a space inside a word.
const volumeLines = `
volume ls
volume create
volume create data
volume create data
volume create --label a=b --label c labelled
volume inspect data labelled
volume inspect nothere
volume ls -q --filter label=a
volume ls -q --filter label=a=b --filter label=c
volume ls -q --filter label=a=x
volume ls -q --filter name=lab
volume ls -q --filter name=^data$
volume ls -q --filter driver=local --filter name=data
volume ls -q --filter driver=other
volume ls -q --filter dangling=true --filter name=a
volume ls -q --filter dangling=nonsense
volume ls -q --filter nonsense=x
volume create a
volume create --opt foo=bar bad
volume create --opt type=tmpfs bad
volume create --opt device=/x bad
volume create --opt o=bind bad
volume create .hidden
volume create a/b
volume create --driver nope bad
volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=1m,uid=7 ram
volume inspect ram
create --name one -v data:/d -v labelled:/l:ro -v /anonymous IMAGE true
volume rm data
volume rm -f data
volume rm nothere
volume rm -f nothere
volume rm ram nothere data
volume ls -q --filter dangling=true
volume ls -q --filter dangling=0 --filter name=a
run --rm -v data:/etc IMAGE cat /etc/group
run --rm -v fresh:/bin IMAGE ls /bin/busybox
volume create empty
run --rm -v empty:/bin IMAGE true
run --rm -v empty:/e IMAGE ls /e/busybox
run --rm -v nocopy:/bin2:nocopy IMAGE ls /bin2
volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=1m,mode=711 ram2
run --rm -v ram2:/ram IMAGE sh -c grep~/ram~/proc/mounts|cut~-d~~-f1,2,3;stat~-c~%a~/ram
volume create --opt type=none --opt device=/nowhere/at/all --opt o=bind broken
run --rm --name starts -v broken:/x IMAGE true
volume rm broken ram2
create --name two --mount type=volume,src=made,dst=/m,volume-label=x=y,volume-label=z,volume-opt=type=tmpfs,volume-opt=device=tmpfs IMAGE true
volume inspect made
inspect -f {{json~.HostConfig.Mounts}} two
create --name three --mount type=volume,src=bad3,dst=/m,volume-opt=foo=bar IMAGE true
rm one two
volume prune -f --filter label=c
volume prune -f --filter label!=x=y
volume ls -q
volume prune -f
volume ls -q
volume prune -f --filter nonsense=x
`
