//go:build linux

package alike

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListsAndHistoriesOfImagesAreAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		p.docker.Must("tag", p.busybox, "reg.example.com:5000/a/b:2")
		p.docker.Must("run", "--name", "maker", p.busybox, "touch", "/x")
		p.docker.Must("commit", "-m", "a comment", "-a", "me", "-c", "CMD [\"sleep\", \"a rather long time, so that it is shown with an ellipsis\"]", "maker", "made:1")
		p.docker.Must("commit", "maker") // without a name
		for _, line := range []string{
			"images", "images -a", "images -q", "images -q --no-trunc", "images --no-trunc", "images --digests", "images made", "images made:1", "images made:2", "images m*", "images reg.example.com:5000/a/b",
			"images -f dangling=true", "images -f dangling=false", "images -f reference=made", "images -f before=made:1", "images -f since=nope", "images -f label=a", "images -f nonsense=1", "images -f nonsense",
			"images --format json", "images --format raw", "images --format {{.Repository}}:{{.Tag}};{{.Digest}};{{.Size}};{{.CreatedAt}}", "images --format {{.Nope", "image ls", "image list -q",
			"history made:1", "history -q made:1", "history --no-trunc made:1", "history -H=false made:1", "history --format json made:1", "history --format {{.CreatedBy}} made:1", "history nope", "image history made:1",
			"image inspect made:1", "image inspect made:1 nope", "image inspect -f {{.Comment}};{{.Author}} made:1", "image inspect nope", "image inspect -f {{.Nope}} made:1",
			"image inspect --platform linux/s390x nope", "history --platform linux/s390x nope", "save --platform linux/s390x nope",
		} {
			p.same(strings.Fields(line)...)
		}
	})
}

func TestWhatBecomesOfImagesIsAlike(t *testing.T) {
	t.Parallel()
	eachDaemon(t, func(p pair) {
		file, archive := filepath.Join(p.dir, "saved.tar"), filepath.Join(p.dir, "files.tar")
		p.docker.Must("create", "--name", "source", p.busybox)
		p.docker.Must("export", "-o", archive, "source")
		p.docker.Must("rm", "source")
		p.each("names", func(c *turn) {
			c.lines("tag "+p.busybox+" MINE:1", "tag MINE:1 MINE:2", "tag nope MINE:3", "tag MINE:1 A:b", "tag MINE:1 MINE@sha256:"+strings.Repeat("a", 64), "images --format {{.Repository}}:{{.Tag}}:{{.ID}}:{{.Size}} MINE",
				"rmi MINE:2", "rmi MINE:2", "rmi -f MINE:2", "rmi MINE:1 nope", "rmi MINE:1")
		})
		p.each("archives", func(c *turn) {
			c.lines("tag "+p.busybox+" MINE:1", "save -o "+file+" MINE:1", "rmi MINE:1", "load -i "+file, "load -q -i "+file, "save -o "+file+" nope", "save -o /nonexistent/x MINE:1", "save MINE:1 nope",
				"load -i /nonexistent", "images --format {{.Repository}}:{{.Tag}}:{{.ID}}:{{.Size}} MINE", "rmi MINE:1")
			c.typed("no archive", "load")
			c.typed("", "load")
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			c.note(c.In(f).Run("load"), "load")
			c.line("rmi MINE:1")
		}, "Loaded image ID: .*", "docker-import-[0-9]+")
		p.each("imports", func(c *turn) {
			c.lines("import "+archive+" MINE:1", "import -m message -c ENV${IFS}A=b "+archive+" MINE:2", "image inspect -f {{.Config.Env}};{{.Comment}} MINE:2", "import "+archive+" MINE:A/b", "import /nonexistent", "import -c NOPE "+archive,
				"rmi MINE:1", "rmi MINE:2")
		})
		p.each("prune", func(c *turn) {
			c.lines("import "+archive, "image prune -f --filter until=24h", "image prune -f", "image prune -f", "image prune -f --filter nonsense=1")
			c.typed("n\n", "image", "prune")
			c.typed("y\n", "image", "prune", "-a", "--filter", "label=nobody-has-this")
		}, "Total reclaimed space: .*")
		p.each("no registry", func(c *turn) {
			// Nothing listens there, and no name is known.
			c.lines("pull 127.0.0.1:1/MINE", "pull -q 127.0.0.1:1/MINE", "pull -a 127.0.0.1:1/MINE", "pull -a 127.0.0.1:1/MINE:1", "push 127.0.0.1:1/MINE", "push -a 127.0.0.1:1/MINE", "push -q nope:1",
				"create --pull always 127.0.0.1:1/MINE", "run 127.0.0.1:1/MINE", "run --pull never 127.0.0.1:1/MINE", "search --limit 200 MINE", "pull MINE@sha256:abc")
		}, `\b127\.0\.0\.1:[0-9]+->`)
	})
}
