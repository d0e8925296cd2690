package params

// changes rename, pause and remove containers.
func changes() []Endpoint {
	setup := append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Cmd":["sh"]`))
	fresh := []string{"DELETE /containers/{main}?force=1", "DELETE /containers/{main}?force=1&v=1", sleeper("main"), post("main", "start")}
	still := []string{"DELETE /containers/{still}", made("still", `"Cmd":["sh"],"Volumes":{"/v":{}}`)}
	return []Endpoint{
		{
			Name: "POST /containers/{id}/rename", Setup: setup, Before: []string{"POST /containers/{main.id}/rename?name={main}", "GET /_ping"}, Query: []string{"name={other}"},
			After: []string{"GET /containers/{main.id}/json Name"},
			Params: []Param{
				{In: "path", Name: "id", Good: []string{"{main}"}, Edge: []string{"{main.id}", "{main.short}"}, Bad: []string{"nobody"}},
				word("name", "{other} /{other}", "a.b-c_d 00", "x -x {new} {main} /{main} a/b ä //{other}"),
			},
			More: []string{"POST /containers/{main}/rename", "GET /containers/{main}/rename?name=x"},
		},
		{Name: "POST /containers/{id}/pause", Again: 5, Setup: setup, Before: []string{post("main", "unpause"), "GET /_ping"}, After: []string{state("main")}, Params: []Param{ids()},
			More: []string{"POST /containers/{new}/pause", "POST /containers/{main}/pause", "POST /containers/{main}/pause", "GET /containers/{main}/pause"}},
		{Name: "POST /containers/{id}/unpause", Again: 5, Setup: setup, Before: []string{post("main", "pause"), "GET /_ping"}, After: []string{state("main")}, Params: []Param{ids()},
			More: []string{"POST /containers/{new}/unpause", "POST /containers/{main}/unpause", "GET /containers/{main}/unpause"}},
		{
			Name: "DELETE /containers/{id}", Setup: append(setup, made("still", `"Cmd":["sh"]`)), Before: fresh, After: []string{state("main")}, Query: []string{"force=1"},
			Params: []Param{
				{In: "path", Name: "id", Good: []string{"{main}"}, Edge: []string{"{main.id}", "{main.short}"}, Bad: []string{"nobody"}},
				flag("v"), flag("force"), flag("link"),
				flag("v").at("still").before(still...).after(state("still")), flag("force").at("still").before(still...).after(state("still")), flag("link").at("still").before(still...).after(state("still")),
			},
			More: []string{"DELETE /containers/a/b", "DELETE /containers/a/b?link=1", "DELETE /containers/"},
		},
		{
			Name: "POST /containers/prune", Alone: true,
			Setup: []string{}, Before: []string{made("p1", `"Labels":{"a":"1"}`), made("p2", `"Labels":{"a":"2","b":""}`), "GET /_ping"},
			After:  []string{state("p1"), state("p2"), "DELETE /containers/{p1}", "DELETE /containers/{p2}"},
			Values: []string{"ContainersDeleted"},
			Params: []Param{filters(`{"label":["a=1"]}`, `{"label!":["a=1"]}`, `{"until":["1h"]}`, `{"until":["0"]}`, `{}`).
				edge(`{"label":{"b":true}}`, `{"label":["a","b"]}`, `{"label":[]}`, `{"until":["1000000h"]}`, `{"until":["-1h"]}`, `{"until":["2000-01-01"]}`, `null`).
				bad(`{`, `x`, `[]`, `{"nonsense":["x"]}`, `{"until":["x"]}`, `{"until":["1h","2h"]}`, `{"until":[""]}`)},
			More: []string{"GET /containers/prune", "HEAD /containers/prune"},
		},
	}
}
