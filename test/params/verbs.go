package params

// verbs start, end and wait for containers.
func verbs() []Endpoint {
	setup := append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Cmd":["sh"]`), sleeper("twin"))
	up := again("main")
	deaf := append(append([]string{}, setup...), run("deaf", `"Cmd":["sleep","100000"]`)...) // SIGTERM does nothing to it
	seconds := func(wrong string) []Param {
		return []Param{
			word("t", "0 1", "", "").at("deaf").before(again("deaf")...).after(state("deaf")),
			word("t", "5", "-1 007", "x 1.5 99999999999999999999").before(up...),
			{In: "query", Name: "signal", Before: up, Newer: []Newer{{"SIGKILL", "204"}, {"9", "204"}, {"", "204"}, {"NOSUCH", wrong}}},
		}
	}
	return []Endpoint{
		{
			Name: "POST /containers/{id}/start", Setup: setup, Before: []string{post("main", "kill"), post("main", "wait")}, After: []string{state("main")},
			Params: []Param{ids(), word("detachKeys", "ctrl-x", "", "bogus"), {In: "path", Name: "id", At: "main", Before: up}},
			More: []string{"POST /containers/{main}/start {}", "POST /containers/{main}/start null", `POST /containers/{main}/start {"Binds":["/:/x"]}`, "POST /containers/{main}/start [text/plain] x",
				"GET /containers/{main}/start", "HEAD /containers/{main}/start", "POST /containers/{main}/start?checkpoint=x"},
		},
		{Name: "POST /containers/{id}/stop", Setup: deaf, Before: up, After: []string{state("main")}, Params: append(seconds("400 invalid signal: NOSUCH"), ids()),
			More: []string{"POST /containers/{new}/stop", "GET /containers/{main}/stop", "POST /containers/{main}/stop?signal=NOSUCH"}},
		{Name: "POST /containers/{id}/restart", Setup: deaf, Before: up, After: []string{state("main")}, Params: append(seconds("500 Cannot restart container {main}: invalid signal: NOSUCH"), ids()),
			More: []string{"GET /containers/{main}/restart", "POST /containers/{main}/restart?signal=NOSUCH"}},
		{
			Name: "POST /containers/{id}/kill", Setup: setup, Before: up, After: []string{state("main")},
			Params: []Param{ids(), word("signal", "SIGKILL KILL 9 kill", "SIGWINCH RTMIN+3 64", "NOSUCH 0 65 -1 15x SIG").after("GET /containers/{main}/json Name")},
			More:   []string{"POST /containers/{new}/kill", "POST /containers/{new}/kill?signal=NOSUCH", "GET /containers/{main}/kill", "POST /containers/{main}/kill?signal="},
		},
		{
			Name: "POST /containers/{id}/wait", Setup: setup, Before: up, During: []string{post("main", "kill")}, Values: []string{"StatusCode"},
			Params: []Param{
				ids(),
				word("condition", "not-running next-exit", "", "bogus"),
				{In: "query", Name: "condition", Before: []string{sleeper("gone"), post("gone", "start")}, At: "gone", Good: []string{"removed"}, During: []string{"DELETE /containers/{gone}?force=1"}},
				{In: "query", Name: "condition", At: "new", Good: []string{"not-running"}, Edge: []string{""}, Bad: []string{"running"}, During: []string{"GET /_ping"}},
			},
			More: []string{"GET /containers/{new}/wait", "POST /containers/nobody/wait?condition=bogus"},
		},
		{
			Name: "POST /containers/{id}/resize", Setup: append(run("main", `"Cmd":["sleep","100000"],"Tty":true`), made("new", `"Cmd":["sh"]`)), Query: []string{"h=24", "w=80"},
			After:  []string{},
			Params: []Param{ids(), word("h", "1 100", "0 65535 007", "x -1 65536 1.5 9999999999 99999999999999999999"), word("w", "1 100", "0 65535 007", "x -1 65536 1.5 9999999999 99999999999999999999"), word("h", "1", "0", "x").at("new")},
			More:   []string{"POST /containers/{main}/resize", "GET /containers/{main}/resize?h=1&w=1"},
		},
	}
}
