package wasmtimeengine

import (
	"testing"

	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/runtimetest"
)

func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closeAll(t testing.TB, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func mustCompile(t testing.TB, e *Engine, code []byte) runtime.Module {
	t.Helper()
	m, err := e.Compile(code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustInstantiate(t testing.TB, m runtime.Module) runtime.Instance {
	t.Helper()
	in, err := m.Instantiate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestContract(t *testing.T) {
	runtimetest.Run(t, func(host []runtime.HostFunc) runtime.Engine {
		return newEngine(t, Config{Host: host})
	})
}
