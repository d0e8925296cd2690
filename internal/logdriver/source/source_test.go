package source

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
)

func some(config map[string]string) *Info {
	return &Info{
		Config: config, ContainerID: strings.Repeat("0123456789abcdef", 4), ContainerName: "/web", ContainerEntrypoint: "/bin/run", ContainerArgs: []string{"-a", "b"},
		ContainerImageID: "sha256:" + strings.Repeat("f", 64), ContainerImageName: "shop/web:1", ContainerCreated: time.Unix(1, 0).UTC(),
		ContainerEnv: []string{"STAGE=test", "EMPTY=", "odd", "REGION=eu=1"}, ContainerLabels: map[string]string{"team": "a", "tier": "front", "x": "y"}, DaemonName: "docker",
	}
}

func TestATagIsMadeByDockersTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "0123456789ab",
		"plain":                     "plain",
		"{{.ID}}/{{.FullID}}":       "0123456789ab/" + strings.Repeat("0123456789abcdef", 4),
		"{{.Name}} {{.Command}}":    "web /bin/run -a b",
		"{{.ImageID}}":              "sha256:fffff",
		"{{.ImageFullID}}":          "sha256:" + strings.Repeat("f", 64),
		"{{.ImageName}}":            "shop/web:1",
		"{{.DaemonName}}":           "docker",
		"{{.ContainerCreated}}":     "1970-01-01 00:00:01 +0000 UTC",
		"{{.ContainerLabels.tier}}": "front",
		"{{json .ContainerArgs}}":   `["-a","b"]`,
		`{{join .ContainerArgs "+"}} {{upper .Name}} {{title "a bc"}} {{lower "AB"}} {{truncate .Name 2}} {{truncate .Name 9}}[{{pad "x" 1 2}}]`: "-a+b WEB A Bc ab we web[ x  ]",
		`{{index (split .ImageName ":") 0}}`: "shop/web",
	} {
		if got, err := some(map[string]string{"tag": text}).Tag(DefaultTag); err != nil || got != want {
			t.Errorf("%q makes %q, %v, not %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{{.Nothing}}", "{{", "{{truncate 1}}", `{{pad "x" -1 0}}`, `{{pad "x" 1000000000 0}}`} {
		config := map[string]string{"tag": text}
		if got, err := some(config).Tag(DefaultTag); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q makes %q, %v", text, got, err)
		}
		if err := Check(config); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q passes the check: %v", text, err)
		}
	}
}

func TestAttributesAreChosenByNameAndByExpression(t *testing.T) {
	for _, c := range []struct {
		config map[string]string
		want   string
	}{
		{nil, "map[]"},
		{map[string]string{"labels": "team,none,tier", "env": "EMPTY,odd"}, "map[EMPTY: team:a tier:front]"},
		{map[string]string{"labels-regex": "^t", "env-regex": "^(STAGE|REGION)$"}, "map[REGION:eu=1 STAGE:test team:a tier:front]"},
		{map[string]string{"labels": "x", "labels-regex": "^team$"}, "map[team:a x:y]"},
	} {
		got, err := some(c.config).Attributes(nil)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v choose %v, %v", c.config, got, err)
		}
	}
	got, err := some(map[string]string{"labels": "x"}).Attributes(func(s string) string { return "_" + s })
	if err != nil || fmt.Sprint(got) != "map[_x:y]" {
		t.Errorf("renamed: %v, %v", got, err)
	}
	if err := Check(map[string]string{"env-regex": "("}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
