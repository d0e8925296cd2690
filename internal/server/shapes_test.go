package server

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"berth/internal/container"
	"berth/internal/image"

	"github.com/moby/moby/client"
)

// theClient is moby's own client talking to a fake.
func theClient(t *testing.T, f *fake) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost("unix://" + start(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestTheClientReadsContainersAsTheyAre(t *testing.T) {
	f := &fake{containers: []container.Container{sample()}}
	c := theClient(t, f)
	got, err := c.ContainerInspect(context.Background(), "web", client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	i := got.Container
	if i.Name != "/web" || !i.State.Running || i.State.Status != "running" || i.State.StartedAt != "2026-01-02T03:04:05.000000006Z" || i.State.FinishedAt != "0001-01-01T00:00:00Z" {
		t.Errorf("%+v", i.State)
	}
	if n := i.NetworkSettings.Networks["bridge"]; n == nil || n.IPAddress.String() != "172.17.0.2" || n.IPPrefixLen != 16 || n.MacAddress.String() != "02:42:ac:11:00:02" {
		t.Errorf("%+v", i.NetworkSettings)
	}
	ports, _ := json.Marshal(i.NetworkSettings.Ports)
	if string(ports) != `{"443/tcp":null,"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"}]}` {
		t.Errorf("%s", ports)
	}
	if len(i.Mounts) != 2 || i.Mounts[0].Mode != "ro" || i.Mounts[0].RW || i.Mounts[0].Propagation != "rprivate" || i.Mounts[1].Name != "data" || i.Mounts[1].Source != "/v/data/_data" {
		t.Errorf("%+v", i.Mounts)
	}
	list, err := c.ContainerList(context.Background(), client.ContainerListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	s := list.Items[0]
	if s.Names[0] != "/web" || s.Command != "nginx -g 'daemon off;'" || !strings.HasPrefix(s.Status, "Up ") || len(s.Ports) != 2 || s.Ports[0].PublicPort != 32768 {
		t.Errorf("%+v", s)
	}
}

func TestOlderClientsFindTheAddressBesideNetworks(t *testing.T) {
	f := &fake{containers: []container.Container{sample()}}
	for version, want := range map[string]bool{"/v1.51": true, "/v1.52": false} {
		w := ask(f, "GET", version+"/containers/web/json", "")
		var got struct{ NetworkSettings map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if _, ok := got.NetworkSettings["IPAddress"]; ok != want {
			t.Errorf("%s: %v", version, got.NetworkSettings)
		}
		if got.NetworkSettings["Networks"] == nil || want && got.NetworkSettings["IPAddress"] != "172.17.0.2" {
			t.Errorf("%s: %v", version, got.NetworkSettings)
		}
	}
}

func TestTheClientReadsImagesAndTheSystem(t *testing.T) {
	f := &fake{images: []image.Image{sampleImage()}, containers: []container.Container{sample(), {ID: "b", State: container.Exited}}}
	c := theClient(t, f)
	ctx := context.Background()
	list, err := c.ImageList(ctx, client.ImageListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].RepoTags[0] != "x:latest" || list.Items[0].Created != 1e9 {
		t.Errorf("%+v %v", list, err)
	}
	img, err := c.ImageInspect(ctx, "library/x")
	if err != nil || img.Os != "linux" || len(img.RootFS.Layers) != 1 {
		t.Errorf("%+v %v", img, err)
	}
	version, err := c.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil || version.APIVersion != "1.56" || version.MinAPIVersion != "1.24" || len(version.Components) != 2 {
		t.Errorf("%+v %v", version, err)
	}
	info, err := c.Info(ctx, client.InfoOptions{})
	if err != nil || info.Info.Containers != 2 || info.Info.ContainersRunning != 1 || info.Info.ContainersStopped != 1 || info.Info.Images != 1 || info.Info.Driver != "overlayfs" {
		t.Errorf("%+v %v", info, err)
	}
	ping, err := c.Ping(ctx, client.PingOptions{})
	if err != nil || ping.APIVersion != "1.56" || ping.OSType != "linux" {
		t.Errorf("%+v %v", ping, err)
	}
	exec, err := c.ExecInspect(ctx, "e", client.ExecInspectOptions{})
	if err != nil || exec.ExitCode != 3 || exec.ContainerID != "c1" {
		t.Errorf("%+v %v", exec, err)
	}
}

func TestOlderClientsSeeDanglingImagesAsNone(t *testing.T) {
	img := sampleImage()
	img.Names = nil
	f := &fake{images: []image.Image{img}}
	if w := ask(f, "GET", "/v1.42/images/json", ""); !strings.Contains(w.Body.String(), `"RepoTags":["<none>:<none>"]`) || !strings.Contains(w.Body.String(), `"VirtualSize":5`) {
		t.Error(w.Body)
	}
	if w := ask(f, "GET", "/v1.44/images/json", ""); !strings.Contains(w.Body.String(), `"RepoTags":[]`) || strings.Contains(w.Body.String(), "VirtualSize") {
		t.Error(w.Body)
	}
}

func TestLoadStreamsItsLinesAndEndsWithTheError(t *testing.T) {
	f := &fake{}
	w := ask(f, "POST", "/images/load?quiet=0", "tar")
	if w.Code != 200 || w.Body.String() != `{"status":"Unpacked sha256:1"}`+"\r\n"+`{"stream":"Loaded image: x:latest\n"}`+"\r\n" || f.body != "tar" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = ask(f, "POST", "/images/load?quiet=0", "half")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"errorDetail":{"message":"invalid image archive: unexpected EOF"}`) || !strings.Contains(w.Body.String(), `"error":"invalid`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = ask(&fake{failWith: errNoStream}, "POST", "/images/load", "tar")
	if w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestImportTakesTheBodyAndItsOptions(t *testing.T) {
	f := &fake{}
	w := ask(f, "POST", "/images/create?fromSrc=-&repo=r&tag=t&changes=CMD+a&changes=ENV+b&platform=linux/arm64", "tar")
	if w.Code != 200 || w.Body.String() != `{"status":"sha256:abc"}`+"\r\n" || f.body != "tar" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if o := f.imported; o.Repo != "r" || o.Tag != "t" || o.Message != "Imported from -" || len(o.Changes) != 2 || o.Platform != "linux/arm64" {
		t.Errorf("%+v", o)
	}
}

func TestImageRemovalKnowsWhoUsesTheImage(t *testing.T) {
	f := &fake{containers: []container.Container{sample()}}
	w := ask(f, "DELETE", "/images/x", "")
	if w.Body.String() != `[{"Untagged":"x:latest"},{"Deleted":"sha256:img"}]`+"\n" || !strings.HasPrefix(f.seen(), "used by abab") {
		t.Errorf("%s %s", w.Body, f.seen())
	}
}

func TestContainerFiltersSelect(t *testing.T) {
	stopped := sample()
	stopped.ID, stopped.Name, stopped.State, stopped.ImageID = "cd", "db", container.Exited, "sha256:other"
	stopped.Config.Labels, stopped.Run.ExitCode, stopped.Endpoints[0].Ports, stopped.HostConfig.Mounts = nil, 3, nil, nil
	stopped.Created = stopped.Created.Add(-1)
	stopped.Config.Image = "other"
	img := sampleImage()
	f := &fake{containers: []container.Container{sample(), stopped}, images: []image.Image{img}}
	for filter, want := range map[string]string{
		``: "web", `{"status":["exited"]}`: "db", `{"status":["running","exited"]}`: "web db", `{"exited":["3"]}`: "db", `{"exited":["4"]}`: "",
		`{"name":["^/we"]}`: "web", `{"name":["x","eb$"]}`: "web", `{"id":["ab"]}`: "web", `{"id":["b"]}`: "", `{"label":["a=1","b"]}`: "web",
		`{"label":["a=2"]}`: "", `{"label":{"a":true}}`: "web", `{"network":["bridge"]}`: "web", `{"network":["n1"]}`: "web", `{"network":["host"]}`: "",
		`{"publish":["32768"]}`: "web", `{"expose":["80/tcp"]}`: "web", `{"expose":["70-79"]}`: "", `{"volume":["data"]}`: "web", `{"volume":["/dst"]}`: "web",
		`{"volume":["no"]}`: "", `{"ancestor":["sha256:img"]}`: "web", `{"ancestor":["none"]}`: "", `{"health":["none"]}`: "web", `{"health":["healthy"]}`: "",
		`{"is-task":["true"]}`: "", `{"is-task":["false"]}`: "web", `{"since":["db"]}`: "web", `{"before":["db"]}`: "", `{"before":["web"],"status":["exited"]}`: "db",
	} {
		w := ask(f, "GET", "/containers/json?filters="+url.QueryEscape(filter), "")
		if got := names(t, w.Body.Bytes()); got != want {
			t.Errorf("%s: %q, not %q (%s)", filter, got, want, w.Body)
		}
	}
	for query, want := range map[string]string{"all=1": "web db", "limit=1": "web", "limit=2": "web db", "all=0": "web", "limit=-1": "web"} {
		if got := names(t, ask(f, "GET", "/containers/json?"+query, "").Body.Bytes()); got != want {
			t.Errorf("%s: %q", query, got)
		}
	}
	for _, filter := range []string{`{"status":["odd"]}`, `{"exited":["x"]}`, `{"name":["("]}`, `{"publish":["x"]}`, `{"is-task":["x"]}`, `{"health":["x"]}`, `{"before":["none"]}`, `{"odd":["x"]}`, `[]`} {
		if w := ask(f, "GET", "/containers/json?filters="+url.QueryEscape(filter), ""); w.Code != 400 {
			t.Errorf("%s: %d %s", filter, w.Code, w.Body)
		}
	}
}

func names(t *testing.T, body []byte) string {
	t.Helper()
	var list []struct{ Names []string }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimPrefix(c.Names[0], "/"))
	}
	return strings.Join(out, " ")
}

func TestImageFiltersSelect(t *testing.T) {
	dangling := sampleImage()
	dangling.Names = nil
	f := &fake{images: []image.Image{sampleImage(), dangling}}
	for filter, want := range map[string]int{
		``: 2, `{"reference":["x"]}`: 1, `{"reference":["x:l*"]}`: 1, `{"reference":["y"]}`: 0, `{"dangling":["true"]}`: 1, `{"dangling":["0"]}`: 1,
		`{"label":["a"]}`: 0, `{"until":["2000-01-01"]}`: 0, `{"until":["2020-01-01"]}`: 2, `{"before":["x"]}`: 0,
	} {
		w := ask(f, "GET", "/images/json?filters="+url.QueryEscape(filter), "")
		var list []any
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != want {
			t.Errorf("%s: %s %v", filter, w.Body, err)
		}
	}
}
