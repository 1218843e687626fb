// Package runtimetest checks that an engine does what package runtime says: a
// new engine passes with one test function.
//
// What it expects of values, memory, globals and traps is the same for every
// engine, so that engines that pass do not differ in what a guest can sense of
// them. Metering and limits are the instrumenter's and not seen here.
package runtimetest

import (
	"embed"
	"errors"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

//go:generate sh testdata/build.sh

//go:embed testdata/*.wasm
var testdata embed.FS

// Run runs the kit as subtests of t. newEngine makes a fresh engine with these
// host functions, and fails the test if it cannot; the kit closes it.
func Run(t *testing.T, newEngine func(host []runtime.HostFunc) runtime.Engine) {
	k := kit{newEngine}
	for _, c := range []struct {
		name string
		test func(t *testing.T, e runtime.Engine)
	}{
		{"Values", testValues},
		{"UpperHalves", testUpperHalves},
		{"HostCalls", testHostCalls},
		{"HostUpperHalves", testHostUpperHalves},
		{"HostErrors", testHostErrors},
		{"HostPanics", testHostPanics},
		{"Traps", testTraps},
		{"TrapLeavesState", testTrapLeavesState},
		{"EngineStackOverflow", testEngineStackOverflow},
		{"Memory", testMemory},
		{"MemoryGrowth", testMemoryGrowth},
		{"MemoryInHostCall", testMemoryInHostCall},
		{"EmptyMemory", testEmptyMemory},
		{"Globals", testGlobals},
		{"Lookups", testLookups},
		{"Isolation", testIsolation},
		{"FreshMemory", testFreshMemory},
		{"NoGuestCodeInInstantiate", testNoGuestCode},
		{"Modules", testModules},
		{"Concurrency", testConcurrency},
		{"Refusals", testRefusals},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := k.newEngine(hostFuncs())
			c.test(t, e)
			if err := e.Close(); err != nil && !t.Failed() {
				t.Errorf("engine Close: %v", err)
			}
		})
	}
}

type kit struct {
	newEngine func(host []runtime.HostFunc) runtime.Engine
}

// guest is the env of the kit's instances.
type guest struct {
	runtime.Instance
	// act is what the host functions do with their stack; nil: nothing.
	act func(stack []uint64) error
	// calls are the names of the host functions that were called.
	calls []string
}

// hostFuncs are the functions that the kit's modules import, from two modules.
func hostFuncs() []runtime.HostFunc {
	const i32, i64, f32, f64 = runtime.I32, runtime.I64, runtime.F32, runtime.F64
	types := func(t ...runtime.ValueType) []runtime.ValueType { return t }
	list := []runtime.HostFunc{
		{Module: "kit", Name: "act"},
		{Module: "kit", Name: "i32", Params: types(i32), Results: types(i32)},
		{Module: "other", Name: "act"},
		{Module: "kit", Name: "values", Params: types(i32, i64, f32, f64), Results: types(i32, i64, f32, f64)},
		{Module: "kit", Name: "many", Params: types(i32, i64, i32, i64, i32, i64, i32, i64, i32, i64)},
		{Module: "kit", Name: "give", Results: types(i64, i32, i64)},
		{Module: "unused", Name: "unused", Params: types(f64)},
	}
	for i := range list {
		name := list[i].Module + "." + list[i].Name
		list[i].Call = func(env any, stack []uint64) error {
			g := env.(*guest)
			g.calls = append(g.calls, name)
			if g.act == nil {
				return nil
			}
			return g.act(stack)
		}
	}
	return list
}

func code(t *testing.T, name string) []byte {
	t.Helper()
	b, err := testdata.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compile compiles one of the kit's modules, to be closed with the test.
func compile(t *testing.T, e runtime.Engine, name string) runtime.Module {
	t.Helper()
	m, err := e.Compile(code(t, name))
	if err != nil {
		t.Fatalf("Compile %s: %v", name, err)
	}
	return m
}

// instantiate makes an instance whose env is the returned guest.
func instantiate(t *testing.T, m runtime.Module) *guest {
	t.Helper()
	g := &guest{}
	in, err := m.Instantiate(g)
	if err != nil {
		t.Fatalf("Instantiate: %v", err)
	}
	g.Instance = in
	return g
}

// with runs f on a fresh instance of one of the kit's modules.
func with(t *testing.T, e runtime.Engine, name string, f func(g *guest)) {
	t.Helper()
	m := compile(t, e, name)
	g := instantiate(t, m)
	f(g)
	closeAll(t, g, m)
}

func closeAll(t *testing.T, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// call calls an export with these parameters and room for its results.
func (g *guest) call(t *testing.T, name string, results int, params ...uint64) ([]uint64, error) {
	t.Helper()
	f := g.Function(name)
	if f == nil {
		t.Fatalf("no function %s", name)
	}
	stack := make([]uint64, max(results, len(params)))
	copy(stack, params)
	err := f.Call(stack)
	return stack[:results], err
}

// want calls an export that must succeed with these results.
func (g *guest) want(t *testing.T, name string, results []uint64, params ...uint64) {
	t.Helper()
	got, err := g.call(t, name, len(results), params...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i := range results {
		if got[i] != results[i] {
			t.Errorf("%s(%#x) = %#x, want %#x", name, params, got, results)
			return
		}
	}
}

// wantTrap calls an export that must trap in this way.
func (g *guest) wantTrap(t *testing.T, kind runtime.TrapKind, name string, results int, params ...uint64) {
	t.Helper()
	_, err := g.call(t, name, results, params...)
	var trap *runtime.Trap
	if !errors.As(err, &trap) {
		t.Errorf("%s(%#x): error %v, want a trap: %s", name, params, err, kind)
	} else if trap.Kind != kind {
		t.Errorf("%s(%#x): trap %q, want %q", name, params, trap.Kind, kind)
	}
}
