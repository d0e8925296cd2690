package volumedriver

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/plugin"
)

func TestAPluginsAnswersAreThoseOfADriver(t *testing.T) {
	root, err := os.MkdirTemp("/tmp", "driver") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	if err := os.MkdirAll(root+"/run/docker/plugins", 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", root+"/run/docker/plugins/plug.sock")
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{
		"/Plugin.Activate": `{"Implements":["VolumeDriver"]}`, "/VolumeDriver.Capabilities": `{"Capabilities":{"Scope":"GLOBAL"}}`,
		"/VolumeDriver.Create": `{"Err":"it is full"}`, "/VolumeDriver.Get": `{"Volume":{"Name":"a","Mountpoint":"/m","CreatedAt":"2026-11-28T16:00:00Z","Status":{"k":1}}}`,
		"/VolumeDriver.List": `{"Volumes":[{"Name":"a"},null,{"Name":""}]}`, "/VolumeDriver.Mount": `{}`, "/VolumeDriver.Path": `{"Mountpoint":"/m"}`,
		"/VolumeDriver.Unmount": `{"Err":"it is not mounted"}`, "/VolumeDriver.Remove": `{}`,
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answers[r.URL.Path]) })}}
	s.Start()
	limits := plugin.Limits{Connect: time.Second, Look: time.Second, Back: 10 * time.Millisecond}
	drivers := &Drivers{Registry: plugin.New(root, limits), Look: limits.Look}
	defer drivers.Close()
	d, err := drivers.Lookup("plug")
	if err != nil {
		t.Fatal(err)
	}
	if scope := d.Scope(); scope != "global" {
		t.Error(scope)
	}
	if err := d.Create("a", nil); err == nil || err.Error() != "it is full" || fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if v, err := d.Get("a"); err != nil || v.Dir != "/m" || v.Status["k"] != 1.0 || !v.Created.Equal(time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC)) {
		t.Error(v, err)
	}
	if list, err := d.List(); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if dir, err := d.Mount("a", "id"); err != nil || dir != "/m" { // Path says where
		t.Error(dir, err)
	}
	if err := d.Unmount("a", "id"); err == nil || err.Error() != "it is not mounted" {
		t.Error(err)
	}
	answers["/VolumeDriver.Get"] = `{}`
	if _, err := d.Get("b"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := drivers.Lookup("nope"); !fault.Is(err, fault.NotFound) || err.Error() != `error looking up volume plugin nope: plugin "nope" not found` {
		t.Error(err)
	}
	s.Close()
	there, silent := drivers.All()
	if len(there) != 0 || !strings.Contains(silent["plug"].Error(), `plugin "plug" not found`) {
		t.Error(there, silent)
	}
	if _, err := d.List(); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}
