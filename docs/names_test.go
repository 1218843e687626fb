package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`!?\[[^\]\n]*\]\(([^)\s]+)\)`)
	source   = regexp.MustCompile(`(?:src|srcset)="([^"]+)"`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeText = regexp.MustCompile("`([^`\n]+)`")
	fences   = regexp.MustCompile("(?s)```.*?```")
)

// slug is the anchor of a heading.
func slug(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case c == '-' || c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c > 127:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Links within the repository lead to files and headings that exist.
func TestLinks(t *testing.T) {
	n := 0
	for _, doc := range documents(t) {
		text := fences.ReplaceAllString(read(t, doc), "")
		for _, m := range append(link.FindAllStringSubmatch(text, -1), source.FindAllStringSubmatch(text, -1)...) {
			if strings.Contains(m[1], "://") {
				continue
			}
			n++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := doc
			if file != "" {
				to = path.Join(path.Dir(doc), file)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", doc, m[1], err)
				continue
			}
			if anchor == "" {
				continue
			}
			found := false
			for _, h := range heading.FindAllStringSubmatch(fences.ReplaceAllString(read(t, to), ""), -1) {
				found = found || slug(h[1]) == anchor
			}
			if !found {
				t.Errorf("%s: %s has no heading #%s", doc, to, anchor)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d links were found", n)
	}
}

// declared are the names that Go files of the repository declare: functions,
// methods, types, constants, variables, fields; and what their field tags and
// other words in code stand for.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		names[f.Name.Name] = true
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
			case *ast.TypeSpec:
				names[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			case *ast.Field:
				for _, id := range n.Names {
					names[id.Name] = true
				}
			case *ast.BasicLit: // names of imports, options and the like
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && len(s) < 40 {
					names[s] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var (
	identifier = regexp.MustCompile(`^(?:\(?\*?[\w.]+\)?\.)?([A-Za-z_]\w+)$`)
	filePath   = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)*/?$`)
	extension  = regexp.MustCompile(`\.(go|md|json|jsonl|txt|txtar|sh|c|h|wasm|mod|mjs|db)$`)
)

// notNames are words in code style that are no names of this repository's.
var notNames = map[string]bool{
	"unreachable": true, "target_features": true, "oracle.mjs": true, "COMMIT": true, "ROLLBACK": true,
}

// Files, functions, types and fields that documents name exist.
func TestNames(t *testing.T) {
	names := declared(t)
	checked := 0
	for _, doc := range []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/faults.md", "docs/rationale.md", "docs/gas.md", "docs/abi.md"} {
		for _, m := range codeText.FindAllStringSubmatch(fences.ReplaceAllString(read(t, doc), ""), -1) {
			text := m[1]
			if notNames[text] {
				continue
			}
			isPath := filePath.MatchString(text) && (extension.MatchString(text) || strings.HasSuffix(text, "/"))
			if id := identifier.FindStringSubmatch(text); id != nil && !isPath {
				checked++
				if !names[id[1]] && !exists(doc, text) {
					t.Errorf("%s: %s is not declared anywhere", doc, text)
				}
				continue
			}
			if isPath || filePath.MatchString(text) && strings.Contains(text, "/") {
				if strings.HasSuffix(text, ".db") || strings.Contains(text, "NAME") {
					continue
				}
				checked++
				if !exists(doc, text) {
					t.Errorf("%s: there is no file %s", doc, text)
				}
			}
		}
	}
	if checked < 150 {
		t.Errorf("only %d names were checked", checked)
	}
}

// exists tells whether there is a file of that name, from the root, beside the
// document or anywhere, if it is a bare name.
func exists(doc, name string) bool {
	for _, dir := range []string{".", path.Dir(doc)} {
		if found, err := filepath.Glob(filepath.Join(root, dir, name)); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

var (
	goPackages = regexp.MustCompile(`\bgo (?:test|run|doc|generate|build|vet)\b([^\n\x60#]*)`)
	packageArg = regexp.MustCompile(`(?:^|\s)(\./[\w./-]*)`)
	makeTarget = regexp.MustCompile(`(?m)(?:^    |\x60)make ([a-z-]+)`)
)

// Commands in documents name packages and targets that there are.
func TestCommands(t *testing.T) {
	makefile, n := read(t, "Makefile"), 0
	for _, doc := range documents(t) {
		text := read(t, doc)
		for _, m := range goPackages.FindAllStringSubmatch(text, -1) {
			for _, arg := range packageArg.FindAllStringSubmatch(m[1], -1) {
				n++
				name := strings.TrimSuffix(strings.TrimSuffix(arg[1], "..."), "/")
				if !exists(doc, name) && name != "./greeter" { // the reader's own
					t.Errorf("%s: there is no package %s", doc, arg[1])
				}
			}
		}
		for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
			n++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: the Makefile has no target %s", doc, m[1])
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d commands were found", n)
	}
}

// stringsIn are the strings of a slice variable in a source file.
func stringsIn(t *testing.T, file, name string) (list []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok || s.Names[0].Name != name || len(s.Values) == 0 {
			return true
		}
		ast.Inspect(s.Values[0], func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, text)
			}
			return true
		})
		return false
	})
	if len(list) == 0 {
		t.Fatalf("%s has no strings %s", file, name)
	}
	return list
}
