package params

// files are the endpoints about what is in containers. {tar} is an archive with a file and a
// directory, {wrong} with a file where the container has a directory, {back} with the reverse.
func files() []Endpoint {
	const prepared = `"Cmd":["sh","-c","mkdir -p /d/e /owned; echo text >/d/file; ln -s file /d/link; ln -s /nowhere /d/broken; rm /etc/group; chown 5:6 /owned"]`
	setup := append(run("main", prepared), made("new", `"Cmd":["sh"]`), `POST /containers/create?name={sealed} {"Image":"busybox","HostConfig":{"NetworkMode":"none","ReadonlyRootfs":true}}`,
		post("main", "wait"))
	paths := func() Param {
		return Param{In: "query", Name: "path", Good: []string{"/d", "/d/file", "d/file"}, Edge: []string{"/d/.", "/d/", "/d/link", "/d/broken", "/", ".", "..", "/../../d", "/d/link/"}, Bad: []string{"/nothing", "/d/file/x", "/d/file/", "/d/link/x", "/d/broken/x", "\x00"}}
	}
	puts := paths()
	puts.Good, puts.Edge, puts.Bad = []string{"/d", "/owned"}, []string{"/d/.", "/d/", "d", "/"}, []string{"/nothing", "/d/file", "/d/link", "/d/broken"}
	inside := "GET /containers/{main}/archive?path=/d"
	unpacks := []string{inside, "GET /containers/{main}/archive?path=/owned"}
	const packed = "[application/x-tar] "
	return []Endpoint{
		{Name: "GET /containers/{id}/changes", Setup: setup, Values: []string{"[].Path", "[].Kind"}, Params: []Param{ids(), {In: "path", Name: "id", At: "new", Good: []string{"{new}"}}},
			More: []string{"POST /containers/{main}/changes", "HEAD /containers/{main}/changes"}},
		{Name: "GET /containers/{id}/export", Setup: setup, Params: []Param{ids()}, More: []string{"POST /containers/{main}/export", "GET /containers/nobody/export"}},
		{Name: "HEAD /containers/{id}/archive", Setup: setup, Query: []string{"path=/d/file"}, Params: []Param{ids(), paths()}, More: []string{"POST /containers/{main}/archive?path=/d", "DELETE /containers/{main}/archive?path=/d"}},
		{Name: "GET /containers/{id}/archive", Setup: setup, Query: []string{"path=/d/file"}, Params: []Param{ids(), paths()}, More: []string{"GET /containers/nobody/archive", "GET /containers/nobody/archive?path=/x"}},
		{
			Name: "PUT /containers/{id}/archive", Setup: setup, Query: []string{"path=/d"}, Body: packed + "{tar}", After: unpacks,
			Params: []Param{
				ids(), puts,
				{In: "query", Name: "noOverwriteDirNonDir", Good: []string{"1", "0"}, Edge: []string{"true", "No", ""}, Bad: []string{"what"}, Body: packed + "{wrong}"},
				{In: "query", Name: "noOverwriteDirNonDir", Good: []string{"1", "true"}, Body: packed + "{back}"},
				{In: "query", Name: "copyUIDGID", Good: []string{"1", "0"}, Edge: []string{"true", "No", ""}, Bad: []string{"what"}, Query: []string{"path=/owned"}},
				body("inputStream", []string{packed + "{tar}", packed + "{tar.gz}"}, []string{"{tar}", "[] {tar}", packed + "{empty}"}, []string{packed + "x", packed + "{half}", packed + "{out}"}),
				{In: "query", Name: "path", At: "sealed", Query: []string{}, Good: []string{"/tmp"}},
			},
			More: []string{"PUT /containers/{main}/archive " + packed + "{tar}", "PUT /containers/nobody/archive?path=/ " + packed + "{tar}"},
		},
	}
}
