//go:build linux

// Volumeplugin is a volume driver for tests, as a process of its own. Its volumes are
// directories; it counts who has them mounted by their IDs, in files, so that a test can look.
//
//	<root>/data/<name>       what a volume holds
//	<root>/ids/<name>/<id>   who has it mounted
//	<root>/calls             the calls, a line each
//	<root>/hang/<method>     while this is there, the method does not answer
//	<root>/fail/<method>     while this is there, the method answers the text in it as its error
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func main() {
	socket, root := flag.String("socket", "", "where it listens"), flag.String("root", "", "where its volumes are")
	flag.Parse()
	if err := os.Remove(*socket); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	l, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal((&http.Server{Handler: &driver{root: *root}, ReadHeaderTimeout: time.Minute}).Serve(l))
}

type driver struct {
	root string
	mu   sync.Mutex
}

type request struct {
	Name string
	ID   string
	Opts map[string]string
}

type made struct {
	Name, Mountpoint string
	Status           map[string]any `json:",omitempty"`
}

type answer struct {
	Implements   []string `json:",omitempty"`
	Mountpoint   string   `json:",omitempty"`
	Volume       *made    `json:",omitempty"`
	Volumes      []made   `json:",omitempty"`
	Capabilities any      `json:",omitempty"`
	Err          string
}

func (d *driver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := strings.TrimPrefix(filepath.Base(r.URL.Path), "VolumeDriver.")
	var in request
	_ = json.NewDecoder(r.Body).Decode(&in) // some have no body
	for {
		if _, err := os.Stat(filepath.Join(d.root, "hang", method)); err != nil {
			break
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out, err := d.do(method, in)
	if text, failed := os.ReadFile(filepath.Join(d.root, "fail", method)); failed == nil {
		out, err = answer{}, fmt.Errorf("%s", text)
	}
	if err != nil {
		out.Err = err.Error()
	}
	_ = json.NewEncoder(w).Encode(out) // who has gone hears nothing
}

func (d *driver) do(method string, in request) (answer, error) {
	if err := d.note(method + " " + in.Name); err != nil {
		return answer{}, err
	}
	data := filepath.Join(d.root, "data", url.PathEscape(in.Name))
	ids := filepath.Join(d.root, "ids", url.PathEscape(in.Name))
	switch method {
	case "Plugin.Activate":
		return answer{Implements: []string{"VolumeDriver"}}, nil
	case "Capabilities":
		return answer{Capabilities: map[string]string{"Scope": "global"}}, nil
	case "List":
		return d.list()
	case "Create":
		if in.Opts["bad"] != "" {
			return answer{}, fmt.Errorf("bad option %s", in.Opts["bad"])
		}
		return answer{}, os.MkdirAll(data, 0o755)
	}
	if _, err := os.Stat(data); err != nil || in.Name == "" {
		return answer{}, fmt.Errorf("volume %s not found", in.Name)
	}
	at := ""
	if held, _ := os.ReadDir(ids); len(held) > 0 {
		at = data
	}
	switch method {
	case "Get":
		return answer{Volume: &made{Name: in.Name, Mountpoint: at, Status: map[string]any{"kind": "test"}}}, nil
	case "Path":
		return answer{Mountpoint: at}, nil
	case "Mount":
		if err := os.MkdirAll(ids, 0o755); err != nil {
			return answer{}, err
		}
		return answer{Mountpoint: data}, os.WriteFile(filepath.Join(ids, in.ID), nil, 0o644)
	case "Unmount":
		return answer{}, os.Remove(filepath.Join(ids, in.ID))
	case "Remove":
		return answer{}, os.RemoveAll(data)
	}
	return answer{}, fmt.Errorf("no such method: %s", method)
}

func (d *driver) list() (out answer, err error) {
	entries, err := os.ReadDir(filepath.Join(d.root, "data"))
	if os.IsNotExist(err) {
		return out, nil
	}
	for _, e := range entries {
		if name, err := url.PathUnescape(e.Name()); err == nil {
			out.Volumes = append(out.Volumes, made{Name: name})
		}
	}
	return out, err
}

func (d *driver) note(line string) error {
	f, err := os.OpenFile(filepath.Join(d.root, "calls"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, line)
	return err
}
