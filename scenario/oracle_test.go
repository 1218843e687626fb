package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the answers of this side that are meant to differ (NAME.here)")

func newEngine(t testing.TB, c wazeroengine.Config) runtime.Engine {
	t.Helper()
	c.Host = hostfuncs.HostFuncs()
	e, err := wazeroengine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// play returns the answer as text.
func play(e runtime.Engine, text string) (string, error) {
	sc, err := scenario.Parse(text)
	if err != nil {
		return "", err
	}
	answer, err := scenario.Play(sc, e)
	if err != nil {
		return "", err
	}
	return scenario.Show(answer) + "\n", nil
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every scenario gives SwingSet's answer, but for the differences that are
// meant; those are pinned, and have to be there.
func TestAnswersAreTheOracles(t *testing.T) {
	e := newEngine(t, wazeroengine.Config{})
	met := map[string]bool{}
	for _, name := range files(t, false) {
		base := strings.TrimSuffix(name, ".json")
		short := filepath.Base(base)
		t.Run(short, func(t *testing.T) {
			want := read(t, base+".expected.json")
			got, err := play(e, read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if scenario.Differences[short] == "" {
				if got != want {
					t.Errorf("differs:\n%s", diff(want, got))
				}
				return
			}
			met[short] = true
			if got == want {
				t.Error("the answer is the oracle's: take it out of Differences")
			}
			here := base + ".here"
			if *rewrite {
				if err := os.WriteFile(here, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, here); got != want {
				t.Errorf("differs from what it was:\n%s", diff(want, got))
			}
		})
	}
	for name := range scenario.Differences {
		if !met[name] && !t.Failed() {
			t.Errorf("Differences names %s, which was not played", name)
		}
	}
}

// The interpreter gives the same answers; a few scenarios that use much of the
// puppet are enough here, since engines are compared elsewhere.
func TestInterpreterGivesTheSameAnswers(t *testing.T) {
	e := newEngine(t, wazeroengine.Config{Interpreter: true})
	for _, short := range []string{"s02-outbound", "s11-vatstore", "s23-trap", "s15e-both-at-once", "s09-pipelined"} {
		base := "testdata/oracle/" + short
		got, err := play(e, read(t, base+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if want := read(t, base+".expected.json"); got != want {
			t.Errorf("%s differs:\n%s", short, diff(want, got))
		}
	}
}

// A scenario that names what is not there, or has a script that does not
// parse, is refused with the reason.
func TestUnplayable(t *testing.T) {
	e := newEngine(t, wazeroengine.Config{})
	head := `{"vats":{"A":{},"B":{}},"exports":["A:o+0"],"steps":[`
	for _, c := range []struct{ text, want string }{
		{`{`, "scenario: no key at byte 1"},
		{`[]`, "scenario: the file is no object"},
		{`{"vats":{}}`, "scenario: there are no steps"},
		{`{"steps":[]}`, "scenario: vats is no object"},
		{`{"vats":{"A":1},"steps":[]}`, "scenario: vat A is no object"},
		{`{"vats":{"A":{"reapInterval":"often"}},"steps":[]}`, "scenario: vat A: reapInterval is no whole number"},
		{`{"vats":{"A":{}},"links":[["A","o-50"]],"steps":[]}`, "scenario: link 0 is not [vat, import, vat, export]"},
		{`{"vats":{"A":{}},"links":[["A","o-51","A","o+5"]],"steps":[]}`, "A got o+5, not o-51"},
		{`{"vats":{"A":{}},"exports":["Z:o+0"],"steps":[]}`, "there is no vat Z"},
		{head + `{"fly":true}]}`, `unknown step {"fly":true}`},
		{head + `{"queue":["A","o+0"]}]}`, "step 0: queue is not [vat, target, text, slots]"},
		{head + `{"run":true,"cleanup":{}}]}`, "step 0: cleanup has no default"},
		{head + `{"queue":["A","o+0","fly o-50"]}]}`, "step 0: unknown op fly in fly o-50"},
		{head + `{"queue":["A","o+0","call_now d-70"]}]}`, "step 0: unknown op call_now in call_now d-70"},
		{head + `{"queue":["A","o+0","print data"]}]}`, "step 0: bad operand data in print data"},
		{head + `{"queue":["A","o-50","trap"]}]}`, "A:o-50: no such import"},
		{head + `{"queue":["A","@r","trap"]}]}`, "@r: no such result"},
		{head + `{"queue":["A","o+0","trap"],"policy":"hope"}]}`, `there is no policy "hope"`},
		{head + `{"terminate":"Z"}]}`, "there is no vat Z"},
		{head + `{"reap":"Z"}]}`, "there is no vat Z"},
	} {
		if _, err := play(e, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// Answers that no public scenario has: keys in JavaScript's order, characters
// outside of ASCII, types that do not fit, scripts without their mark. All of
// them were the oracle's.
func TestAnswersFromTheOracle(t *testing.T) {
	e := newEngine(t, wazeroengine.Config{})
	names, err := filepath.Glob("testdata/more/*.json")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".expected.json") {
			continue
		}
		played++
		got, err := play(e, read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := read(t, strings.TrimSuffix(name, ".json")+".expected.json"); got != want {
			t.Errorf("%s differs:\n%s", name, diff(want, got))
		}
	}
	if played < 5 {
		t.Errorf("only %d scenarios", played)
	}
}
