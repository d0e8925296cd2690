package config

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Link is another container of the default network, and the name by which one knows it.
type Link struct {
	ID    string
	Alias string
	Name  string `json:",omitempty"` // as the user wrote it, then as it was called, or in a snapshot is
}

// ParseLink reads NAME[:ALIAS], or what an inspect shows: /NAME:/CONTAINER/ALIAS.
func ParseLink(text string) (Link, error) {
	name, alias, found := strings.Cut(text, ":")
	if !found {
		alias = name
	}
	if strings.HasPrefix(alias, "/") {
		alias = path.Base(alias)
	}
	name = strings.TrimPrefix(name, "/")
	switch {
	case text == "":
		return Link{}, fault.New(fault.Invalid, "empty string specified for links")
	case name == "":
		return Link{}, fault.New(fault.Invalid, "could not get container for : invalid name or ID supplied: \"\"")
	case alias == "" || alias == "/" || strings.ContainsAny(alias, ": \t\n=/"):
		return Link{}, fault.New(fault.Invalid, "bad format for links: %s", text)
	}
	return Link{Alias: alias, Name: name}, nil
}

// LinkedTo is a linked container as its parent sees it.
type LinkedTo struct {
	Link
	Parent  string // its name
	Address string
	Config  Config
}

// Names are what the parent can call it by, for its hosts.
func (l LinkedTo) Names() string {
	names := l.Alias + " " + l.Config.Hostname
	if l.Alias != l.Name {
		names += " " + l.Name
	}
	return names
}

// Environment is what tells the parent's programs of it, as Docker's legacy links do.
func (l LinkedTo) Environment() []string {
	alias := strings.ReplaceAll(strings.ToUpper(l.Alias), "-", "_")
	var env []string
	set := func(name, value string) { env = append(env, alias+"_"+name+"="+value) }
	ports := l.ports()
	url := func(p exposed) string { return p.proto + "://" + l.Address + ":" + p.text }
	if len(ports) > 0 {
		set("PORT", url(ports[0]))
	}
	for _, r := range ranges(ports) {
		first, last := r[0], r[1]
		name := "PORT_" + first.text + "_" + strings.ToUpper(first.proto)
		set(name+"_START", url(first))
		set(name+"_PORT_START", first.text)
		set(name+"_END", url(last))
		set(name+"_PORT_END", last.text)
	}
	for _, p := range ports {
		name := "PORT_" + p.text + "_" + strings.ToUpper(p.proto)
		set(name, url(p))
		set(name+"_ADDR", l.Address)
		set(name+"_PORT", p.text)
		set(name+"_PROTO", p.proto)
	}
	set("NAME", "/"+l.Parent+"/"+l.Alias)
	for _, kv := range l.Config.Env {
		if name, value, is := strings.Cut(kv, "="); is && name != "HOME" && name != "PATH" {
			set("ENV_"+name, value)
		}
	}
	return env
}

type exposed struct {
	number      int
	text, proto string
}

// ports are what it exposes, by number, TCP first.
func (l LinkedTo) ports() []exposed {
	var list []exposed
	for _, port := range l.Config.ExposedPorts {
		text, proto, _ := strings.Cut(port, "/")
		if n, err := strconv.Atoi(text); err == nil {
			list = append(list, exposed{n, text, cmp.Or(proto, "tcp")})
		}
	}
	slices.SortFunc(list, func(a, b exposed) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(rank(a.proto), rank(b.proto)), cmp.Compare(a.proto, b.proto))
	})
	return list
}

// ranges are the first and the last of three and more ports that follow each other; one of
// both protocols counts twice, as with Docker.
func ranges(ports []exposed) (found [][2]exposed) {
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1].number <= ports[i].number+j+1-i {
			j++
		}
		if j > i+1 {
			found = append(found, [2]exposed{ports[i], ports[j]})
			i = j
		}
		i++
	}
	return found
}

func rank(proto string) int {
	if proto == "tcp" {
		return 0
	}
	return 1
}
