package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stock runs the docker CLI against the fake. The test is skipped where there
// is none of the version whose wording we follow.
func (f *fake) stock(stdin string, args ...string) result {
	f.t.Helper()
	path, err := exec.LookPath("docker")
	if err != nil {
		f.t.Skip("no docker client to compare with")
	}
	version, _ := exec.Command(path, "--version").Output()
	if !strings.Contains(string(version), "Docker version 28.2") {
		f.t.Skipf("not the docker client to compare with: %s", version)
	}
	var out, errOut bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Env = []string{"DOCKER_HOST=" + f.host, "DOCKER_CONFIG=" + cmp.Or(f.config, f.t.TempDir()), "PATH=" + os.Getenv("PATH"), "KEYCHAIN=" + os.Getenv("KEYCHAIN"), "HOME=/h"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), ourNames(errOut.String())}
}

// ourNames puts our program's name where the stock client has its own, and
// mends a slip of it that the next version does not have.
func ourNames(text string) string {
	return strings.NewReplacer("docker: ", "berth: ", "'docker ", "'berth ", "Usage:  docker ", "Usage:  berth ", "\tdocker ", "\tberth ",
		"command: docker ", "command: berth ", "\nSRun 'docker ", "\nRun 'berth ").Replace(text)
}

// withoutNewer takes out of an answer what came or went with docker 29.
func withoutNewer(out string) string {
	return regexp.MustCompile(`,"VirtualSize":"[^"]*"`).ReplaceAllString(out, "")
}

// same runs both clients and expects the same of them.
func (f *fake) same(stdin string, args ...string) {
	f.t.Helper()
	want := f.stock(stdin, args...)
	want.out = withoutNewer(want.out)
	got := f.run(stdin, args...)
	got.out = strings.ReplaceAll(got.out, `"HealthStatus":"",`, "")
	if got != want {
		f.t.Errorf("%q\nberth  %d %q %q\ndocker %d %q %q", args, got.code, got.out, got.err, want.code, want.out, want.err)
	}
}

func pong(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Ostype", "linux")
	_, _ = io.WriteString(w, "OK")
}

func TestListsAndInspectLookLikeTheStockClients(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("GET /containers/json", answer(http.StatusOK, containers()))
	f.on("GET /containers/web/json", answer(http.StatusOK, map[string]any{
		"Id": id, "Name": "/web", "State": map[string]any{"Status": "running", "ExitCode": 3}, "Novel": []int{1, 2},
		"Config": map[string]any{"Env": []string{"A=<b>"}, "Labels": map[string]string{"k": "v"}},
	}))
	f.on("GET /images/json", answer(http.StatusOK, []map[string]any{
		{"Id": "sha256:" + id, "RepoTags": []string{"busybox:1"}, "RepoDigests": []string{"busybox@sha256:" + id}, "Created": 1700000000, "Size": 4270000, "Containers": -1, "SharedSize": -1},
		{"Id": "sha256:f" + id[1:], "Created": 1700000000, "Size": 100},
	}))
	f.on("GET /info", answer(http.StatusOK, map[string]any{"ID": "x", "OSType": "linux", "SecurityOptions": []string{"name=seccomp,profile=builtin", "name=cgroupns"}, "NCPU": 2, "MemTotal": 1 << 30}))
	for _, args := range []string{
		"ps", "ps -a", "ps -q", "ps --no-trunc", "ps -s", "ps --format json", "ps --format raw", "ps -q --format {{.Names}}",
		"ps --format {{.Names}};{{.Size}};{{.Labels}};{{.LocalVolumes}};{{.State}};{{.Ports}};{{.Mounts}}",
		"ps --format table", "ps --format {{",
		"images", "images -q", "images --digests", "images --no-trunc", "images --format json", "images --format {{.ID}}:{{.Digest}}",
		"images --format raw",
		"inspect web", "inspect web gone", "inspect gone", "inspect -f {{.State.Status}} web", "inspect -f {{.Config.Env}} web",
		"inspect -f {{json(.Config.Labels)}} web", "inspect -f {{.Novel}} web", "inspect -f {{.Nope}} web", "inspect -f json web web",
		"inspect -f {{ web", "container inspect gone", "image inspect gone", "inspect --type image gone", "inspect -s web",
		"info -f {{.NCPU}}",
	} {
		f.same("", strings.Split(args, " ")...)
	}
	f.same("", "images", "--format", `table {{.Repository}}\t{{.Containers}}\t{{.UniqueSize}}`)
	f.same("", "ps", "--format", `table {{.ID}}\t{{.Label "a"}}\t{{join (split .Names "e") "-"}}\t{{pad .State 1 2}}`)
}

func TestFailuresLookLikeTheStockClients(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("POST /containers/create", refusal(http.StatusConflict, `Conflict. The container name "/x" is already in use`))
	f.on("DELETE /containers/a", noContent)
	f.on("POST /containers/a/kill", refusal(http.StatusConflict, "cannot kill container: a: container a is not running"))
	f.on("POST /containers/a/wait", answer(http.StatusOK, map[string]any{"StatusCode": 3}))
	f.on("POST /containers/b/stop", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	f.on("POST /containers/c/stop", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "plain text", http.StatusBadGateway) })
	for _, args := range []string{
		"run busybox", "create busybox", "run -d busybox", "rm a b", "rm -f a b", "kill a b", "wait a b a", "stop c", "start b", "start -a b",
		"logs b", "exec b true", "exec -it b true", "attach b", "rmi a", "rmi -f a", "tag a b", "tag a B", "tag a b@sha256:" + id,
		"load -i /nonexistent", "import /nonexistent", "import - B", "run B", "run " + id + "a", "run a:b:c", "run a//b", "run -", "run a@b",
		"rm /", "container rm b", "image rm b", "container start b", "wait b c",
	} {
		f.same("", strings.Fields(args)...)
	}
}

func TestRunLooksLikeTheStockClients(t *testing.T) {
	for _, args := range []string{
		"run --rm busybox", "run busybox", "run -d busybox", "run -a stdout busybox", "run -a stderr busybox", "run -i busybox cat", "run -t busybox",
	} {
		var got [2]result
		for i := range got {
			media, chat := framed, func(c net.Conn, in io.Reader) {
				var b []byte
				if strings.Contains(args, "-i") {
					b, _ = io.ReadAll(in)
				}
				// The stock client cannot stand output that it did not ask for.
				if !strings.Contains(args, "-a stderr") {
					_, _ = c.Write(frame(1, "o"+string(b)+"\n"))
				}
				if !strings.Contains(args, "-a stdout") {
					_, _ = c.Write(frame(2, "e\n"))
				}
			}
			if strings.Contains(args, "-t") {
				media, chat = raw, func(c net.Conn, _ io.Reader) { _, _ = c.Write([]byte("o\r\n")) }
			}
			f := engineFor(t, 5, media, chat)
			f.on("HEAD /_ping", pong).on("GET /_ping", pong)
			if i == 0 {
				got[i] = f.stock("in", strings.Fields(args)...)
			} else {
				got[i] = f.run("in", strings.Fields(args)...)
			}
		}
		if got[0] != got[1] {
			t.Errorf("%s\ndocker %+v\nberth  %+v", args, got[0], got[1])
		}
	}
}

func TestTheCreateRequestIsTheStockClients(t *testing.T) {
	f := newFake(t)
	f.on("HEAD /_ping", pong).on("GET /_ping", pong)
	f.on("POST /containers/create", f.keep("create", answer(http.StatusCreated, map[string]string{"Id": id})))
	body := func() map[string]any {
		var m map[string]any
		if err := json.Unmarshal([]byte(f.body("create")), &m); err != nil {
			t.Fatal(err)
		}
		host := m["HostConfig"].(map[string]any)
		// Defaults that docker spells out and we leave to the daemon, and what came after 28.
		for _, k := range []string{"OomKillDisable", "PidsLimit"} {
			delete(host, k)
		}
		for _, list := range []any{host["Binds"], m["Env"]} { // in no order with docker
			if l, ok := list.([]any); ok {
				slices.SortFunc(l, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			}
		}
		prune(m)
		return m
	}
	for _, args := range []string{
		"busybox", "-i busybox", "-it busybox x", "--entrypoint= busybox", "-p 80 -p 127.0.0.1:8080:80/udp -p 90-91:90-91 busybox",
		"-p [::1]:80:80 busybox", "-p published=8080,target=80,protocol=udp busybox", "-P --expose 1-3 busybox",
		"-v /a:/b -v c:/d:ro,z -v /e -v ./x:/y busybox", "--mount type=bind,src=/a,dst=/b,ro,bind-propagation=rshared busybox",
		"--mount src=v,dst=/b,volume-nocopy,volume-label=a=b,volume-driver=d,volume-opt=o=p busybox",
		"--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777 busybox", "--network a busybox", "--network container:x busybox",
		"--network name=a,alias=b,ip=1.2.3.4,driver-opt=x=y busybox", "--network a --network b busybox", "--net none busybox",
		"-m 1g --memory-swap 2g --cpus .5 --ulimit nofile=1 --ulimit core=-1:-1 busybox", "--security-opt seccomp=unconfined --security-opt systempaths=unconfined busybox",
		"--device /dev/a --device /dev/a:/dev/b --device /dev/a:rw busybox", "--tmpfs /t --tmpfs /u:size=1m busybox",
		"-e A=b -e HOME -e NOPE_UNSET -l a -l b=c busybox", "--stop-timeout 0 --stop-signal 9 busybox", "-a stdout -a STDERR busybox", "--rm --read-only --privileged busybox",
		"--restart always busybox", "--restart on-failure:3 busybox", "--restart= busybox", "--init busybox", "--init=false busybox", "--log-driver none busybox",
		"--log-driver local --log-opt max-size=1m --log-opt x busybox", "--health-cmd true --health-interval 1s --health-retries 2 busybox", "--no-healthcheck busybox",
		"--gpus all busybox", "--gpus 2 busybox", "--gpus device=1,driver=d,options=a=b busybox", "--device vendor.com/class=name --device /dev/a busybox",
		"--blkio-weight 20 --blkio-weight-device /dev/a:30 --device-read-bps /dev/a:1m --device-write-bps /dev/a:2k busybox", "--memory-swappiness 5 --oom-kill-disable busybox",
		"--device-read-iops /dev/a:5 --device-write-iops /dev/a:6 --cpu-rt-period 1 --cpu-rt-runtime 2 busybox", "--volumes-from a --volumes-from b:ro --volume-driver d busybox",
		"--storage-opt size=1g --userns host --isolation default --annotation a=b busybox", "--link a --link b:c busybox", "--link a --network n busybox",
		"--network n --ip 1.2.3.4 --ip6 ::5 --network-alias a --net-alias b --link-local-ip 169.254.1.1 busybox", "--ip 1.2.3.4 busybox",
		"--network name=n,alias=a --ip 1.2.3.4 busybox", "--network n --network name=m,ip=1.2.3.5 --network-alias a busybox",
		"--add-host a:host-gateway --add-host b=::1 --dns ::2 --dns-search . busybox", "--cidfile= --name x -h y busybox", "--group-add 1 --cap-add ALL busybox",
	} {
		fields := append([]string{"create"}, strings.Fields(args)...)
		if strings.Contains(args, "HOME") {
			t.Setenv("HOME", "/h")
		}
		r := f.stock("", fields...)
		if r.code != 0 {
			t.Errorf("docker refuses %q: %+v", args, r)
			continue
		}
		want := body()
		f.run("", fields...).want(t, 0, r.out, r.err)
		if got := body(); !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Errorf("%q\nberth  %s\ndocker %s", args, g, w)
		}
	}
}

// prune drops what is empty, since both mean the same to a daemon: null, an
// empty list (but for paths, where it means none), an empty object, "", 0, false.
func prune(m map[string]any) {
	for k, v := range m {
		switch x := v.(type) {
		case map[string]any:
			prune(x)
			if len(x) == 0 && k != "Volumes" {
				delete(m, k)
			}
		case []any:
			if len(x) == 0 && !strings.HasSuffix(k, "Paths") {
				delete(m, k)
			}
			for _, e := range x {
				if o, ok := e.(map[string]any); ok {
					prune(o)
				}
			}
		case nil:
			delete(m, k)
		case string:
			if x == "" {
				delete(m, k)
			}
		case float64:
			if x == 0 && k != "StopTimeout" {
				delete(m, k)
			}
		case bool:
			if !x {
				delete(m, k)
			}
		}
	}
}
