package instruction

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
)

func TestInstructionsBecomeConfig(t *testing.T) {
	var cfg Config
	err := Apply(&cfg, []string{
		`ENV PATH=/bin GREETING="hello world" Q='$PATH'`, "env OLD form of  env", "ENV MORE=$PATH:${GREETING}:${NONE:-none}",
		"CMD echo hi", `ENTRYPOINT ["/bin/sh","-c"]`, "EXPOSE 80 53/udp 8000-8001", `LABEL a=b "c d"="e f"`,
		"ONBUILD RUN true", "STOPSIGNAL SIGINT", "USER nobody:nogroup", `VOLUME ["/data"]`, "VOLUME /a /b", "WORKDIR /srv", "WORKDIR www",
		"HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost/",
	})
	if err != nil {
		t.Fatal(err)
	}
	yes := struct{}{}
	for what, pair := range map[string][2]any{
		"env":        {cfg.Env, []string{"PATH=/bin", "GREETING=hello world", "Q=$PATH", "OLD=form of env", "MORE=/bin:hello world:none"}},
		"cmd":        {cfg.Cmd, []string{"/bin/sh", "-c", "echo hi"}},
		"entrypoint": {cfg.Entrypoint, []string{"/bin/sh", "-c"}},
		"ports":      {cfg.ExposedPorts, map[string]struct{}{"80/tcp": yes, "53/udp": yes, "8000/tcp": yes, "8001/tcp": yes}},
		"labels":     {cfg.Labels, map[string]string{"a": "b", "c d": "e f"}},
		"onbuild":    {cfg.OnBuild, []string{"RUN true"}},
		"signal":     {cfg.StopSignal, "SIGINT"},
		"user":       {cfg.User, "nobody:nogroup"},
		"volumes":    {cfg.Volumes, map[string]struct{}{"/data": yes, "/a": yes, "/b": yes}},
		"workdir":    {cfg.WorkingDir, "/srv/www"},
		"health":     {cfg.Healthcheck.Test, []string{"CMD-SHELL", "curl -f http://localhost/"}},
		"interval":   {cfg.Healthcheck.Interval, 5 * time.Second},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %#v, want %#v", what, pair[0], pair[1])
		}
	}
}

func TestBadInstructionsAreRefused(t *testing.T) {
	for change, text := range map[string]string{
		"RUN true":                  "RUN is not a valid change command",
		"Nonsense":                  "Nonsense is not a valid change command",
		"CMD":                       "CMD requires at least one argument",
		"ENV A":                     "ENV must have two arguments",
		"ENV A=1 B":                 "Syntax error - can't find = in",
		`ENV A="open`:               "looking for matching double-quote",
		"EXPOSE http":               "invalid containerPort: http",
		"EXPOSE 80/icmp":            "invalid proto",
		"STOPSIGNAL SIGNONE":        "nvalid signal",
		"USER a b":                  "USER requires exactly one argument",
		"ONBUILD FROM x":            "FROM isn't allowed as an ONBUILD trigger",
		"HEALTHCHECK TRY x":         `unknown type "TRY" in HEALTHCHECK`,
		"HEALTHCHECK --bad=1 CMD x": "unknown flag",
		"HEALTHCHECK CMD":           "missing command after HEALTHCHECK CMD",
	} {
		var cfg Config
		if err := Apply(&cfg, []string{change}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: kind %v, %v", change, fault.KindOf(err), err)
		}
	}
}

func FuzzInstructions(f *testing.F) {
	for _, s := range []string{`ENV A=1 B="x y"`, "EXPOSE 1-65535/udp", `CMD ["a"]`, "HEALTHCHECK --interval=1s CMD x", "ENV A=${B:-c}", "LABEL a='", "ONBUILD ENV"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, change string) {
		var cfg Config
		if err := Apply(&cfg, []string{change}); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", change, err)
		}
		if _, err := json.Marshal(cfg); err != nil {
			t.Errorf("%q: %v", change, err)
		}
	})
}
