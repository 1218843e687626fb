package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/scenario"
	"github.com/crankcase/crankcase/scenario/jsjson"
)

// files returns the oracle's scenarios, or its answers.
func files(t *testing.T, answers bool) (out []string) {
	t.Helper()
	for _, pattern := range []string{"testdata/oracle/*.json", "testdata/oracle/*/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if strings.HasSuffix(n, ".expected.json") == answers {
				out = append(out, n)
			}
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d files", len(out))
	}
	return out
}

// The oracle's answers, read and laid out again, are the same text.
func TestShowReproducesTheOraclesLayout(t *testing.T) {
	for _, name := range files(t, true) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsjson.Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := scenario.Show(v) + "\n"; got != string(text) {
			t.Errorf("%s: the layout differs:\n%s", name, diff(string(text), got))
		}
	}
}

// diff shows where two texts part: a window of lines around it, in both.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	from := 0
	for from < min(len(w), len(g)) && w[from] == g[from] {
		from++
	}
	tail := 0
	for tail < min(len(w), len(g))-from && w[len(w)-1-tail] == g[len(g)-1-tail] {
		tail++
	}
	var b strings.Builder
	side := func(name string, lines []string) {
		lines = lines[from : len(lines)-tail]
		for i, l := range lines {
			if i == 20 {
				b.WriteString(name + " ...\n")
				return
			}
			b.WriteString(name + l + "\n")
		}
	}
	side("want ", w)
	side(" got ", g)
	return b.String()
}
