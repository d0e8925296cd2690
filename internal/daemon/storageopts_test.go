package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheSizeOfLayersComesFromAFlagOrTheConfigurationFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	for _, c := range []struct {
		file string
		args []string
		want int64
		says string
	}{
		{`{}`, nil, 0, ""},
		{`{}`, []string{"--storage-opt", "overlay2.size=3G"}, 3 << 30, ""},
		{`{"storage-opts": ["overlay2.size=10m"]}`, nil, 10 << 20, ""},
		{`{}`, []string{"--storage-opt", "overlay2.size"}, 0, `invalid argument "overlay2.size" for "--storage-opt" flag: unable to parse key/value option: overlay2.size`},
		{`{}`, []string{"--storage-opt", "size=1g"}, 0, `invalid argument "size=1g" for "--storage-opt" flag: overlay2: unknown option size`},
		{`{"storage-opts": ["overlay2.size=x"]}`, nil, 0, "unable to configure the Docker daemon with file " + file + ": storage-opts: invalid size: 'x'"},
		{`{"storage-opts": "overlay2.size=1g"}`, nil, 0, "unable to configure the Docker daemon with file " + file + ": storage-opts: expected a list of options"},
	} {
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Parse(append([]string{"--config-file", file}, c.args...))
		switch {
		case c.says != "":
			if err == nil || err.Error() != c.says {
				t.Errorf("%s %q: %v", c.file, c.args, err)
			}
		case err != nil || int64(cfg.Images.Layer) != c.want:
			t.Errorf("%s %q: %d, %v", c.file, c.args, cfg.Images.Layer, err)
		}
	}
}
