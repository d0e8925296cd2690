package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// api is a minimal client of the Engine API: the same for all engines, so that
// only the daemons differ.
type api struct {
	http   http.Client
	socket string
}

func newAPI(socket string) *api {
	a := &api{socket: socket}
	a.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 8,
		DisableCompression:  true,
	}
	return a
}

// request sends one request and hands over the body of a good answer.
func (a *api) request(method, path string, body any) (io.ReadCloser, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://engine/v1.41"+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	return resp.Body, nil
}

// do sends one request, decodes the answer into out unless that is nil, and
// says how long it took to the last byte of the answer.
func (a *api) do(method, path string, body, out any) (time.Duration, error) {
	began := time.Now()
	answer, err := a.request(method, path, body)
	if err != nil {
		return 0, err
	}
	defer answer.Close()
	data, err := io.ReadAll(answer)
	took := time.Since(began)
	if err == nil && out != nil {
		err = json.Unmarshal(data, out)
	}
	return took, err
}

// hostConfig and createBody are the parts of POST /containers/create that the
// scenarios use.
type hostConfig struct {
	NetworkMode  string
	CgroupParent string
	LogConfig    logConfig
}

type logConfig struct {
	Type   string
	Config map[string]string
}

type createBody struct {
	Image      string
	Cmd        []string
	HostConfig hostConfig
}

type created struct{ ID string }

func (a *api) create(network string, cmd ...string) (string, time.Duration, error) {
	var c created
	parent := ""
	if network == coldBridge {
		network, parent = "bridge", "/"+coldParent
	}
	took, err := a.do("POST", "/containers/create", createBody{Image: imageName, Cmd: cmd, HostConfig: hostConfig{
		NetworkMode: network, CgroupParent: parent,
		// As large as docker's default, which is without a bound: berth's keeps the latest 30 MiB.
		LogConfig: logConfig{Type: "json-file", Config: map[string]string{"max-size": "1g"}},
	}}, &c)
	return c.ID, took, err
}

func (a *api) startContainer(id string) (time.Duration, error) {
	return a.do("POST", "/containers/"+id+"/start", nil, nil)
}

func (a *api) wait(id string) (time.Duration, error) {
	var status struct{ StatusCode int }
	took, err := a.do("POST", "/containers/"+id+"/wait", nil, &status)
	if err == nil && status.StatusCode != 0 {
		err = fmt.Errorf("the container exited with %d", status.StatusCode)
	}
	return took, err
}

func (a *api) remove(id string, force bool) (time.Duration, error) {
	query := ""
	if force {
		query = "?force=1"
	}
	return a.do("DELETE", "/containers/"+id+query, nil, nil)
}

// exec runs a command in a container to its end.
func (a *api) exec(id string, cmd ...string) (time.Duration, error) {
	began := time.Now()
	var c created
	if _, err := a.do("POST", "/containers/"+id+"/exec", map[string]any{"AttachStdout": true, "Cmd": cmd}, &c); err != nil {
		return 0, err
	}
	if _, err := a.do("POST", "/exec/"+c.ID+"/start", map[string]any{}, nil); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// drain reads an answer to its end and counts its bytes.
func (a *api) drain(path string) (int64, time.Duration, error) {
	began := time.Now()
	body, err := a.request("GET", path, nil)
	if err != nil {
		return 0, 0, err
	}
	defer body.Close()
	n, err := io.Copy(io.Discard, body)
	return n, time.Since(began), err
}
