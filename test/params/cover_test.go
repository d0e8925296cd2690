package params

import (
	_ "embed"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The endpoints and parameters of these areas, as the surface that users know lists them.
//
//go:embed testdata/surface.tsv
var surfaceText string

// surfaceRows reads the rows of these areas from a list: "METHOD /path", and for a parameter where it stands and its name.
func surfaceRows(text string) []string {
	var rows []string
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 3 || strings.Contains(f[1], "/checkpoints") {
			continue
		}
		for _, area := range []string{"/containers", "/exec", "/events", "/system", "/info", "/version", "/_ping", "/auth"} {
			if !strings.HasPrefix(f[1], area) {
				continue
			}
			row := f[0] + " " + f[1]
			if slices.Contains([]string{"query", "path", "body"}, f[2]) {
				row += " " + f[2] + " " + f[3]
			}
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// surface is the list that stands beside the checkout, and where there is none the copy of it.
func surface(t *testing.T) []string {
	t.Helper()
	kept := surfaceRows(surfaceText)
	var text string
	for _, name := range []string{"api_params.tsv", "api.tsv"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "surface", name))
		if err != nil {
			t.Logf("the copy is read: %v", err)
			return kept
		}
		text += string(b)
	}
	rows := surfaceRows(text)
	if !slices.Equal(rows, kept) {
		t.Error("testdata/surface.tsv is not what the surface lists")
	}
	return rows
}

func TestEveryEndpointAndParameterIsTriedWithGoodAndBadValuesAndWithoutOne(t *testing.T) {
	list := List()
	kinds := Kinds(list)
	tried := map[string]bool{}
	for i := range list {
		e := &list[i]
		if tries := e.Tries(); len(tries) > 0 {
			tried[e.Name] = true
		}
		for j := range e.Params {
			tried[e.Row(&e.Params[j])] = true
		}
	}
	rows := surface(t)
	if len(rows) < 100 {
		t.Fatalf("the surface has %d rows only", len(rows))
	}
	for _, row := range rows {
		if !tried[row] {
			t.Errorf("%s is not tried", row)
		}
		delete(tried, row)
		if parts := strings.Fields(row); len(parts) < 3 || slices.Contains(kinds[row], "newer") {
			continue
		}
		for _, kind := range []string{"good", "bad"} {
			if !slices.Contains(kinds[row], kind) {
				t.Errorf("%s is not tried with a %s value", row, kind)
			}
		}
	}
	for row := range tried {
		t.Errorf("%s is tried, and the surface does not know it", row)
	}
}

func TestTheDocumentIsWhatTheTableSays(t *testing.T) {
	text, err := os.ReadFile("../../docs/params.md")
	if err != nil || string(text) != Document(List()) {
		t.Errorf("docs/params.md is not what go run ./tools/params makes of the table (%v)", err)
	}
}
