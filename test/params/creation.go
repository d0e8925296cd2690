package params

// creation is how containers are made and changed by a body.
func creation() []Endpoint {
	const plain = `{"Image":"busybox","HostConfig":{"NetworkMode":"none"}}`
	shown := "GET /containers/{fresh}/json Name,State.Status,Config.Cmd,Config.Entrypoint,Config.Env,Config.WorkingDir,Config.User,Config.Hostname,HostConfig.Memory,HostConfig.MemorySwap,HostConfig.PidsLimit"
	gone := "DELETE /containers/{fresh}?force=1"
	return []Endpoint{
		{
			Name: "POST /containers/create", Setup: []string{made("main", `"Cmd":["sh"]`)},
			Before: []string{gone, "GET /_ping"}, Query: []string{"name={fresh}"}, Body: plain, After: []string{shown}, Values: []string{"Warnings", "Warnings[]"},
			Params: []Param{
				word("name", "{fresh} /{fresh}", "a-1_2.3 0x", "x -x {main} /{main} a/b ä a:b //{fresh}").after("GET /containers/{fresh}/json Name", "DELETE /containers/{last}"),
				word("platform", "linux/amd64 linux", "linux/amd64/v1", "windows/amd64 x/y/z/a !").with("name={fresh}"),
				body("body",
					[]string{plain, `{"Image":"busybox","Cmd":["a","b"],"Env":["A=1","B"],"WorkingDir":"/x","User":"1:2","Hostname":"h","HostConfig":{"NetworkMode":"none","Memory":67108864}}`},
					[]string{`{"Image":"busybox:latest"}`, `{"Image":"busybox","Cmd":"one"}`, `{"Image":"busybox","Unknown":1,"HostConfig":{"NoSuch":true}}`, `{"image":"busybox"}`, `{"Image":"busybox","Cmd":null,"HostConfig":null}`,
						`{"Image":"busybox","Entrypoint":[""]}`, `{"Image":"busybox","HostConfig":{"PidsLimit":-5}}`, `{"Image":"busybox","HostConfig":{"PidsLimit":0}}`, `{"Image":"busybox","Labels":null,"Env":[]}`, plain + "\n"},
					[]string{`{`, `x`, `[]`, `{}`, `null`, `""`, plain + ` x`, plain + plain, `[text/plain] ` + plain, `[application/json;charset=utf-8] ` + plain, `[application/] ` + plain, `{"Image":5}`, `{"Image":"nosuch"}`, `{"Image":"A b"}`, `{"Image":""}`,
						`{"Image":"busybox","HostConfig":{"Memory":1}}`, `{"Image":"busybox","HostConfig":{"Memory":-1}}`, `{"Image":"busybox","HostConfig":{"MemorySwap":67108864}}`, `{"Image":"busybox","HostConfig":{"Memory":67108864,"MemorySwap":1}}`,
						`{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"x"}}}`, `{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"no","MaximumRetryCount":3}}}`,
						`{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":-1}}}`, `{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"always"},"AutoRemove":true}}`,
						`{"Image":"busybox","HostConfig":{"NanoCpus":1000000000,"CpuQuota":1000}}`, `{"Image":"busybox","HostConfig":{"CpusetCpus":"99999"}}`, `{"Image":"busybox","HostConfig":{"CpusetCpus":"x"}}`,
						`{"Image":"busybox","HostConfig":{"OomScoreAdj":2000}}`, `{"Image":"busybox","HostConfig":{"ShmSize":-1}}`, `{"Image":"busybox","HostConfig":{"BlkioWeight":5}}`, `{"Image":"busybox","HostConfig":{"NetworkMode":"container:nobody"}}`,
						`{"Image":"busybox","HostConfig":{"Binds":["x"]}}`, `{"Image":"busybox","HostConfig":{"Binds":["/a:/b:nonsense"]}}`, `{"Image":"busybox","HostConfig":{"Binds":["/a:relative"]}}`, `{"Image":"busybox","HostConfig":{"Binds":["/a:/b","/c:/b"]}}`,
						`{"Image":"busybox","HostConfig":{"Runtime":"nosuch"}}`, `{"Image":"busybox","HostConfig":{"CapAdd":["NOSUCH"]}}`, `{"Image":"busybox","HostConfig":{"SecurityOpt":["x"]}}`,
						`{"Image":"busybox","HostConfig":{"LogConfig":{"Type":"json-file","Config":{"x":"y"}}}}`, `{"Image":"busybox","WorkingDir":"relative"}`, `{"Image":"busybox","StopSignal":"NOSUCH"}`, `{"Image":"busybox","Env":["=x"]}`,
						`{"Image":"busybox","Healthcheck":{"Interval":1}}`, `{"Image":"busybox","Healthcheck":{"Retries":-1}}`, `{"Image":"busybox","HostConfig":{"Links":["nobody:x"]}}`, `{"Image":"busybox","HostConfig":{"VolumesFrom":["nobody"]}}`},
				),
			},
			More: []string{"GET /containers/create", "HEAD /containers/create", "PUT /containers/create " + plain, "POST /containers/create/ " + plain},
		},
		{
			Name: "POST /containers/{id}/update", Setup: append(run("main", `"Cmd":["sleep","100000"],"StopSignal":"SIGKILL"`), made("new", `"Cmd":["sh"]`)),
			Body:   `{"CpuShares":512}`,
			After:  []string{"GET /containers/{main}/json HostConfig.Memory,HostConfig.MemorySwap,HostConfig.CpuShares,HostConfig.NanoCpus,HostConfig.CpuQuota,HostConfig.PidsLimit,HostConfig.RestartPolicy.Name,HostConfig.RestartPolicy.MaximumRetryCount"},
			Values: []string{"Warnings", "Warnings[]"},
			Params: []Param{ids(), body("update",
				[]string{`{"CpuShares":100}`, `{"Memory":67108864,"MemorySwap":134217728}`, `{"PidsLimit":50}`, `{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}}`, `{"NanoCpus":500000000}`},
				[]string{`{}`, `{"PidsLimit":0}`, `{"PidsLimit":-1}`, `{"Memory":0}`, `{"Unknown":1}`, `{"RestartPolicy":{"Name":"no"}}`, `{"RestartPolicy":{}}`, `null`, `{"cpushares":7}`},
				[]string{`{`, `x`, `[]`, `""`, `{"CpuShares":"x"}`, `{"Memory":1}`, `{"Memory":999999999999}`, `{"RestartPolicy":{"Name":"x"}}`, `{"RestartPolicy":{"Name":"no","MaximumRetryCount":3}}`, `{} x`, `[text/plain] {}`, `{"CpuQuota":1000,"NanoCpus":1000000}`,
					`{"NanoCpus":-1}`, `{"CpusetCpus":"99999"}`, `{"BlkioWeight":5}`, `{"CpuPeriod":1}`})},
			More: []string{"GET /containers/{main}/update", "HEAD /containers/{main}/update"},
		},
	}
}
