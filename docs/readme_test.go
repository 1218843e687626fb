package docs_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The program in the README is a part of the example that is compiled and run.
func TestReadmeExample(t *testing.T) {
	_, block, _ := strings.Cut(read(t, "README.md"), "```go\n")
	block, _, ok := strings.Cut(block, "```")
	if !ok || strings.Count(block, "\n") < 10 {
		t.Fatalf("the README has no example: %q", block)
	}
	var b strings.Builder
	for line := range strings.Lines(block) {
		if line != "\n" {
			b.WriteByte('\t')
		}
		b.WriteString(line)
	}
	example := read(t, "example_test.go")
	if !strings.Contains(example, b.String()) {
		t.Errorf("the README's example is no part of example_test.go")
	}
	_, output, _ := strings.Cut(example, "// Output:\n\t// ")
	output, _, _ = strings.Cut(output, "\n")
	if output == "" || !strings.Contains(read(t, "README.md"), "It prints `"+output+"`") {
		t.Errorf("the README does not say that the example prints %q", output)
	}
}

// One command runs the tests: in the README, in CI, by make and for contributors. One
// runs the exchange.
func TestReadmeCommands(t *testing.T) {
	const tests = "go test ./..."
	for file, want := range map[string]string{
		"README.md": "The tests:\n\n```\n" + tests + "\n```", ".ci/run": "step test\n" + tests + "\n",
		"Makefile": "run all tests\n\t" + tests + "\n", "CONTRIBUTING.md": "    " + tests + " ",
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s does not run the tests by %s", file, tests)
		}
	}
	out, err := exec.Command("make", "-n", "-C", root, "exchange").Output()
	if err != nil {
		if _, missing := exec.LookPath("make"); missing != nil {
			t.Skip("there is no make")
		}
		t.Fatal(err)
	}
	run := regexp.MustCompile(`(?m)^go run .*$`).FindString(string(out))
	for _, doc := range []string{"README.md", "examples/exchange/README.md"} {
		if run == "" || !strings.Contains(read(t, doc), run+"\n") {
			t.Errorf("%s does not have the command of make exchange, %q", doc, run)
		}
	}
	for _, word := range strings.Fields(run) {
		if strings.Contains(word, "/") {
			if _, err := os.Stat(filepath.Join(root, word)); err != nil {
				t.Error(err)
			}
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if version == nil || !strings.Contains(read(t, "README.md"), "Go "+version[1]+" or later") {
		t.Errorf("the README does not say that Go %v is needed", version)
	}
}

// The first command of the README prints what the README says, and so does the
// example's own.
func TestReadmeRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Go guest and runs 81,501 deliveries")
	}
	cmd := exec.Command(filepath.Join(command(t), "crankcase"), "run", "examples/exchange/crankcase.json",
		"--messages", "examples/exchange/orders.jsonl", "--db", filepath.Join(t.TempDir(), "exchange.db"))
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, shown, _ := strings.Cut(read(t, "README.md"), "```\n...\n")
	shown, _, _ = strings.Cut(shown, "```")
	_, answer, _ := strings.Cut(read(t, "examples/exchange/README.md"), "prints how it was answered:\n\n")
	answer, _, _ = strings.Cut(answer, "\n\n")
	for name, text := range map[string]string{"README.md": shown, "examples/exchange/README.md": answer} {
		rest, lines := string(out), 0
		for line := range strings.Lines(text) {
			line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "    ")
			line = strings.TrimSuffix(line, "...")
			if line == "" {
				continue
			}
			lines++
			i := strings.Index(rest, line)
			if i < 0 {
				t.Fatalf("%s: the run does not print %q, or not there:\n%s", name, line, out)
			}
			rest = rest[i+len(line):]
		}
		if lines < 5 {
			t.Errorf("%s shows %d lines", name, lines)
		}
	}
}

// Packages import what architecture.md allows them.
func TestLayers(t *testing.T) {
	const module = "github.com/crankcase/crankcase/"
	checked := 0
	for _, cells := range rows(t, "docs/architecture.md", "| folder | holds | imports |") {
		folder := strings.Trim(cells[0], "`/")
		allowed := []string{folder}
		switch cells[2] {
		case "nothing of ours":
		default:
			for _, name := range strings.Split(cells[2], ", ") {
				if !strings.HasPrefix(name, "`") { // said in words
					allowed = nil
					break
				}
				allowed = append(allowed, strings.Trim(name, "`"))
			}
		}
		if allowed == nil || slices.Contains(allowed, "...") || strings.Contains(folder, " ") {
			continue
		}
		checked++
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		more, err := filepath.Glob(filepath.Join(root, folder, "*", "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range append(files, more...) {
			if strings.HasSuffix(file, "_test.go") || filepath.Base(filepath.Dir(file)) == "runtimetest" {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				p, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if p, ok := strings.CutPrefix(p, module); ok {
					top, _, _ := strings.Cut(p, "/")
					if !slices.Contains(allowed, top) {
						t.Errorf("%s imports %s; architecture.md lets %s import %s", file, p, folder, cells[2])
					}
				}
			}
		}
	}
	if checked < 6 {
		t.Errorf("only %d folders were checked", checked)
	}
}
