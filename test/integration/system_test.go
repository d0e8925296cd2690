//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// imageUse is what a usage of the disk says of an image.
type imageUse struct{ Containers, SharedSize int64 }

func TestDiskUsageIsAnsweredAsDockerDoes(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	busybox := d.Busybox()
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "-d", "--name", "up", "-v", "vol:/data", busybox, "sh", "-c", "echo 1234567 > /data/file; echo 12345 > /own; sleep 1000")
		c.Must("run", "--name", "down", busybox, "true")
		harness.Eventually(t, "the files are written", func() error {
			_, err := exitZero(c.Run("exec", "up", "cat", "/own"))
			return err
		})
	}
	for _, path := range []string{"/v1.41/system/df", "/v1.30/system/df"} {
		a, b := docker.Ask(t, "GET", path, ""), d.Ask(t, "GET", path, "")
		// Networks and mounts are compared elsewhere; a build cache is [] here and null there.
		without := []string{".Containers[].NetworkSettings", ".Containers[].Mounts", ".BuildCache", ".Containers[].Health", ".Images[].RepoDigests", ".Images[].Labels", ".Volumes[].Labels", ".Volumes[].Options"}
		if theirs, ours := shape(t, a.Body, without...), shape(t, b.Body, without...); theirs != ours {
			t.Errorf("%s: Docker's shape is\n%s\nand ours\n%s", path, theirs, ours)
		}
		type answer struct {
			Containers []struct {
				Names  []string
				SizeRw int64
			}
			Volumes []struct {
				Name      string
				UsageData struct{ Size, RefCount int64 }
			}
			Images []imageUse
		}
		var theirs, ours answer
		if err := json.Unmarshal([]byte(a.Body), &theirs); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(b.Body), &ours); err != nil {
			t.Fatal(err)
		}
		ours.Images = slices.DeleteFunc(ours.Images, func(i imageUse) bool { return i.Containers == 0 }) // the embedded one
		x, _ := json.Marshal(theirs)
		y, _ := json.Marshal(ours)
		if string(x) != string(y) {
			t.Errorf("%s: Docker counts\n%s\nand berth\n%s", path, x, y)
		}
	}
	if a := d.Ask(t, "GET", "/v1.52/system/df?type=volume&verbose=1", ""); a.Status != 200 || !strings.Contains(a.Body, `"VolumeUsage":{"ActiveCount":1,"Items":[{`) || strings.Contains(a.Body, "ImageUsage") {
		t.Error(a)
	}
	if a := d.Ask(t, "GET", "/v1.52/system/df?type=nothing", ""); a.Status != 400 || !strings.Contains(a.Body, "unknown object type: nothing") {
		t.Error(a)
	}
}

func TestInfoAndVersionHaveEveryFieldOfDockers(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	for path, without := range map[string][]string{
		// Limits on kernel memory have gone from Docker since.
		"/v1.41/info": {"KernelMemory", "KernelMemoryTCP"},
		// Builds are the same whenever they are made, and so have no time.
		"/v1.41/version": {"BuildTime", "GitCommit"},
	} {
		var theirs, ours map[string]any
		if err := json.Unmarshal([]byte(docker.Ask(t, "GET", path, "").Body), &theirs); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(d.Ask(t, "GET", path, "").Body), &ours); err != nil {
			t.Fatal(err)
		}
		for _, key := range slices.Sorted(maps.Keys(theirs)) {
			if _, ok := ours[key]; !ok && !slices.Contains(without, key) {
				t.Errorf("%s: there is no %s; Docker has %v", path, key, theirs[key])
			}
		}
		for _, key := range []string{"MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit", "OomKillDisable", "IPv4Forwarding", "CgroupVersion", "CgroupDriver", "KernelVersion", "OperatingSystem", "OSVersion", "OSType", "Architecture", "NCPU", "MemTotal", "Name", "IndexServerAddress", "Os", "Arch"} {
			if theirs[key] != ours[key] {
				t.Errorf("%s: %s is %v, and Docker says %v", path, key, ours[key], theirs[key])
			}
		}
	}
}

func TestALoginIsTriedAtTheRegistry(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(registry.Close)
	host := strings.TrimPrefix(registry.URL, "http://")
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		if got := c.In(strings.NewReader("p")).Run("login", "-u", "u", "--password-stdin", host); got.Code != 0 || !strings.Contains(got.Stdout, "Login Succeeded") {
			t.Errorf("%+v", got)
		}
		if got := c.In(strings.NewReader("wrong")).Run("login", "-u", "u", "--password-stdin", host); got.Code == 0 || !strings.Contains(got.Stderr, "login attempt to http://"+host+"/v2/ failed with status: 401 Unauthorized") {
			t.Errorf("%+v", got)
		}
	})
}

// exitZero is an error unless a command has ended well.
func exitZero(r harness.Result) (harness.Result, error) {
	if r.Code != 0 {
		return r, fmt.Errorf("%+v", r)
	}
	return r, nil
}
