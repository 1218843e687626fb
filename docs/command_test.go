package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

var bin struct {
	sync.Once
	folder string
	err    error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if bin.folder != "" {
		if err := os.RemoveAll(bin.folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// command builds the command, once, and returns the folder it is in.
func command(t *testing.T) string {
	t.Helper()
	bin.Do(func() {
		if bin.folder, bin.err = os.MkdirTemp("", "crankcase-docs-"); bin.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", bin.folder, "./cmd/crankcase")
		build.Dir = root
		if text, err := build.CombinedOutput(); err != nil {
			bin.err = fmt.Errorf("%w\n%s", err, text)
		}
	})
	if bin.err != nil {
		t.Fatal(bin.err)
	}
	return bin.folder
}

// help is what a command says of itself.
func help(t *testing.T, args ...string) string {
	t.Helper()
	text, err := exec.Command(filepath.Join(command(t), "crankcase"), append(args, "--help")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v --help: %v\n%s", args, err, text)
	}
	return string(text)
}

// flags are a command's, from its help, as a block of code.
func flags(t *testing.T, name string) string {
	t.Helper()
	_, text, ok := strings.Cut(help(t, name), "\nFlags:\n")
	if !ok {
		t.Fatalf("the help of %s has no flags", name)
	}
	return "```\n" + strings.TrimRight(text, "\n") + "\n```\n"
}

var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// TestExamples runs the examples of command.md: lines that begin with $ are run, what
// follows is what they print, with "? N" for an exit status that is not 0.
func TestExamples(t *testing.T) {
	const doc = "docs/command.md"
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples/hello"))); err != nil {
		t.Fatal(err)
	}
	run := func(line string) string {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+command(t)+string(filepath.ListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		out, err := cmd.CombinedOutput()
		text := "$ " + line + "\n" + string(out)
		if exit, ok := err.(*exec.ExitError); ok {
			text += fmt.Sprintf("? %d\n", exit.ExitCode())
		} else if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before, count := read(t, doc), 0
	after := consoleBlock.ReplaceAllStringFunc(before, func(block string) string {
		var b strings.Builder
		for line := range strings.Lines(consoleBlock.FindStringSubmatch(block)[1]) {
			if line, ok := strings.CutPrefix(line, "$ "); ok {
				b.WriteString(run(strings.TrimSuffix(line, "\n")))
				count++
			}
		}
		want := "```console\n" + b.String() + "```\n"
		if unhashed(want) == unhashed(block) {
			return block
		}
		if !*update {
			t.Errorf("%s: it prints\n%s\nnot\n%s", doc, want, block)
		}
		return want
	})
	if count < 8 {
		t.Errorf("only %d examples were run", count)
	}
	if *update && after != before {
		if err := os.WriteFile(filepath.Join(root, doc), []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var hash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// unhashed numbers the hashes in a text: that two are equal is to be compared, not
// what they are, as each change of state changes them.
func unhashed(text string) string {
	numbers := map[string]int{}
	return hash.ReplaceAllStringFunc(text, func(h string) string {
		if numbers[h] == 0 {
			numbers[h] = len(numbers) + 1
		}
		return fmt.Sprintf("hash %d", numbers[h])
	})
}

var (
	commandLine = regexp.MustCompile(`(?m)(?:go run \./cmd/crankcase|\bcrankcase) (run|send|status|dump|params|check|scenario|help|completion)\b([^\n\x60|]*)`)
	flagIn      = regexp.MustCompile(`(?:^|\s|\[)--([a-z-]+)`)
	subcommand  = regexp.MustCompile(`(?m)^  ([a-z]+) +`)
)

// Command lines in all documents name commands and flags that there are, and
// command.md has all commands.
func TestCommandLines(t *testing.T) {
	helps := map[string]string{}
	seen := 0
	for _, doc := range documents(t) {
		for _, m := range commandLine.FindAllStringSubmatch(read(t, doc), -1) {
			if _, ok := helps[m[1]]; !ok {
				helps[m[1]] = help(t, m[1])
			}
			for _, f := range flagIn.FindAllStringSubmatch(m[2], -1) {
				seen++
				if !regexp.MustCompile(`--` + f[1] + `\b`).MatchString(helps[m[1]]) {
					t.Errorf("%s: %s has no flag --%s", doc, m[1], f[1])
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d flags were found", seen)
	}
	_, list, _ := strings.Cut(help(t), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\nFlags:")
	text := read(t, "docs/command.md")
	n := 0
	for _, m := range subcommand.FindAllStringSubmatch(list, -1) {
		n++
		if !strings.Contains(text, "`"+m[1]+" ") {
			t.Errorf("command.md does not have the command %s", m[1])
		}
	}
	if n < 7 {
		t.Errorf("only %d commands were found in the help", n)
	}
}

var settingRow = regexp.MustCompile("^`([A-Za-z]+)`$")

// The table of CONFIG in command.md has the fields of the config, which the
// errors of the config name, and the example has all of them.
func TestConfigFields(t *testing.T) {
	var got []string
	for _, cells := range rows(t, "docs/command.md", "| field | default |") {
		m := settingRow.FindStringSubmatch(cells[0])
		if m == nil {
			t.Fatalf("command.md: %q", cells[0])
		}
		got = append(got, m[1])
	}
	want := map[string]bool{}
	for _, name := range []string{"configFields", "vatFields", "optionFields", "bundleFields"} {
		for _, field := range stringsIn(t, "config.go", name) {
			want[field] = true
		}
	}
	text := read(t, "docs/command.md")
	for field := range want {
		if !slices.Contains(got, field) && field != "creationOptions" && field != "bundles" {
			t.Errorf("command.md does not have the field %s", field)
		}
		if !strings.Contains(text, `"`+field+`":`) {
			t.Errorf("the example in command.md does not have %s", field)
		}
	}
	for _, field := range got {
		if !want[field] {
			t.Errorf("command.md: there is no field %s", field)
		}
	}
}
