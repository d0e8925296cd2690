package params

// logs read what containers said.
func logs() []Endpoint {
	setup := append(run("main", `"Labels":{"a":"1"},"Cmd":["sh","-c","echo one; echo two; echo three; sleep 0.2; echo bad >&2"]`), post("main", "wait"), made("new", `"Cmd":["sh"]`))
	setup = append(setup, append(run("tty", `"Tty":true,"Cmd":["sh","-c","echo one; echo two"]`), post("tty", "wait"))...)
	setup = append(setup, run("talks", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`)...)
	setup = append(setup, append([]string{`POST /containers/create?name={mute} {"Image":"busybox","Cmd":["echo","x"],"HostConfig":{"NetworkMode":"none","LogConfig":{"Type":"none"}}}`, post("mute", "start")}, post("mute", "wait"))...)
	both := []string{"stdout=1", "stderr=1"}
	times := func(name string) Param {
		return word(name, "0 1 4000000000 4000000000.000000001", "-1 0.5", "x 1.x 2000-01-01T00:00:00Z 1h 99999999999999999999")
	}
	return []Endpoint{{
		Name: "GET /containers/{id}/logs", Setup: setup, Query: both,
		Params: []Param{
			ids(), flag("stdout"), flag("stderr"), flag("timestamps"), flag("stdout").at("tty"), flag("timestamps").at("tty"),
			flag("follow"), flag("follow").at("new"), flag("follow").at("tty"), flag("follow").at("mute"),
			word("follow", "1", "true", "what").at("talks").during(post("talks", "kill")).before(again("talks")...).with("stdout=1", "tail=0"),
			times("since"), times("until"),
			word("tail", "all 0 1 2", "100 -1 007", "x 1.5 99999999999999999999"), word("tail", "1", "0", "x").at("tty"), word("tail", "1", "0", "x").at("new"),
		},
		More: []string{"GET /containers/{main}/logs", "GET /containers/{main}/logs?stdout=0&stderr=0", "GET /containers/nobody/logs", "POST /containers/{main}/logs?stdout=1", "HEAD /containers/{main}/logs?stdout=1",
			"GET /containers/{main}/logs?stdout=1&details=1", "GET /containers/{main}/logs?stdout=1&since=4000000000&until=1"},
	}}
}

// figures tell what containers use.
func figures() []Endpoint {
	setup := append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Cmd":["sh"]`))
	streaming := word("stream", "1", "true", "what")
	streaming.Take = 2
	absent := Param{In: "query", Name: "stream", Take: 1}
	return []Endpoint{{
		Name: "GET /containers/{id}/stats", Setup: setup, Query: []string{"stream=0", "one-shot=1"}, Values: []string{"name", "num_procs"},
		Params: []Param{ids(), absent, streaming.with("one-shot=0"), word("stream", "0", "No", "").with("one-shot=0"), word("stream", "0", "No", "").at("new"),
			flag("one-shot").with("stream=0"), word("one-shot", "1", "true", "what").with("stream=1")},
		More: []string{"GET /containers/nobody/stats", "POST /containers/{main}/stats", "HEAD /containers/{main}/stats?stream=0"},
	}}
}
