//go:build linux

package yardstick

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/test/yardstick/bundle"
)

// TestBundlesDoAsWithOtherRuntimes runs the table of bundles through ours and
// the others. Every difference is intended, and says why, or fails the test.
func TestBundlesDoAsWithOtherRuntimes(t *testing.T) {
	needRoot(t)
	t.Cleanup(func() { removeGroup(group()) })
	mine, peers := ours(t), []oci{runc(t), crun(t)}
	var mu sync.Mutex
	same, differ := map[string]int{}, map[string]int{}
	cases := bundle.Table()
	t.Run("table", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				got := observe(t, mine, c)
				for _, peer := range peers {
					n := compare(t, c, peer.name, got, observe(t, peer, c))
					mu.Lock()
					if n == 0 {
						same[peer.name]++
					} else {
						differ[peer.name]++
					}
					mu.Unlock()
				}
			})
		}
	})
	for _, peer := range peers {
		t.Logf("of %d bundles %d do the same with %s, %d differ", len(cases), same[peer.name], peer.name, differ[peer.name])
	}
	checkGroupIsEmpty(t)
}

// observe is what a case does with a runtime, by sections.
func observe(t *testing.T, r oci, c bundle.Case) map[string][]string {
	t.Helper()
	result, made, said := r.run(t, c)
	in := bundle.Context{Dir: made.Dir, Namespaces: hostNamespaces(t)}
	sections := bundle.Normalise(result.Out, in)
	sections["code"] = []string{fmt.Sprint(result.Code)}
	if c.Name == "stderr" {
		sections["stderr"] = []string{said}
	}
	if result.Code != 0 && said != "" {
		t.Logf("%s says %s", r.name, said)
	}
	return sections
}

// compare counts the sections that differ, and fails for those that should not.
func compare(t *testing.T, c bundle.Case, peer string, got, want map[string][]string) (n int) {
	t.Helper()
	names := maps.Clone(got)
	maps.Copy(names, want)
	if !c.Silent && (len(got["id"]) == 0 || len(want["id"]) == 0) { // one has not run: the code says that
		names = map[string][]string{"code": nil, "script": nil}
	}
	for _, section := range slices.Sorted(maps.Keys(names)) {
		mine, theirs := rewritten(section, got[section]), rewritten(section, want[section])
		minus, plus := without(theirs, mine), without(mine, theirs)
		if len(minus)+len(plus) == 0 {
			continue
		}
		n++
		if !intended(c.Name, peer, section) {
			t.Errorf("%s differs from %s:\n- %s\n+ %s", section, peer, strings.Join(minus, "\n- "), strings.Join(plus, "\n+ "))
		}
	}
	return n
}

// without is what is in one list and not in the other.
func without(list, other []string) (rest []string) {
	for _, line := range list {
		if !slices.Contains(other, line) {
			rest = append(rest, line)
		}
	}
	return rest
}

func hostNamespaces(t *testing.T) map[string]string {
	t.Helper()
	found, err := bundle.HostNamespaces()
	must(t, err)
	return found
}

func checkGroupIsEmpty(t *testing.T) {
	t.Helper()
	removeGroup(group())
	for _, dir := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		if _, err := os.Stat(dir + group()); err == nil {
			t.Errorf("%s was left with processes in it", dir+group())
		}
	}
}
