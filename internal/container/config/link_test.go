package config

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestALinkIsReadAsTheUserOrAnInspectWritesIt(t *testing.T) {
	for text, want := range map[string]Link{
		"db": {Name: "db", Alias: "db"}, "db:x": {Name: "db", Alias: "x"}, "/db:/web/x": {Name: "db", Alias: "x"},
	} {
		if got, err := ParseLink(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"": "empty string specified for links", "a:b:c": "bad format for links: a:b:c", "a:": "bad format for links: a:", "a:b c": "bad format for links: a:b c",
		":x": `could not get container for : invalid name or ID supplied: ""`, "a:b\nc": "bad format for links: a:b\nc", "a:/": "bad format for links: a:/",
	} {
		if got, err := ParseLink(text); !fault.Is(err, fault.Invalid) || err.Error() != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestPortsThatFollowEachOtherAreARangeToo(t *testing.T) {
	for ports, want := range map[string]string{
		"":                            "",
		"80/tcp 81/tcp":               "",
		"82/tcp 80/tcp 81/tcp":        "80-82",
		"80/tcp 81/udp 82/tcp 90/tcp": "80-82",
		"1/tcp 3/tcp 4 5/tcp 9/udp":   "3-5",
	} {
		var got []string
		for _, r := range ranges((LinkedTo{Config: Config{ExposedPorts: strings.Fields(ports)}}).ports()) {
			got = append(got, r[0].text+"-"+r[1].text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", ports, got, want)
		}
	}
}

func TestALinkTellsOfTheOthersEnvironmentButNotWhereItsProgramsAre(t *testing.T) {
	l := LinkedTo{Link: Link{Alias: "the-db", Name: "db"}, Parent: "web", Address: "10.0.0.2", Config: Config{Hostname: "h", Env: []string{"A=b=c", "PATH=/x", "HOME=/", "bare"}, ExposedPorts: []string{"53/udp", "53/tcp"}}}
	want := []string{
		"THE_DB_PORT=tcp://10.0.0.2:53", "THE_DB_PORT_53_TCP=tcp://10.0.0.2:53", "THE_DB_PORT_53_TCP_ADDR=10.0.0.2", "THE_DB_PORT_53_TCP_PORT=53", "THE_DB_PORT_53_TCP_PROTO=tcp",
		"THE_DB_PORT_53_UDP=udp://10.0.0.2:53", "THE_DB_PORT_53_UDP_ADDR=10.0.0.2", "THE_DB_PORT_53_UDP_PORT=53", "THE_DB_PORT_53_UDP_PROTO=udp",
		"THE_DB_NAME=/web/the-db", "THE_DB_ENV_A=b=c",
	}
	if got := l.Environment(); !slices.Equal(got, want) || l.Names() != "the-db h db" {
		t.Errorf("%q\n%s", l.Names(), strings.Join(got, "\n"))
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("/db:/web/x")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err == nil && (l.Name == "" || l.Alias == "" || strings.ContainsAny(l.Alias, "\n\t =:/")) {
			t.Errorf("%q is taken for %+v", text, l)
		}
	})
}
