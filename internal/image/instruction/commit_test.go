package instruction

import (
	"encoding/json"
	"testing"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"berth/internal/fault"
)

func own() Config {
	var c Config
	c.User, c.WorkingDir, c.StopSignal = "me", "/work", "SIGINT"
	c.Env, c.Cmd, c.Entrypoint = []string{"A=1", "B=2"}, []string{"run"}, []string{"/start"}
	c.Labels, c.Volumes = map[string]string{"l": "own"}, map[string]struct{}{"/v": {}}
	c.ExposedPorts = map[string]struct{}{"80/tcp": {}}
	c.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", "ok"}, Interval: time.Second}
	return c
}

func TestACommittedConfigIsTheContainersWithItsChanges(t *testing.T) {
	asked := func(change func(*Config)) *Config {
		var c Config
		change(&c)
		return &c
	}
	for name, c := range map[string]struct {
		asked   *Config
		changes []string
		want    func(*Config)
	}{
		"nothing":        {nil, nil, func(*Config) {}},
		"nothing of all": {&Config{}, nil, func(*Config) {}},
		"environment":    {nil, []string{"ENV A=3 C=$B"}, func(c *Config) { c.Env = []string{"A=3", "B=2", "C=2"} }},
		"asked environment comes first, and variables are of what was asked": {asked(func(c *Config) { c.Env = []string{"B=9"} }), []string{"ENV C=$A-$B"},
			func(c *Config) { c.Env = []string{"B=9", "C=-9", "A=1"} }},
		"a new entrypoint takes no old command": {nil, []string{`ENTRYPOINT ["/new"]`}, func(c *Config) { c.Entrypoint, c.Cmd = []string{"/new"}, nil }},
		"an entrypoint after a command":         {nil, []string{`CMD ["x"]`, `ENTRYPOINT ["/new"]`}, func(c *Config) { c.Entrypoint, c.Cmd = []string{"/new"}, []string{"x"} }},
		"a command":                             {nil, []string{`CMD ["x"]`}, func(c *Config) { c.Cmd = []string{"x"} }},
		"no entrypoint":                         {nil, []string{`ENTRYPOINT []`}, func(c *Config) { c.Entrypoint = []string{} }},
		"maps are joined": {nil, []string{"LABEL l=new m=1", "EXPOSE 81", "VOLUME /w"}, func(c *Config) {
			c.Labels["l"], c.Labels["m"] = "new", "1"
			c.ExposedPorts["81/tcp"], c.Volumes["/w"] = struct{}{}, struct{}{}
		}},
		"the rest": {nil, []string{"USER you", "WORKDIR sub", "STOPSIGNAL 9", "ONBUILD RUN x"}, func(c *Config) {
			c.User, c.WorkingDir, c.StopSignal, c.OnBuild = "you", "/work/sub", "9", []string{"RUN x"}
		}},
		"a health check is completed":  {asked(func(c *Config) { c.Healthcheck = &dockerspec.HealthcheckConfig{Retries: 5} }), nil, func(c *Config) { c.Healthcheck.Retries = 5 }},
		"a health check is turned off": {nil, []string{"HEALTHCHECK NONE"}, func(c *Config) { c.Healthcheck.Test = []string{"NONE"} }},
	} {
		from, want := own(), own()
		c.want(&want)
		got, err := Commit(c.asked, from, c.changes)
		if g, w := text(got), text(want); err != nil || g != w {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, g, w)
		}
		if text(from) != text(own()) {
			t.Errorf("%s: the container's own config was changed", name)
		}
	}
	if _, err := Commit(nil, own(), []string{"RUN x"}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func text(c Config) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}
