package order

import (
	"fmt"
	"testing"
)

func TestAGateOpensWhenItsConditionHoldsOrNeverWill(t *testing.T) {
	for _, c := range []struct {
		until Condition
		now   Now
		want  string
	}{
		{Started, Now{Waits: true}, "false "}, {Started, Now{Up: true}, "true "}, {Started, Now{}, "true db does not run"},
		{Healthy, Now{Waits: true, Health: "healthy"}, "false "}, {Healthy, Now{Up: true, Health: "starting"}, "false "},
		{Healthy, Now{Up: true, Health: "healthy"}, "true "}, {Healthy, Now{Up: true, Health: "unhealthy"}, "true db is unhealthy"}, {Healthy, Now{}, "true db does not run"},
		{Completed, Now{Waits: true}, "false "}, {Completed, Now{Up: true}, "false "}, {Completed, Now{}, "true "}, {Completed, Now{Failure: true}, "true db has failed"},
		{Completed, Now{Waits: true, Again: true, Failure: true}, "false "}, {Completed, Now{Waits: true, Again: true}, "true "},
	} {
		open, without := Gate{Name: "db", Until: c.until}.Open(c.now)
		if got := fmt.Sprint(open, " ", without); got != c.want {
			t.Errorf("%s of %+v: %s, want %s", c.until, c.now, got, c.want)
		}
	}
}
