package params

// system are the endpoints about the engine itself, and what is the same for all: versions, paths, methods.
func system() []Endpoint {
	return []Endpoint{
		{Name: "GET /_ping", More: []string{"GET /_ping", "HEAD /_ping", "GET =/_ping", "POST /_ping", "GET /_ping/", "GET =/v1.99/_ping", "GET =/v1.24/_ping", "GET =/v1.1/_ping"}},
		{Name: "HEAD /_ping", More: []string{"HEAD /_ping", "HEAD =/_ping"}},
		{
			Name: "GET /version", Values: []string{"Os", "Arch", "KernelVersion", "Platform.Name", "Components[].Details.Os"},
			More: []string{"GET /version", "HEAD /version", "POST /version", "GET =/v1.99/version", "GET =/v1.11/version", "GET =/v1.25/version", "GET =/v1/version", "GET =/v1.x/version", "GET =/v2.0/version", "GET =/v0.9/version", "GET =/v1.41.1/version",
				"GET =/v/version", "GET =/", "GET =//version", "GET =/v1.41", "GET =/v1.41/", "GET =/nothing", "GET =/v1.41/nothing", "POST =/nothing", "DELETE =/v1.41/version", "PATCH =/v1.41/version", "OPTIONS =/v1.41/version", "OPTIONS =/nothing",
				"GET =/v1.41/%76ersion", "GET =/v1.41//version", "GET =/v1.41/./version", "GET =/v1.41/x/../version"},
		},
		{Name: "GET /info", Alone: true, Values: []string{"Containers", "ContainersRunning", "Driver", "OSType", "Architecture", "NCPU", "MemTotal", "MemoryLimit", "SwapLimit", "CgroupDriver", "CgroupVersion", "IndexServerAddress", "Isolation", "DefaultRuntime",
			"HttpProxy", "NoProxy", "Labels", "ExperimentalBuild", "LiveRestoreEnabled", "KernelVersion", "OperatingSystem", "Debug", "LoggingDriver"},
			More: []string{"GET /info", "HEAD /info", "POST /info", "GET /info?x=1"}},
		{
			Name: "GET /system/df", Alone: true, Setup: append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Volumes":{"/v":{}}`)), Values: []string{"Containers[].State", "Containers[].Image", "Volumes[].Driver", "Volumes[].UsageData.RefCount"},
			Params: []Param{
				{In: "query", Name: "type", Newer: []Newer{{"container", "200"}, {"volume", "200"}, {"image", "200"}, {"build-cache", "200"}, {"x", "400 unknown object type: x"}, {"", "400 unknown object type: "}}},
				{In: "query", Name: "verbose", Newer: []Newer{{"1", "200"}, {"0", "200"}, {"what", "400 invalid value for verbose: what"}}},
			},
			More: []string{"GET /system/df", "HEAD /system/df", "POST /system/df", "GET /system/df?type=container"},
		},
		{
			Name: "GET /events", Alone: true, Setup: append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL","Labels":{"a":"1"}`), post("main", "pause"), post("main", "unpause"), post("main", "stop"), post("main", "wait")),
			Query: []string{"since={begin}", "until={now}", `filters={"container":["{main}"]}`}, Values: []string{"Type", "Action", "status", "Actor.Attributes.name", "Actor.Attributes.exitCode", "Actor.Attributes.image", "Actor.Attributes.a", "scope"},
			Params: []Param{
				word("since", "{begin} {now}", "4000000000", "x 1.x"),
				{In: "query", Name: "until", Take: 1},
				word("until", "{now} {begin}", "1", "x 1.x"),
				filters(`{"container":["{main}"]}`, `{"event":["start"]}`, `{"type":["container"],"event":["stop"]}`, `{"label":["a=1"]}`, `{"image":["busybox"],"type":["container"]}`, `{"container":["{main.id}"]}`, `{"scope":["local"],"type":["container"]}`).
					edge(`{"type":{"container":true}}`, `{"event":["die","stop"]}`, `{"container":["nobody"]}`, `{"type":["nothing"]}`, `{"scope":["swarm"]}`, `{"daemon":["x"]}`, `{"network":["x"]}`, `{"volume":["x"]}`, `{"node":["x"]}`, `{"plugin":["x"]}`).
					bad(`{`, `x`, `[]`, `{"nonsense":["x"]}`),
			},
			More: []string{"GET /events?since=2&until=1", "POST /events", "HEAD /events?until=1"},
		},
		{
			Name: "POST /auth", Params: []Param{body("authConfig", []string{`{"username":"u","password":"p","serveraddress":"http://127.0.0.1:1"}`}, []string{`{"username":"u","password":"p","serveraddress":"127.0.0.1:1","Unknown":1}`},
				[]string{`{`, `x`, `[]`, `""`, `[text/plain] {"username":"u","password":"p","serveraddress":"http://127.0.0.1:1"}`, `{"username":"u","password":"p","serveraddress":"http://127.0.0.1:1"} x`, `{"username":5}`})},
			More: []string{"GET /auth", "HEAD /auth"},
		},
	}
}
