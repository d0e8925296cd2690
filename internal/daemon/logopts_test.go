package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestTheLogOfContainersThatChooseNoneIsConfigured(t *testing.T) {
	file := func(text string) []string {
		path := filepath.Join(t.TempDir(), "daemon.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config-file", path}
	}
	for _, c := range []struct {
		args []string
		want string // the choice, or the error's end
	}{
		{file("{}"), "{json-file map[]}"},
		{append(file("{}"), "--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "tag=a=b"), "{local map[max-size:1m tag:a=b]}"},
		{file(`{"log-driver": "none"}`), "{none map[]}"},
		{file(`{"log-opts": {"max-file": "2", "tag": "{{.Name}}"}}`), "{json-file map[max-file:2 tag:{{.Name}}]}"},
		{file(`{"log-driver": "nothing"}`), "failed to set log opts: error looking up logging plugin nothing: plugin \"nothing\" not found"},
		{append(file("{}"), "--log-opt", "x=y"), "failed to set log opts: unknown log opt 'x' for json-file log driver"},
		{file(`{"log-opts": {"max-file": 2}}`), "json: cannot unmarshal number into Go value of type string"},
	} {
		got, err := Parse(c.args)
		text := fmt.Sprint(got.Log)
		if err != nil {
			text = err.Error()[max(0, len(err.Error())-len(c.want)):]
		}
		if text != c.want {
			t.Errorf("%v: %s, %v, not %s", c.args, text, err, c.want)
		}
	}
}
