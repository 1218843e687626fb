// Package docs_test keeps the documents true: tables and values are what the
// code says, links lead somewhere, files and functions that are named exist,
// and examples do what is printed below them.
//
//	go test ./docs            compares
//	go test ./docs -update    writes what is generated
package docs_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

// root is the repository, seen from here.
const root = ".."

// documents are all documents of the project, as paths from the root.
func documents(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			rel, err := filepath.Rel(root, path)
			list = append(list, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("only %d documents: %v", len(list), list)
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	generatedPart = regexp.MustCompile(`(?s)(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end -->)`)
	valuePart     = regexp.MustCompile(`(<!-- value: (\w+) -->)(.*?)(<!-- /value -->)`)
)

// TestGenerated compares each part between markers with what the code says.
func TestGenerated(t *testing.T) {
	used := map[string]bool{}
	for _, doc := range documents(t) {
		text := read(t, doc)
		fill := func(part *regexp.Regexp, makers map[string]func(*testing.T) string, text string) string {
			return part.ReplaceAllStringFunc(text, func(s string) string {
				m := part.FindStringSubmatch(s)
				made, ok := makers[m[2]]
				if !ok {
					t.Errorf("%s: nothing makes %q", doc, m[2])
					return s
				}
				used[m[2]] = true
				want := made(t)
				if want != m[3] && !*update {
					t.Errorf("%s: %s is not what the code says (go test ./docs -update):\n--- here\n%s\n--- code\n%s", doc, m[2], m[3], want)
				}
				return m[1] + want + m[4]
			})
		}
		got := fill(valuePart, values, fill(generatedPart, tables, text))
		if *update && got != text {
			if err := os.WriteFile(filepath.Join(root, doc), []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, makers := range []map[string]func(*testing.T) string{tables, values} {
		for name := range makers {
			if !used[name] {
				t.Errorf("no document has %q", name)
			}
		}
	}
}

// rows returns the cells of the table below the first line of a document that
// begins with header.
func rows(t *testing.T, doc, header string) [][]string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, doc), "\n"+header)
	if !ok {
		t.Fatalf("%s has no table %q", doc, header)
	}
	var list [][]string
	for i, line := range strings.Split(text, "\n") {
		if i < 2 { // the rest of the header, and the rule below it
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		line = valuePart.ReplaceAllString(line, "$3")
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		list = append(list, cells)
	}
	return list
}
