package container

import (
	"context"
	"strings"
	"testing"

	"berth/internal/container/config"
)

func TestAContainerWithAnInitEndsAsItsProgramDoes(t *testing.T) {
	e := newEngine(t)
	yes, no := true, false
	withInit := func(r *config.CreateRequest) { r.HostConfig.Init = &yes }
	id := e.create(`read -r line </proc/1/cmdline; echo "$line"; sleep 1000 & trap 'echo asked; exit 6' TERM; echo up; wait`, withInit)
	e.start(id)
	e.logged(id, "\nup\n")
	if got := e.logs(id); !strings.HasPrefix(got, "/sbin/docker-init--sh-c") {
		t.Errorf("the first process is %q", got)
	}
	e.must(e.Stop(context.Background(), id, StopOptions{}))
	if c, _ := e.Get(id); c.Run.ExitCode != 6 || c.Path != "sh" {
		t.Errorf("%+v", c.Run)
	}
	e.start(id) // once more, over the file of before
	e.must(e.Kill(context.Background(), id, ""))
	missing := e.create("", withInit, func(r *config.CreateRequest) { r.Config.Cmd = []string{"missing"} })
	e.start(missing)
	if code := e.wait(missing, WaitNotRunning); code != 127 || !strings.Contains(e.logs(missing), "exec missing failed: No such file or directory") {
		t.Errorf("%d %q", code, e.logs(missing))
	}
	// The daemon's default is for those that do not say.
	e.shutDown()
	e.init = true
	e.boot()
	for _, c := range []struct {
		want   bool
		change func(*config.CreateRequest)
	}{
		{true, func(*config.CreateRequest) {}},
		{false, func(r *config.CreateRequest) { r.HostConfig.Init = &no }},
		{false, func(r *config.CreateRequest) { r.HostConfig.PidMode = "host" }},
	} {
		id := e.create(`[ $$ = 1 ] && echo first; [ -e /sbin/docker-init ] && echo there; [ $PPID = 1 ] && echo second`, c.change)
		e.start(id)
		e.wait(id, WaitNotRunning)
		if got := e.logs(id); strings.Contains(got, "there\nsecond\n") != c.want || c.want && strings.Contains(got, "first") {
			t.Errorf("%v: %q", c.want, got)
		}
	}
}
