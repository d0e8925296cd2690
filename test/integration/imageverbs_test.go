//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// imageSteps are commands of the stock client about images, in an order in which each has something to say.
// "made" has a container that is there, "kept" one that runs; "child" was committed of "parent".
func imageSteps() [][]string {
	return [][]string{
		{"images", "--format", "{{.Repository}}:{{.Tag}}"},
		{"images", "-a", "--format", "{{.Repository}}:{{.Tag}}"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "par*"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "parent:nothing"},
		{"images", "-q", "--filter", "odd=1"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label=colour"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label=colour=blue"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "dangling=true"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "dangling=maybe"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "since=parent"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "before=parent"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "since=nothing"},
		{"history", "--no-trunc", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Comment}}", "child"},
		{"history", "nothing"},
		{"tag", "nothing", "x"},
		{"tag", "parent", "BAD"},
		{"tag", "parent", "parent:two"},
		{"image", "inspect", "nothing"},
		{"image", "inspect", "-f", "{{.RepoTags}} {{.Comment}} {{.Author}} {{.Os}} {{.Architecture}} {{json .Config.Cmd}} {{len .RootFS.Layers}} {{.RootFS.Type}}", "child"},
		{"rmi", "nothing"},
		{"rmi", "-f", "nothing"},
		{"rmi", "BAD"},
		{"rmi", "parent:two"},
		{"rmi", "made"},
		{"rmi", "kept"},
		{"tag", "kept", "kept:two"},
		{"rmi", "ID:kept"},
		{"rmi", "-f", "ID:kept"},
		{"rmi", "ID:made"},
		{"rmi", "kept:two"},
		{"rmi", "ID:parent"},
		{"rmi", "-f", "ID:parent"},
		{"rmi", "parent"},
		{"images", "--format", "{{.Repository}}:{{.Tag}}"},
		{"images", "-a", "--format", "{{.Repository}}:{{.Tag}}"},
		{"image", "prune", "-f"},
		{"rmi", "child"},
		{"images", "-a", "--format", "{{.Repository}}:{{.Tag}}"},
		{"tag", "several", "several:two"},
		{"rmi", "several", "nothing", "several:two"},
		{"image", "prune", "-f", "--filter", "odd=1"},
		{"image", "prune", "-f", "--filter", "until=soon"},
		{"image", "prune", "-af", "--filter", "label=colour"},
		{"image", "prune", "-af"},
		{"images", "-a", "--format", "{{.Repository}}:{{.Tag}}"},
		{"save", "nothing"},
		{"save", "-o", "/no/such/directory/x.tar", "kept"},
	}
}

// newerImageWords are what later versions of Docker say where Debian's dockerd is older than the words that berth has.
func newerImageWords() *strings.Replacer {
	return strings.NewReplacer(
		"Invalid filter", "invalid filter",
		"no such image: nothing: No such image: nothing:latest", "No such image: nothing:latest",
		"No such image: nothing\n", "No such image: nothing:latest\n",
		"repository name must be lowercase", "repository name (library/BAD) must be lowercase",
		`unable to remove repository reference "made" (must force)`, "unable to delete made:latest (must be forced)",
		`unable to remove repository reference "kept" (must force)`, "unable to delete kept:latest (must be forced)",
	)
}

// TestImageVerbsAnswerAsDebiansDocker goes through the table on both engines. IDs are not the same: ours is the
// manifest's digest, that of a graph driver the configuration's.
func TestImageVerbsAnswerAsDebiansDocker(t *testing.T) {
	t.Parallel()
	docker, ours := harness.StartDockerd(t), harness.Start(t)
	answers := map[string][]string{}
	for name, c := range map[string]harness.Client{"docker": docker.Client(t), "berth": ours.Client(t, "docker").Env("DOCKER_API_VERSION=1.41")} {
		prepareImages(t, c)
		ids := map[string]string{}
		for _, img := range []string{"made", "kept", "parent"} {
			ids["ID:"+img] = c.Must("image", "inspect", "-f", "{{.Id}}", img)
		}
		for _, step := range imageSteps() {
			args := append([]string(nil), step...)
			for i := range args {
				if id, ok := ids[args[i]]; ok {
					args[i] = id
				}
			}
			r := c.Run(args...)
			answers[name] = append(answers[name], fmt.Sprintf("%d\n%s%s", r.Code, comparable(r.Stdout), newerImageWords().Replace(comparable(r.Stderr))))
		}
	}
	for i, step := range imageSteps() {
		if d, b := answers["docker"][i], answers["berth"][i]; d != b {
			t.Errorf("docker %s\nDebian's: %s\nours:     %s", strings.Join(step, " "), d, b)
		}
	}
}

// prepareImages makes the images and containers that the table speaks of.
func prepareImages(t *testing.T, c harness.Client) {
	t.Helper()
	root := harness.BusyboxTar(t)
	c.In(bytes.NewReader(root)).Must("import", "-m", "a base", "-c", `CMD ["sh"]`, "-", "made")
	for _, name := range []string{"kept", "parent", "several"} {
		c.In(bytes.NewReader(harness.Tar(t, harness.File{Name: name, Body: []byte(name)}, harness.File{Name: "bin/"}, harness.File{Name: "bin/sh", Body: busyboxProgram(t)}))).
			Must("import", "-m", name, "-c", `CMD ["sh"]`, "-c", "LABEL colour="+map[string]string{"kept": "blue", "parent": "red"}[name], "-", name)
	}
	c.Must("create", "--name", "made", "made")
	c.Must("run", "-d", "-i", "--network", "none", "--name", "kept", "kept", "sh")
	c.Must("create", "--name", "parent", "parent", "sh", "-c", "why")
	c.Must("commit", "-m", "a child", "-a", "somebody", "parent", "child")
	c.Must("rm", "parent")
}

// comparable takes out of an answer what no two engines have alike: IDs, of which a graph driver deletes
// those of the layers too, sizes, the image that each engine has from the start, and the order of what was made
// within a second.
func comparable(s string) string {
	s = regexp.MustCompile(`(sha256:)?\b[0-9a-f]{64}\b`).ReplaceAllString(s, "ID")
	s = regexp.MustCompile(`\b[0-9a-f]{12}\b`).ReplaceAllString(s, "id")
	s = regexp.MustCompile(`reclaimed space: .*`).ReplaceAllString(s, "reclaimed space: some")
	lines := strings.SplitAfter(s, "\n")
	slices.Sort(lines)
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, "busybox:latest") || strings.Contains(l, "berth/hello:latest")
	})
	return strings.Join(slices.Compact(lines), "")
}
