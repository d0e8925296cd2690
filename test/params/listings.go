package params

// listings are the endpoints that tell of containers without touching them.
func listings() []Endpoint {
	one := []string{"State.Status", "State.Running", "State.ExitCode", "Name", "Path", "Args", "Config.Cmd", "Config.Image", "Config.Env", "Config.StopSignal", "Config.Labels",
		"HostConfig.NetworkMode", "HostConfig.RestartPolicy.Name", "HostConfig.LogConfig.Type", "HostConfig.ShmSize", "HostConfig.IpcMode", "HostConfig.CgroupnsMode",
		"HostConfig.MaskedPaths", "HostConfig.ReadonlyPaths", "Driver", "Platform", "SizeRw", "RestartCount", "AppArmorProfile", "ProcessLabel", "MountLabel", "ExecIDs"}
	return []Endpoint{
		{
			Name: "GET /containers/json", Alone: true,
			Setup: append(append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL","Labels":{"a":"1"}`), made("new", `"Labels":{"a":"2","b":"x"},"ExposedPorts":{"80/tcp":{}}`)),
				append(run("ended", `"Cmd":["sh","-c","echo >/file; exit 3"]`), post("ended", "wait"))...),
			Values: []string{"[].Names[]", "[].State", "[].Image", "[].Command", "[].Labels.a", "[].HostConfig.NetworkMode", "[].SizeRw"},
			Params: []Param{
				flag("all"),
				word("limit", "1 2", "0 -1 100000", "x 1.5 99999999999999999999"),
				flag("size").with("all=1"),
				filters(`{"label":["a=1"]}`, `{"label":["a","b"]}`, `{"status":["created","exited"]}`, `{"exited":["3"]}`, `{"name":["{ended}"]}`, `{"id":["{main.short}"]}`,
					`{"ancestor":["busybox"]}`, `{"before":["{ended}"],"status":["created"]}`, `{"since":["{main}"]}`, `{"network":["none"]}`, `{"health":["none"]}`, `{"is-task":["true"]}`,
					`{"is-task":["false"]}`, `{"volume":["x"]}`, `{"publish":["80"]}`, `{"expose":["80/tcp"]}`, `{"expose":["1-100"]}`, `{"status":["running"],"label":["a=1"]}`).
					edge(`{}`, `{"label":[]}`, `{"label":{"a=2":true}}`, `{"label":["a"],"status":["created"]}`, `{"name":["^/{main}$"]}`, `{"ancestor":["nothing"]}`, `null`).
					bad(`{`, `x`, `[]`, `{"nonsense":["x"]}`, `{"status":["x"]}`, `{"exited":["x"]}`, `{"name":["("]}`, `{"before":["nobody"]}`, `{"since":["nobody"]}`, `{"health":["x"]}`,
						`{"is-task":["x"]}`, `{"publish":["x"]}`, `{"expose":["80/x"]}`, `{"publish":["90-80"]}`, `{"network":["nothing"]}`).with("all=1"),
			},
			More: []string{"HEAD /containers/json", "POST /containers/json", "GET /containers", "GET /containers/", "GET /containers/json/", "GET /containers/json?all=1&all=0", "GET /containers/json?unknown=1",
				"GET /containers/json?filters=%zz", "GET /containers/json?a;b"},
		},
		{
			Name: "GET /containers/{id}/json", Setup: append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL","Labels":{"a":"1"},"Env":["A=1"]`), made("new", `"Cmd":["sh"]`),
				made("twin", `"Cmd":["sh"],"Healthcheck":{"Test":["CMD","true"]},"ExposedPorts":{"80/tcp":{}},"Volumes":{"/v":{}}`)),
			Values: one,
			Params: []Param{ids(), flag("size"), flag("size").at("new"), flag("size").at("twin")},
			More:   []string{"HEAD /containers/{main}/json", "PUT /containers/{main}/json", "GET /containers/a/b/json", "GET /containers/{main}/nothing", "GET /containers/{main}"},
		},
		{
			Name: "GET /containers/{id}/top", Setup: append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Cmd":["sh"]`)),
			Values: []string{"Titles", "Titles[]"},
			Params: []Param{ids(), word("ps_args", "-ef aux -eopid,comm", "-e -opid=", "nonsense -o -Z"), word("ps_args", "aux", "-ef", "x").at("new")},
			More:   []string{"HEAD /containers/{main}/top", "POST /containers/{main}/top"},
		},
	}
}

// filters are the tries of that parameter.
func filters(good ...string) Param { return Param{In: "query", Name: "filters", Good: good} }

func (p Param) edge(values ...string) Param { p.Edge = values; return p }

func (p Param) bad(values ...string) Param { p.Bad = values; return p }
