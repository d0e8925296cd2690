//go:build linux

package store

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestAContainerIsThereFromMakeToRemove(t *testing.T) {
	s := At(t.TempDir() + "/root")
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	d, err := s.Make("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Make("a"); !fault.Is(err, fault.Conflict) || err.Error() != "container with given ID already exists" {
		t.Error(err)
	}
	if _, err := d.Load(); !fault.Is(err, fault.NotFound) {
		t.Error("a container that is just being made has a state:", err)
	}
	want := Record{ID: "a", Pid: 7, StartTime: 8, Cgroup: "/a", Creating: true}
	if err := d.Save(want); err != nil {
		t.Fatal(err)
	}
	again, err := s.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Load(); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("a"); !fault.Is(err, fault.NotFound) || err.Error() != "container does not exist" {
		t.Error(err)
	}
	if err := again.Lock(); !fault.Is(err, fault.NotFound) {
		t.Error("a container that is gone can be locked:", err)
	}
}

func TestAVerbWaitsForTheOneBefore(t *testing.T) {
	s := At(t.TempDir())
	d, err := s.Make("a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	locked := make(chan error)
	go func() { locked <- other.Lock() }()
	// Whoever waited for a container that is removed meanwhile must not take
	// its successor for it.
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := <-locked; !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestNamesThatAreNoNamesOfDirectoriesAreRefused(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a/b", "../a", "a\n", "a b", "a\x00"} {
		if err := CheckID(id); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"a", "a.b-c_d+e", "0"} {
		if err := CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestTheFifoLetsGoOnceAndOnlyWhoWaits(t *testing.T) {
	d, err := At(t.TempDir()).Make("a")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Unlock()
	if err := d.Release(); !fault.Is(err, fault.Conflict) {
		t.Error("nobody has ever waited:", err)
	}
	f, err := d.MakeFifo()
	if err != nil {
		t.Fatal(err)
	}
	if !d.Waits() {
		t.Error("nobody waits")
	}
	if err := d.Release(); err != nil {
		t.Error(err)
	}
	if n, err := f.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Error(n, err)
	}
	f.Close()
	if err := d.Release(); !fault.Is(err, fault.Conflict) || d.Waits() {
		t.Error(err)
	}
}

func TestAFifoThatNobodyReadsIsNoStart(t *testing.T) {
	d, err := At(t.TempDir()).Make("a")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Unlock()
	f, err := d.MakeFifo()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := d.Release(); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
}

func TestAReusedPidIsNotTheContainer(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	ticks, lives := StartTime(cmd.Process.Pid)
	if !lives {
		t.Fatal("it has ended")
	}
	reused := Record{Pid: cmd.Process.Pid, StartTime: ticks - 1}
	if err := reused.Signal(unix.SIGKILL); !fault.Is(err, fault.Conflict) || err.Error() != "container not running" {
		t.Error(err)
	}
	if reused.Lives() || !reused.Ended(0) {
		t.Error("a stranger counts as the container")
	}
	own := Record{Pid: cmd.Process.Pid, StartTime: ticks}
	if !own.Lives() || own.Ended(0) {
		t.Error("the container does not live")
	}
	if err := own.Signal(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if !own.Ended(killPatience) {
		t.Error("it lives on")
	}
	if own.Lives() {
		t.Error("a zombie lives")
	}
}

// killPatience is in nanoseconds, and only for a test that fails.
const killPatience = 30e9

func TestWhoLivesIsReadFromProc(t *testing.T) {
	if _, lives := StartTime(os.Getpid()); !lives {
		t.Error("this process does not live")
	}
	if _, lives := StartTime(1 << 22); lives {
		t.Error("a process that is not there lives")
	}
}

func TestASectionForAnotherSystemIsRefused(t *testing.T) {
	if _, err := Parse([]byte(`{"ociVersion":"1.0.0","windows":{}}`)); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
	if _, err := Parse([]byte(`{`)); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	s, err := Parse([]byte(`{"ociVersion":"1.0.0","windows":null,"hostname":"h"}`))
	if err != nil || s.Hostname != "h" {
		t.Errorf("%+v %v", s, err)
	}
}
