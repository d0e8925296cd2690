package execs

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestExecsAreForgottenWithTheirContainerOrAWhileAfterTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex()
		made := map[string]*execution{}
		for _, id := range []string{"new", "running", "ended"} {
			made[id] = newExecution(id, "c")
			x.add(made[id])
		}
		x.add(newExecution("other", "d"))
		if made["running"].claim() != nil || made["ended"].claim() != nil {
			t.Fatal("they cannot be started")
		}
		made["ended"].unclaim(3)
		x.dropLater("ended")
		if got := fmt.Sprint(x.alive("c")); got != "[new running]" {
			t.Errorf("alive: %s", got)
		}
		x.orphan("c")
		made["running"].unclaim(137)
		known := func() (out string) {
			for _, id := range []string{"new", "running", "ended", "other"} {
				if e := x.get(id); e != nil {
					out += fmt.Sprintf("%s(%v) ", id, e.mayGo.Load())
				}
			}
			return out
		}
		for _, want := range []string{"running(false) ended(false) other(false) ", "running(true) ended(true) other(false) ", "other(false) "} {
			synctest.Wait()
			if got := known(); got != want {
				t.Errorf("known: %s, want %s", got, want)
			}
			time.Sleep(keepExec)
		}
		if len(x.of) != 1 || fmt.Sprint(x.alive("d")) != "[other]" || x.alive("c") != nil {
			t.Errorf("%v", x.of)
		}
	})
}
