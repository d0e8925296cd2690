package waiting

import "testing"

func TestAWaiterIsToldOnceOfItsOwnConditionOnly(t *testing.T) {
	var l Line
	never := func() (Result, bool) { return Result{}, false }
	exit, removed, left := l.Join(NextExit, never), l.Join(Removed, never), l.Join(NextExit, never)
	l.Leave(left)
	l.Answer(Result{Code: 3}, NextExit, Change)
	l.Answer(Result{Code: 4}, NextExit)
	if r := <-exit.Told(); r.Code != 3 || len(exit.Told()) != 0 {
		t.Errorf("%+v, and %d more", r, len(exit.Told()))
	}
	if len(removed.Told()) != 0 || len(left.Told()) != 0 {
		t.Error("others were told of it")
	}
	next := l.Next()
	l.Answer(Result{Err: "gone"}, Removed, Change)
	if r := <-removed.Told(); r.Err != "gone" || len(next.Told()) != 1 {
		t.Errorf("%+v", r)
	}
	if len(l.waiters) != 0 {
		t.Errorf("%d still wait", len(l.waiters))
	}
}

func TestWhatIsFulfilledAlreadyIsToldAtOnce(t *testing.T) {
	var l Line
	w := l.Join(NotRunning, func() (Result, bool) { return Result{Code: 7}, true })
	if r := <-w.Told(); r.Code != 7 || len(l.waiters) != 0 {
		t.Errorf("%+v, and %d wait", r, len(l.waiters))
	}
}
