package state

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := s.Commit(Op{"containers", fmt.Sprintf("%02d", i), []byte("x")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Commit(Op{"containers", "07", nil}, Op{"names", "a", []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var keys []string
	if err := s.Each("containers", func(k string, _ []byte) error { keys = append(keys, k); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 49 || keys[7] != "08" {
		t.Fatalf("got %d keys, %v", len(keys), keys)
	}
	if err := s.Each("absent", func(string, []byte) error { return fmt.Errorf("called") }); err != nil {
		t.Fatal(err)
	}
}

func TestACommitThatCannotBeWrittenDoesNotFailItsNeighbours(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			op := Op{"b", fmt.Sprint(i), []byte("v")}
			if i%4 == 0 {
				op.Key = "" // bbolt refuses an empty key
			}
			if err := s.Commit(op); (err != nil) != (i%4 == 0) {
				t.Errorf("commit %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestASecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if second, err := Open(path); err == nil {
		second.Close()
		t.Fatal("opened twice")
	}
}

func TestWhatIsWrittenLaterGoesWithTheNextCommitAndBeforeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(Op{"names", "one", []byte("old")}, Op{"names", "two", []byte("old")}); err != nil {
		t.Fatal(err)
	}
	s.Later(Op{Bucket: "names", Key: "one"}, Op{Bucket: "names", Key: "two"})
	if err := s.Commit(Op{"names", "two", []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(Op{"names", "one", []byte("new")}); err != nil { // and only with that one
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := ""
	if err := s.Each("names", func(k string, v []byte) error { got += k + "=" + string(v) + " "; return nil }); err != nil || got != "one=new two=new " {
		t.Errorf("got %q, %v", got, err)
	}
}
