package params

// execs are further processes in containers.
func execs() []Endpoint {
	setup := append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL","Env":["A=1"]`), made("new", `"Cmd":["sh"]`))
	paused := append(append([]string{}, setup...), append(run("paused", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), post("paused", "pause"))...)
	exec := func(config string) string { return "POST /containers/{main}/exec#exec " + config }
	says := exec(`{"AttachStdout":true,"AttachStderr":true,"Cmd":["sh","-c","echo out $A; echo err >&2; exit 5"]}`)
	shown := "GET /exec/{exec.id}/json Running,ExitCode,ProcessConfig.entrypoint,ProcessConfig.arguments,ProcessConfig.tty,ProcessConfig.privileged,ProcessConfig.user,OpenStdin,OpenStdout,OpenStderr,CanRemove,DetachKeys"
	who := Param{In: "path", Name: "id", Good: []string{"{exec.id}"}, Bad: []string{"nobody", "{main}", "{exec.short}"}, Edge: []string{"{exec.id}"}}
	const long = `{"Cmd":["sleep","100000"],"Tty":true}`
	sized := append(append([]string{}, setup...), exec(long), `POST /exec/{exec.id}/start {"Detach":true,"Tty":true}`)
	return []Endpoint{
		{
			Name: "POST /containers/{id}/exec", Setup: paused, Body: `{"Cmd":["true"]}`,
			Params: []Param{
				ids(), {In: "path", Name: "id", Bad: []string{"{new}", "{paused}"}},
				{In: "body", Name: "execConfig", After: []string{"GET /exec/{last}/json ProcessConfig.entrypoint,ProcessConfig.arguments,ProcessConfig.tty,ProcessConfig.privileged,ProcessConfig.user,OpenStdin,OpenStdout,OpenStderr,CanRemove,DetachKeys,Running,ExitCode"},
					Good: []string{`{"Cmd":["a","b","c"]}`, `{"Cmd":["a"],"Tty":true,"Privileged":true,"User":"1:2","AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"DetachKeys":"ctrl-x","Env":["B=2"],"WorkingDir":"/tmp"}`},
					Edge: []string{`{"Cmd":["true"],"Unknown":1}`, `{"cmd":["true"]}`, `{"Cmd":["true"],"User":"nobody-at-all"}`, `{"Cmd":["true"],"WorkingDir":"relative"}`, `{"Cmd":[""]}`, `{"Cmd":["true"],"Env":["=x"]}`, `{"Cmd":["true"],"Detach":true}`},
					Bad:  []string{`{`, `x`, `{}`, `null`, `[]`, `""`, `{"Cmd":[]}`, `{"Cmd":"true"}`, `{"Cmd":["true"]} x`, `[text/plain] {"Cmd":["true"]}`, `{"Cmd":["true"],"DetachKeys":"bogus"}`}},
			},
			More: []string{"GET /containers/{main}/exec", "HEAD /containers/{main}/exec", `POST /containers/nobody/exec {}`},
		},
		{
			Name: "POST /exec/{id}/start", Setup: setup, Before: []string{says}, Body: `{}`, After: []string{shown},
			Params: []Param{
				who, {In: "path", Name: "id", Good: []string{"{exec.id}"}, Upgrade: true},
				{In: "body", Name: "execStartConfig", Good: []string{`{"Detach":false,"Tty":false}`}, Edge: []string{`{}`, `{"Unknown":1}`, `{"detach":false}`, `null`, `{"Tty":false,"Detach":false,"ConsoleSize":null}`}, Bad: []string{`{`, `x`, `[]`, `""`, `{} x`, `[text/plain] {}`, `{"Detach":"x"}`}},
				{In: "body", Name: "execStartConfig", Good: []string{`{"Detach":true}`}, After: []string{}},
				{In: "body", Name: "execStartConfig", Good: []string{`{"Tty":false}`}, Before: []string{exec(`{"AttachStdin":true,"AttachStdout":true,"Cmd":["sh","-c","read x; echo got $x"]}`)}, Input: "line\n"},
				{In: "body", Name: "execStartConfig", Good: []string{`{"Tty":true}`}, Before: []string{exec(`{"Tty":true,"AttachStdout":true,"Cmd":["sh","-c","tty; exit 4"]}`)}},
				{In: "body", Name: "execStartConfig", Edge: []string{`{}`}, Bad: []string{`{"Tty":true}`}, Before: []string{exec(`{"AttachStdout":true,"Cmd":["nosuch"]}`)}},
				{In: "body", Name: "execStartConfig", Edge: []string{`{}`}, Before: []string{exec(`{"AttachStdout":true,"User":"nobody-at-all","Cmd":["true"]}`)}},
			},
			More: []string{"POST /exec/{exec.id}/start", "GET /exec/{exec.id}/start", "HEAD /exec/{exec.id}/start"},
		},
		{
			Name: "POST /exec/{id}/resize", Setup: sized, Query: []string{"h=24", "w=80"},
			Params: []Param{who, word("h", "1 100", "0 65535 007", "x -1 65536 1.5 9999999999"), word("w", "1 100", "0 65535 007", "x -1 65536 1.5 9999999999")},
			More:   []string{"GET /exec/{exec.id}/resize?h=1&w=1", "POST /exec/{exec.id}/resize"},
		},
		{
			Name: "GET /exec/{id}/json", Setup: append(append([]string{}, setup...), says), Values: []string{"Running", "ExitCode", "ProcessConfig.entrypoint", "ProcessConfig.arguments", "OpenStdin", "OpenStdout", "OpenStderr"},
			Params: []Param{who}, More: []string{"POST /exec/{exec.id}/json", "HEAD /exec/{exec.id}/json", "GET /exec/{exec.id}", "GET /exec//json"},
		},
	}
}
