// Command lint measures the tree against the norms of the house: which rooms
// may import which, and how large things get. Over a norm it prints, over a
// hard stop (or an import that goes up or sideways) it fails.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// norm is a number to notice and one to stop at.
type norm struct {
	name       string
	warn, stop int
}

type report struct {
	failed bool
	warned int
	fset   *token.FileSet
}

func (r *report) measure(n norm, value int, where string) {
	switch {
	case value > n.stop:
		r.failed = true
		fmt.Printf("%s: %s is %d, and the hard stop is %d\n", where, n.name, value, n.stop)
	case value > n.warn:
		r.warned++
		if os.Getenv("LINT_VERBOSE") != "" {
			fmt.Printf("%s: %s is %d, over the norm of %d\n", where, n.name, value, n.warn)
		}
	}
}

func (r *report) fail(where, format string, args ...any) {
	r.failed = true
	fmt.Printf("%s: %s\n", where, fmt.Sprintf(format, args...))
}

func main() {
	r := &report{fset: token.NewFileSet()}
	if err := r.tree("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := r.layers(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if r.warned > 0 {
		fmt.Printf("%d places are over a norm and under its hard stop (LINT_VERBOSE=1 names them)\n", r.warned)
	}
	if r.failed {
		os.Exit(1)
	}
}

// tree measures every Go file and package below root.
func (r *report) tree(root string) error {
	packages := map[string]*pkg{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || path != root && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		dir := filepath.Dir(path)
		if packages[dir] == nil {
			packages[dir] = &pkg{methods: map[string]int{}}
		}
		return r.file(packages[dir], path)
	})
	if err != nil {
		return err
	}
	for dir, p := range packages {
		r.measure(norm{"package lines", 2500, 4000}, p.lines, dir)
		for typ, n := range p.methods {
			r.measure(norm{"methods of " + typ, 15, 25}, n, dir)
		}
	}
	return nil
}

type pkg struct {
	lines   int
	methods map[string]int
}

func (r *report) file(p *pkg, path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(r.fset, path, src, parser.ParseComments)
	if err != nil {
		return err
	}
	if strings.HasSuffix(path, "_test.go") || ast.IsGenerated(f) {
		return nil
	}
	lines := strings.Count(string(src), "\n")
	p.lines += lines
	r.measure(norm{"file lines", 300, 500}, lines, path)
	switch f.Name.Name {
	case "util", "utils", "helper", "helpers", "common", "manager", "misc":
		r.fail(path, "package %s says nothing of what it is for", f.Name.Name)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			r.function(p, d)
		case *ast.GenDecl:
			r.declaration(path, d)
		}
	}
	return nil
}

func (r *report) function(p *pkg, d *ast.FuncDecl) {
	where := r.fset.Position(d.Pos()).String()
	if d.Name.Name == "init" && d.Recv == nil {
		r.fail(where, "init() runs where nobody looks")
	}
	if d.Recv != nil && len(d.Recv.List) == 1 {
		p.methods[receiver(d.Recv.List[0].Type)]++
	}
	r.measure(norm{"parameters of " + d.Name.Name, 4, 5}, count(d.Type.Params), where)
	if d.Body == nil {
		return
	}
	lines := r.fset.Position(d.Body.End()).Line - r.fset.Position(d.Body.Pos()).Line
	if !isTable(d.Body) {
		r.measure(norm{"lines of " + d.Name.Name, 50, 80}, lines, where)
	}
}

// isTable reports a function that only returns one literal.
func isTable(b *ast.BlockStmt) bool {
	if len(b.List) == 0 || len(b.List) > 5 {
		return false
	}
	ret, ok := b.List[len(b.List)-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	_, lit := ret.Results[0].(*ast.CompositeLit)
	return lit
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

func count(l *ast.FieldList) int {
	if l == nil {
		return 0
	}
	n := 0
	for _, f := range l.List {
		n += max(1, len(f.Names))
	}
	return n
}

// declaration measures types and refuses variables that change.
func (r *report) declaration(path string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		ts, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		where := r.fset.Position(ts.Pos()).String()
		switch t := ts.Type.(type) {
		case *ast.InterfaceType:
			r.measure(norm{"methods of interface " + ts.Name.Name, 5, 8}, count(t.Methods), where)
		case *ast.StructType:
			if !isWire(path, ts.Name.Name, t) {
				r.measure(norm{"fields of " + ts.Name.Name, 12, 20}, count(t.Fields), where)
			}
		}
	}
}

// isWire reports a struct whose shape somebody else decided: it has field
// tags, or it mirrors what users may say of a container.
func isWire(path, name string, t *ast.StructType) bool {
	for _, f := range t.Fields.List {
		if f.Tag != nil {
			return true
		}
	}
	return strings.HasSuffix(path, "internal/container/record/container.go") ||
		strings.HasSuffix(path, "internal/container/config/config.go") ||
		strings.Contains(path, "internal/cli/") && strings.HasSuffix(strings.ToLower(name), "options")
}
