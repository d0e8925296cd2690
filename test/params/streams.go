package params

// streams are the endpoints that take the connection over.
func streams() []Endpoint {
	const reads = `"OpenStdin":true,"StopSignal":"SIGKILL","Cmd":["sh","-c","read x; echo out $x; echo err >&2; exit 3"]`
	setup := append(run("main", reads), append(run("ended", `"Cmd":["sh","-c","echo out; sleep 0.1; echo err >&2"]`), post("ended", "wait"), made("new", `"Cmd":["sh","-c","echo started"]`))...)
	setup = append(setup, run("tty", `"OpenStdin":true,"Tty":true,"StopSignal":"SIGKILL","Cmd":["sh","-c","stty -echo; read x; sleep 100000"]`)...)
	all := []string{"stream=1", "stdin=1", "stdout=1", "stderr=1"}
	quiet := []string{post("main", "kill")}
	fresh := again("main")
	done := []string{post("main", "wait"), state("main")}
	typed := func(p Param) Param { p.Input, p.After = "line\n", done; return p }
	tries := func() []Param {
		return []Param{
			word("stdin", "0", "No", "").with(all...).before(fresh...).during(quiet...),
			typed(word("stdin", "1", "true", "what")).with(all...).before(fresh...),
			typed(Param{In: "query", Name: "stdout", Good: []string{"1", "0"}, Edge: []string{"No", "true"}, Bad: []string{"what"}}).with(all...).before(fresh...),
			typed(Param{In: "query", Name: "stderr", Good: []string{"1", "0"}, Edge: []string{"No", "true"}, Bad: []string{"what"}}).with(all...).before(fresh...),
			{In: "query", Name: "stream", Good: []string{"0"}, Edge: []string{"no"}, At: "ended", Query: []string{"logs=1", "stdout=1", "stderr=1"}},
			typed(word("stream", "1", "true", "what")).with(all...).before(fresh...),
			{In: "query", Name: "logs", Good: []string{"1"}, Edge: []string{"true", "no"}, Bad: []string{"what"}, At: "ended", Query: []string{"stdout=1", "stderr=1"}},
			typed(word("detachKeys", "ctrl-x,y", "a", "")).with(all...).before(fresh...),
			word("detachKeys", "", "", "bogus ctrl-1 ctrl-").with(all...).before(fresh...),
			{In: "query", Name: "detachKeys", Edge: []string{"x,y"}, At: "tty", Query: all, Before: again("tty"), Input: "xy", During: []string{}, After: []string{"GET /containers/{tty}/json State.Running"}},
		}
	}
	who := Param{In: "path", Name: "id", Good: []string{"{main}"}, Edge: []string{"{main.id}", "{main.short}"}, Bad: []string{"nobody"}, Before: fresh, Query: all, Input: "line\n", After: done}
	upgraded := who
	upgraded.Upgrade = true
	socket := []Param{who}
	for _, p := range tries() {
		switch p.Name {
		case "stdin", "stdout", "stderr": // before 1.42 all of them are attached
			continue
		}
		socket = append(socket, p)
	}
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		socket = append(socket, Param{In: "query", Name: name, Before: fresh, Query: all, Input: "line\n", Newer: []Newer{{"1", "101"}, {"true", "101"}, {"what", "101"}}})
	}
	return []Endpoint{
		{
			Name: "POST /containers/{id}/attach", Setup: setup, Params: append([]Param{who, upgraded}, tries()...),
			More: []string{"POST /containers/{ended}/attach", "POST /containers/{new}/attach?logs=1&stdout=1", "GET /containers/{main}/attach", "HEAD /containers/{main}/attach", "POST /containers/nobody/attach?detachKeys=bogus"},
		},
		{
			Name: "GET /containers/{id}/attach/ws", Setup: setup, Params: socket,
			More: []string{"GET /containers/{ended}/attach/ws", "GET /containers/nobody/attach/ws", "POST /containers/{main}/attach/ws", "GET /containers/{main}/attach/ws?detachKeys=bogus"},
		},
	}
}
