package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario"
)

func newEngine(t testing.TB) runtime.Engine {
	t.Helper()
	e, err := wazeroengine.New(wazeroengine.Config{Host: hostfuncs.HostFuncs()})
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

// play returns the answer as text, or the error's.
func play(t testing.TB, e runtime.Engine, text string) (string, error) {
	t.Helper()
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

// Every scenario gives SwingSet's answer, but for the differences that are meant.
func TestAnswersAreTheOracles(t *testing.T) {
	e := newEngine(t)
	for _, name := range files(t, false) {
		short := strings.TrimSuffix(filepath.Base(name), ".json")
		t.Run(short, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".expected.json")
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(t, e, string(text))
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs:\n%s", diff(string(want), got))
			}
		})
	}
}
