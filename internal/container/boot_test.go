package container

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/container/probing"
	"berth/internal/container/stdio"
)

func TestAfterAMachinesEndContainersOfComposeAreStartedBehindWhatTheyDependOn(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	service := func(name, depends string, more ...func(*config.CreateRequest)) string {
		t.Helper()
		zero := 0
		return e.create("exec sleep 1000", append(more, withVolume, withPolicy("always", 0), func(r *config.CreateRequest) {
			r.Config.StopTimeout = &zero
			r.Config.Labels = map[string]string{"com.docker.compose.project": "p", "com.docker.compose.service": name, "com.docker.compose.depends_on": depends, "com.docker.compose.oneoff": "False"}
		})...)
	}
	web := service("web", "db:service_healthy:true")
	last := service("last", "web")
	stopped := service("stopped", "db:service_healthy:true")
	db := service("db", "", withCheck(health.Check{Test: []string{"CMD-SHELL", "[ -e /v/good ]"}, Interval: 5 * time.Millisecond, Retries: 1_000_000}))
	ids := []string{web, last, stopped, db}
	for _, id := range ids {
		e.start(id)
	}
	e.touch("good")
	e.isHealth(db, health.Healthy, nil)
	e.must(os.Remove(filepath.Join(e.dir, "volumes/shared/_data/good")))
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL)) // as the end of the machine does
	<-e.keeper.Done()
	e.crash()
	e.Service.host.Close()
	probing.EndAll(healths(e.Service), stdio.CutTime)
	e.boot()
	e.becomes(db, Running)
	e.isHealth(db, health.Starting, func(c Container) bool { return c.Health.Log[len(c.Health.Log)-1].ExitCode == 1 })
	for _, id := range ids[:3] {
		e.becomes(id, Restarting)
	}
	e.must(e.Stop(ctx, stopped, StopOptions{})) // which calls it off
	e.touch("good")
	e.becomes(last, Running)
	var begun []time.Time
	for _, id := range []string{db, web, last} {
		c := e.becomes(id, Running)
		begun = append(begun, c.Run.Started)
	}
	if h, _ := e.Get(db); !begun[0].Before(begun[1]) || !begun[1].Before(begun[2]) || h.Health.Status != health.Healthy {
		t.Errorf("they began at %v", begun)
	}
	e.becomes(stopped, Exited)
	for _, id := range ids {
		e.must(e.Remove(ctx, id, RemoveOptions{Force: true}))
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
	e.quiet()
}
