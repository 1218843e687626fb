package worker

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
)

// A countingEngine counts what is compiled and open, and fails where it is told to.
type countingEngine struct {
	runtime.Engine
	mu         sync.Mutex
	compiled   int
	open       []string // the codes that are compiled, as texts
	compileErr error
	panics     string // where: compile, instantiate, call
	closeErr   error  // of instances
}

func (e *countingEngine) Compile(code []byte) (runtime.Module, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.compiled++
	if e.panics == "compile" {
		panic("compiler bug")
	}
	if e.compileErr != nil {
		return nil, e.compileErr
	}
	e.open = append(e.open, string(code))
	return &countingModule{e, string(code)}, nil
}

type countingModule struct {
	e    *countingEngine
	code string
}

func (m *countingModule) Instantiate(env any) (runtime.Instance, error) {
	switch m.e.panics {
	case "instantiate":
		panic("instantiation bug")
	case "error":
		return nil, errors.New("no more memory")
	}
	return &emptyInstance{m.e, map[string]*global{}}, nil
}

func (m *countingModule) Close() error {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	i := slices.Index(m.e.open, m.code)
	if i < 0 {
		return errors.New("closed twice: " + m.code)
	}
	m.e.open = slices.Delete(m.e.open, i, i+1)
	return nil
}

// An emptyInstance is a guest that does nothing.
type emptyInstance struct {
	e       *countingEngine
	globals map[string]*global
}

type global uint64

func (g *global) Get() uint64  { return uint64(*g) }
func (g *global) Set(v uint64) { *g = global(v) }

func (in *emptyInstance) Global(name string) runtime.Global {
	if in.globals[name] == nil {
		in.globals[name] = new(global)
	}
	return in.globals[name]
}
func (in *emptyInstance) Memory() []byte { return nil }
func (in *emptyInstance) Close() error   { return in.e.closeErr }
func (in *emptyInstance) Function(name string) runtime.Function {
	if name != hostfuncs.ExportDeliver {
		return nil
	}
	return in
}
func (in *emptyInstance) Call(stack []uint64) error {
	if in.e.panics == "call" {
		panic("engine bug")
	}
	stack[0] = 0
	return nil
}

func specOf(code string) kernel.VatSpec {
	return kernel.VatSpec{ID: 3, Name: "three", Bundle: kernel.Bundle{Hash: sha256.Sum256([]byte("of " + code)), Code: []byte(code)}}
}

func spawned(t *testing.T, w *Workers, code string) kernel.Worker {
	t.Helper()
	k, err := w.Spawn(specOf(code))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func closed(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Workers of the same code share a compiled module; idle ones are kept, those
// used last.
func TestModulesAreShared(t *testing.T) {
	e := &countingEngine{}
	w := workersFor(t, Config{Engine: e, IdleModules: 2})
	check := func(what string, compiled int, open ...string) {
		t.Helper()
		if e.compiled != compiled || !slices.Equal(e.open, open) {
			t.Errorf("%s: compiled %d, open %q; want %d, %q", what, e.compiled, e.open, compiled, open)
		}
	}
	a1, a2 := spawned(t, w, "a"), spawned(t, w, "a")
	check("shared", 1, "a")
	b, c, d := spawned(t, w, "b"), spawned(t, w, "c"), spawned(t, w, "d")
	check("others", 4, "a", "b", "c", "d")
	closed(t, a1)
	closed(t, a1) // twice is once
	closed(t, b)
	closed(t, c)
	check("a is in use, b and c are idle", 4, "a", "b", "c", "d")
	closed(t, d)
	check("b is the oldest", 4, "a", "c", "d")
	c = spawned(t, w, "c")
	closed(t, c)
	closed(t, a2)
	check("d is the oldest, c was used since", 4, "a", "c")
	closed(t, spawned(t, w, "d"))
	check("again", 5, "a", "d")
	k := spawned(t, w, "a")
	if err := w.Close(); err == nil || err.Error() != "worker: 1 workers are open" {
		t.Error(err)
	}
	check("not closed", 5, "a", "d")
	closed(t, k)
	closed(t, w)
	closed(t, w)
	check("closed", 5)
	if _, err := w.Spawn(specOf("a")); !errors.Is(err, errClosed) {
		t.Error(err)
	}

	e = &countingEngine{}
	w = workersFor(t, Config{Engine: e, IdleModules: -1})
	closed(t, spawned(t, w, "a"))
	check("none is kept", 1)
}

func TestSpawnConcurrently(t *testing.T) {
	e := &countingEngine{}
	w := workersFor(t, Config{Engine: e, IdleModules: -1})
	first := spawned(t, w, "shared")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 50 {
				for _, code := range []string{"shared", fmt.Sprint("own ", i), fmt.Sprint("some ", j%3)} {
					k, err := w.Spawn(specOf(code))
					if err != nil {
						t.Error(err)
						return
					}
					if out, err := k.Deliver(kernel.Delivery{Kind: capdata.StartVat, GasLimit: 10}, nil); err != nil || out.Fault != nil {
						t.Error(out, err)
					}
					if err := k.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	closed(t, first)
	if len(e.open) != 0 {
		t.Errorf("left open: %q", e.open)
	}
}

// Whatever goes wrong on the host's side is a host fault, a panic with its stack.
func TestHostFaults(t *testing.T) {
	e := &countingEngine{compileErr: errors.New("out of disk")}
	w := workersFor(t, Config{Engine: e})
	fails := func(what string, err error, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
	}
	_, err := w.Spawn(specOf("a"))
	fails("compile", err, "worker: vat v3: out of disk")
	e.compileErr, e.panics = nil, "compile"
	_, err = w.Spawn(specOf("b"))
	fails("compiler's panic", err, "compiler bug", "countingEngine).Compile")
	e.panics = ""
	closed(t, spawned(t, w, "a")) // it is tried again
	if e.compiled != 3 {
		t.Errorf("compiled %d times", e.compiled)
	}

	start := kernel.Delivery{Kind: capdata.StartVat, GasLimit: 100}
	for _, c := range [][2]string{{"error", "no more memory"}, {"instantiate", "instantiation bug"}, {"call", "engine bug"}} {
		k := spawned(t, w, "a")
		e.panics = c[0]
		_, err := k.Deliver(start, nil)
		fails(c[0], err, "worker: ", c[1], "vat v3")
		e.panics = ""
		_, err = k.Deliver(start, nil)
		fails("after "+c[0], err, "worker: vat v3: delivery to a worker that is closed or broken")
		closed(t, k)
	}

	k := spawned(t, w, "a")
	_, err = k.Deliver(kernel.Delivery{Kind: capdata.Message}, nil)
	fails("no startVat", err, "startVat must be the first one")
	closed(t, k)
	_, err = k.Deliver(start, nil)
	fails("closed", err, "closed or broken")

	// An instance that does not close keeps its module, which may be in use.
	k = spawned(t, w, "a")
	if _, err := k.Deliver(start, nil); err != nil {
		t.Fatal(err)
	}
	e.closeErr = errors.New("still running")
	fails("close", k.Close(), "worker: vat v3: still running")
	if len(e.open) != 1 || w.Close() == nil {
		t.Error("the module of a running instance was closed")
	}
	w.modules.users = 0 // let the test end

	if _, err := New(Config{}); err == nil {
		t.Error("no engine")
	}
}

// Modules that differ in their data blob only share their code.
func TestBundleData(t *testing.T) {
	w := workersFor(t, Config{Engine: engineFor(t, false)})
	module := file(t, puppetFile)
	withData := func(data string) []byte {
		name := "crankcase.data"
		section := append([]byte{byte(len(name))}, name+data...)
		return append(append(bytes.Clone(module), 0, byte(len(section))), section...)
	}
	plain, one, two := prepared(t, w, module), prepared(t, w, withData("one")), prepared(t, w, withData("two"))
	if plain.Data != nil || string(one.Data) != "one" || string(two.Data) != "two" {
		t.Errorf("data %q %q %q", plain.Data, one.Data, two.Data)
	}
	if !bytes.Equal(plain.Code, one.Code) || !bytes.Equal(one.Code, two.Code) {
		t.Error("the codes differ")
	}
	if plain.Hash != sha256.Sum256(module) || one.Hash == two.Hash || one.Hash == plain.Hash {
		t.Error("hashes are not those of the modules as given")
	}
	v1, v2 := spawn(t, w, one), spawn(t, w, two)
	if v1.worker.module != v2.worker.module {
		t.Error("they were compiled twice")
	}
	for v, want := range map[*vat]string{v1: `set "blob" "one"`, v2: `set "blob" "two"`} {
		v.start("")
		if o := v.message(script(t, `bundle_read &$scratch 0 3; vatstore_set "blob" &$scratch 3`), testGas); o.String() != "ok" || !slices.Contains(v.sys.log, want) {
			t.Errorf("%s: %q, want %s", o, v.sys.log, want)
		}
	}
}
