package params

import (
	"slices"
	"strings"
)

// Endpoint is one endpoint and what it is tried with. Requests are written "METHOD /path", and
// what follows after a blank is the body, before it in brackets the body's media type if it is
// not JSON. {name} in them stands for the name that a container of this endpoint has,
// {name.id} for its ID and {name.short} for the ID's beginning.
type Endpoint struct {
	Name   string   // "POST /containers/{id}/stop", as in the API's description
	Setup  []string // makes its containers
	Before []string // goes before every try; only the last need succeed
	Query  []string // key=value of every try that does not say otherwise
	Body   string   // of every try whose parameter is not the body
	Input  string   // goes to the connection of a try once it is taken over
	During []string // goes out once a try's header has come
	Take   int      // so many JSON values are read of an answer that does not end; 0: all
	After  []string // shows the effect of a try
	Values []string // of JSON answers these are compared by value, the others by their shape
	Params []Param
	More   []string // further requests: what is wrong with the request itself
	Alone  bool     // tells of all containers, and so nothing may happen beside it
	// Again is how often all is tried again where the engines differ: dockerd hears late that its containerd has
	// paused a container, and then takes one that goes on meanwhile for paused, or the other way round.
	Again int
}

// Param is one parameter, tried in one situation. A parameter may need several.
type Param struct {
	In, Name        string // "query", "path" or "body", and its name there
	At              string // the container, where it is not the one called main
	Good, Edge, Bad []string
	// The same as in Endpoint, where this situation needs its own.
	Before, Query, During, After []string
	Body, Input                  string
	Take                         int
	Upgrade                      bool // asks for the connection
	// Newer is what the engine answers to a parameter that Debian's docker.io is too old for.
	Newer []Newer
}

// Newer is a try of a parameter that came after version 1.41 of the API, and the answer: status and
// message, by the description of the newest version.
type Newer struct{ Value, Want string }

// Row names a parameter as the API's description does.
func (e *Endpoint) Row(p *Param) string { return e.Name + " " + p.In + " " + p.Name }

// Kinds says with which kinds of values a row is tried.
func Kinds(list []Endpoint) map[string][]string {
	kinds := map[string][]string{}
	for i := range list {
		e := &list[i]
		for j := range e.Params {
			p := &e.Params[j]
			row := e.Row(p)
			for kind, values := range map[string]int{"good": len(p.Good), "edge": len(p.Edge), "bad": len(p.Bad), "newer": len(p.Newer)} {
				if values > 0 && !slices.Contains(kinds[row], kind) {
					kinds[row] = append(kinds[row], kind)
				}
			}
		}
	}
	return kinds
}

// List is every endpoint of these areas.
func List() []Endpoint {
	return slices.Concat(listings(), creation(), verbs(), changes(), streams(), logs(), figures(), files(), execs(), system())
}

// sleeper makes a container that lives until it is killed. Its stop signal is SIGKILL, so that nothing waits.
func sleeper(name string) string {
	return made(name, `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`)
}

// made makes a container with a configuration. It has no network, which takes docker.io long.
func made(name, config string) string {
	return `POST /containers/create?name={` + name + `} {"Image":"busybox","HostConfig":{"NetworkMode":"none"},` + config + `}`
}

// run makes a container with a configuration and starts it.
func run(name, config string) []string { return []string{made(name, config), post(name, "start")} }

func post(name, verb string) string { return "POST /containers/{" + name + "}/" + verb }

// again brings a container to the beginning of a new run.
func again(name string) []string {
	return []string{post(name, "unpause"), post(name, "kill"), post(name, "wait"), post(name, "start")}
}

// state shows what has become of a container.
func state(name string) string {
	return "GET /containers/{" + name + "}/json State.Status,State.Running,State.Paused,State.ExitCode,State.Restarting,State.Dead,State.OOMKilled,RestartCount,Name"
}

// ids are the tries of the container in the path.
func ids() Param {
	return Param{In: "path", Name: "id", Good: []string{"{main}"}, Edge: []string{"{main.id}", "{main.short}"}, Bad: []string{"nobody"}}
}

// flag is a boolean in the query.
func flag(name string) Param {
	return Param{In: "query", Name: name, Good: []string{"1", "0"}, Edge: []string{"true", "No", ""}, Bad: []string{"what"}}
}

// word is another parameter in the query; its values are separated by blanks.
func word(name, good, edge, bad string) Param {
	return Param{In: "query", Name: name, Good: strings.Fields(good), Edge: strings.Fields(edge), Bad: strings.Fields(bad)}
}

func (p Param) at(name string) Param { p.At = name; return p }

func (p Param) with(query ...string) Param { p.Query = query; return p }

func (p Param) after(requests ...string) Param { p.After = requests; return p }

func (p Param) before(requests ...string) Param { p.Before = requests; return p }

func (p Param) during(requests ...string) Param { p.During = requests; return p }

// body is the body of a request.
func body(name string, good, edge, bad []string) Param {
	return Param{In: "body", Name: name, Good: good, Edge: edge, Bad: bad}
}
