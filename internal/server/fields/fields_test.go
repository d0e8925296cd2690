package fields

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"berth/internal/idmap"
	"berth/internal/server/grammar"
)

const root = "../../.."

func rows(t *testing.T) map[string]Row {
	t.Helper()
	all := map[string]Row{}
	for _, r := range List() {
		if _, twice := all[r.Name]; twice {
			t.Errorf("%s is listed twice", r.Name)
		}
		all[r.Name] = r
	}
	for _, name := range operational() {
		all["NetworkingConfig.EndpointsConfig."+name] = all["NetworkingConfig.EndpointsConfig.NetworkID"]
	}
	return all
}

func TestTheDocumentIsWhatTheListSays(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/fields.md")
	if err != nil || string(text) != Document() {
		t.Errorf("docs/fields.md is not what `go run ./tools/fields` makes (%v)", err)
	}
}

// TestEveryFieldOfTheAPIIsListed walks through the API's types; what the list takes apart is walked into.
func TestEveryFieldOfTheAPIIsListed(t *testing.T) {
	listed := rows(t)
	found := map[string]bool{}
	var walk func(prefix string, typ reflect.Type)
	walk = func(prefix string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			name := prefix + "." + f.Name
			switch {
			case f.Anonymous && tag == "":
				walk(prefix, f.Type)
				continue
			case tag != "":
				name = prefix + "." + tag
			}
			if _, ok := listed[name]; ok {
				found[name] = true
				continue
			}
			apart := false
			for row := range listed {
				apart = apart || strings.HasPrefix(row, name+".")
			}
			if !apart {
				t.Errorf("%s is not listed", name)
				continue
			}
			walk(name, f.Type)
		}
	}
	walk("Config", reflect.TypeFor[container.Config]())
	walk("HostConfig", reflect.TypeFor[container.HostConfig]())
	walk("HostConfig.Mounts", reflect.TypeFor[idmap.Mount]())
	walk("NetworkingConfig", reflect.TypeFor[network.NetworkingConfig]())
	found["Config.MacAddress"] = true // which the newest types have lost
	for name := range listed {
		if !found[name] {
			t.Errorf("%s is listed, and no field of the API", name)
		}
	}
}

// TestTheSurfacesFieldsAreListed compares with the project's own table of Docker's API, where it lies beside.
func TestTheSurfacesFieldsAreListed(t *testing.T) {
	text, err := os.ReadFile(root + "/../shared/surface/api_fields.tsv")
	if err != nil {
		t.Skip("the tables of Docker's surface are not beside this repository")
	}
	prefixes := map[string]string{"ContainerConfig": "Config", "HostConfig": "HostConfig", "Resources": "HostConfig", "NetworkingConfig": "NetworkingConfig",
		"Mount": "HostConfig.Mounts", "EndpointSettings": "NetworkingConfig.EndpointsConfig", "HealthConfig": "Config.Healthcheck", "RestartPolicy": "HostConfig.RestartPolicy"}
	listed, seen := rows(t), 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		prefix, ours := prefixes[cells[0]]
		if !ours || len(cells) < 2 || strings.HasPrefix(cells[1], "(") {
			continue
		}
		seen++
		name := prefix + "." + cells[1]
		ok := false
		for row := range listed { // it, a part of it, or what it is a part of
			ok = ok || row == name || strings.HasPrefix(row, name+".") || strings.HasPrefix(name, row+".") || strings.HasPrefix(name, row+"[")
		}
		if !ok {
			t.Errorf("%s is not listed", name)
		}
	}
	if seen < 100 {
		t.Errorf("only %d fields were found in the table", seen)
	}
}

func TestWhatIsRefusedIsSoInTheWordsOfTheList(t *testing.T) {
	for _, r := range List() {
		if r.How != Refused {
			if r.Test == "" || r.Body+r.Says != "" {
				t.Errorf("%s needs a test, and no error", r.Name)
			}
			continue
		}
		var body grammar.Body
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		if body.Config == nil {
			body.Config = &container.Config{}
		}
		if _, err := grammar.Create(&body); err == nil || err.Error() != r.Says {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

func TestTheTestsThatTheListNamesExist(t *testing.T) {
	var names []string
	for _, dir := range []string{"internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
					names = append(names, f.Name.Name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range List() {
		if r.How != Refused && !slices.Contains(names, r.Test) {
			t.Errorf("%s: there is no %s", r.Name, r.Test)
		}
	}
}
