package wazeroengine

import (
	"testing"

	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/runtimetest"
)

// modes runs f for the compiler and for the interpreter.
func modes(t *testing.T, f func(t *testing.T, cfg Config)) {
	t.Run(Name, func(t *testing.T) { f(t, Config{}) })
	t.Run(NameInterpreter, func(t *testing.T) { f(t, Config{Interpreter: true}) })
}

func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestContract(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		runtimetest.Run(t, func(host []runtime.HostFunc) runtime.Engine {
			cfg.Host = host
			e, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return e
		})
	})
}
