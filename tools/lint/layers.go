package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
)

// allowed lists which rooms of ours each room may import. A room that is not
// here may not import any. Names are paths below berth/; a name also stands
// for what is below it.
func allowed() map[string][]string {
	ground := []string{"internal/fault", "internal/failpoint", "internal/version"}
	linux := append([]string{"internal/linux"}, ground...)
	return map[string][]string{
		"internal/fault":           nil,
		"internal/failpoint":       nil,
		"internal/version":         nil,
		"internal/state":           ground,
		"internal/login":           ground,
		"internal/remote":          append([]string{"internal/login"}, ground...),
		"internal/peer":            ground,
		"internal/event":           append([]string{"internal/peer"}, ground...),
		"internal/program":         ground,
		"internal/linux":           linux,
		"internal/logfile":         ground,
		"internal/logdriver":       append([]string{"internal/logfile"}, ground...),
		"internal/detach":          ground,
		"internal/idmap":           ground,
		"internal/stream":          append([]string{"internal/detach"}, ground...),
		"internal/launch":          append([]string{"internal/program"}, ground...),
		"internal/runtime":         append([]string{"internal/program"}, linux...),
		"internal/oci":             append([]string{"internal/program", "internal/launch", "internal/runtime"}, linux...),
		"internal/keeper":          append([]string{"internal/program", "internal/launch"}, ground...),
		"internal/archive":         linux,
		"internal/image":           append([]string{"internal/archive", "internal/remote"}, linux...),
		"internal/network":         append([]string{"internal/state"}, linux...),
		"internal/image/cause":     ground,
		"internal/image/spelling":  ground,
		"internal/image/removal":   append([]string{"internal/image/spelling"}, ground...),
		"internal/image/tree":      append([]string{"internal/image/spelling", "internal/image/bundle"}, ground...),
		"internal/image/tarball":   append([]string{"internal/archive/compression", "internal/image/cause", "internal/image/spelling", "internal/image/tree", "internal/image/unpack"}, ground...),
		"internal/chunk":           linux,
		"internal/backup":          append([]string{"internal/chunk", "internal/remote"}, linux...),
		"internal/space":           linux,
		"internal/volume":          append([]string{"internal/chunk", "internal/space"}, linux...),
		"internal/snapshot":        append([]string{"internal/chunk"}, linux...),
		"internal/delegate":        append([]string{"internal/program"}, ground...),
		"internal/container":       append([]string{"internal/event", "internal/peer", "internal/program", "internal/runtime", "internal/delegate", "internal/idmap", "internal/keeper", "internal/state", "internal/stream", "internal/logfile", "internal/logdriver", "internal/archive", "internal/space"}, linux...),
		"internal/registry":        ground,
		"internal/registry/engine": append([]string{"internal/registry", "internal/image"}, ground...),
		"internal/server":          append([]string{"internal/event", "internal/peer", "internal/container", "internal/idmap", "internal/image", "internal/network", "internal/volume", "internal/snapshot", "internal/backup", "internal/login", "internal/remote", "internal/logdriver", "internal/archive"}, ground...),
		"internal/daemon":          {"internal"},
		"internal/cli":             append([]string{"internal/cli", "internal/detach", "internal/idmap", "internal/login"}, ground...),
		"cmd/berth":                append([]string{"internal/cli"}, ground...),
		"cmd/berthd":               append([]string{"internal/daemon"}, ground...),
		"cmd/berth-keeper":         append([]string{"internal/keeper", "internal/launch", "internal/program"}, ground...),
		"cmd/berth-runtime":        append([]string{"internal/oci"}, ground...),
		"cmd/berth-registry":       append([]string{"internal/registry"}, ground...),
		"cmd/hello":                nil,
		"test":                     {"internal", "test"},
		"tools":                    {"internal", "tools", "test"},

		"internal/plugin":              ground,
		"internal/plugin/volumedriver": append([]string{"internal/plugin", "internal/volume"}, ground...),
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

// layers fails on an import that goes up or sideways.
func (r *report) layers() error {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	rules := allowed()
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		r.imports(rules, p)
	}
	return cmd.Wait()
}

func (r *report) imports(rules map[string][]string, p listed) {
	room := strings.TrimPrefix(p.ImportPath, "berth/")
	rule, own, known := ruleOf(rules, room)
	if !known {
		r.fail(p.ImportPath, "this room has no place among the layers (tools/lint/layers.go)")
		return
	}
	for _, imp := range p.Imports {
		to, ours := strings.CutPrefix(imp, "berth/")
		if ours && !under(to, own) && !anyUnder(to, rule) {
			r.fail(p.ImportPath, "imports %s, which is above or beside it", imp)
		}
	}
}

func ruleOf(rules map[string][]string, room string) (rule []string, own string, known bool) {
	for name, list := range rules {
		if under(room, name) && len(name) > len(own) {
			rule, own, known = list, name, true
		}
	}
	return rule, own, known
}

func under(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func anyUnder(path string, rooms []string) bool {
	for _, room := range rooms {
		if under(path, room) {
			return true
		}
	}
	return false
}
