package health

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestAStateIsKeptAndATornOneIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "health.json")
	if got := Load(path); got != nil {
		t.Errorf("%+v", got)
	}
	s := State{Status: Healthy, FailingStreak: 1, Log: []Result{{Start: began, End: began.Add(time.Second), ExitCode: 1, Output: "x\xff"}}}
	if err := Save(path, s); err != nil {
		t.Fatal(err)
	}
	s.Log[0].Output = "x\ufffd" // as JSON has it
	if got := Load(path); got == nil || !reflect.DeepEqual(*got, s) {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(path, []byte(`{"Status":"hea`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Load(path); got != nil {
		t.Errorf("%+v", got)
	}
	if err := Save(filepath.Join(path, "not", "there"), s); err == nil {
		t.Error("it is kept nowhere")
	}
}
