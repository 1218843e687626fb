package wasmtimeengine

import (
	"errors"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

func TestNewRefuses(t *testing.T) {
	nop := func(any, []uint64) error { return nil }
	for name, cfg := range map[string]Config{
		"too many pages": {MaxMemoryPages: 65537},
		"no Call":        {Host: []runtime.HostFunc{{Module: "m", Name: "f"}}},
		"no module":      {Host: []runtime.HostFunc{{Name: "f", Call: nop}}},
		"twice":          {Host: []runtime.HostFunc{{Module: "m", Name: "f", Call: nop}, {Module: "n", Name: "f", Call: nop}, {Module: "m", Name: "f", Call: nop}}},
		"param type":     {Host: []runtime.HostFunc{{Module: "m", Name: "f", Params: []runtime.ValueType{0x70}, Call: nop}}},
		"result type":    {Host: []runtime.HostFunc{{Module: "m", Name: "f", Results: []runtime.ValueType{0x7b}, Call: nop}}},
	} {
		if e, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
			closeAll(t, e)
		}
	}
}

func TestName(t *testing.T) {
	e := newEngine(t, Config{})
	if e.Name() != "wasmtime" {
		t.Errorf("Name is %q", e.Name())
	}
	closeAll(t, e)
}

func TestWasmStack(t *testing.T) {
	const mib = 1 << 20
	for thread, want := range map[uint64]uint64{8 * mib: 7 * mib, 64 * mib: 7 * mib, 7 * mib: 6 * mib, 6 * mib: 5 * mib} {
		if got, err := wasmStack(thread); err != nil || got != want {
			t.Errorf("threads of %d bytes: %d, %v, want %d", thread, got, err, want)
		}
	}
	for _, thread := range []uint64{0, 512 << 10, 6*mib - 1} {
		if got, err := wasmStack(thread); err == nil {
			t.Errorf("threads of %d bytes: %d, want an error", thread, got)
		}
	}
}

// loop calls a host function; it is assembled here to need no file.
//
//	(module (import "m" "f" (func)) (memory (export "memory") 1) (export "f" (func 0))
//	  (func (export "g") (call 0)))
const loop = "\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" +
	"\x02\x07\x01\x01m\x01f\x00\x00" +
	"\x03\x02\x01\x00" +
	"\x05\x03\x01\x00\x01" +
	"\x07\x12\x03\x06memory\x02\x00\x01f\x00\x00\x01g\x00\x01" +
	"\x0a\x06\x01\x04\x00\x10\x00\x0b"

// loopEngine runs loop; *f is its host function.
func loopEngine(t *testing.T) (e *Engine, m runtime.Module, f *func() error) {
	f = new(func() error)
	e = newEngine(t, Config{Host: []runtime.HostFunc{{Module: "m", Name: "f", Call: func(any, []uint64) error { return (*f)() }}}})
	return e, mustCompile(t, e, []byte(loop)), f
}

// What must not be done to an engine, a module or an instance is refused, and
// leaves them as they were.
func TestMisuse(t *testing.T) {
	e, m, f := loopEngine(t)
	in := mustInstantiate(t, m)
	for _, name := range []string{"f", "g"} {
		fn := in.Function(name)
		*f = func() error { return fn.Call(nil) }
		if err := fn.Call(nil); err != errInstanceRunning {
			t.Errorf("%s: a call back gave %v", name, err)
		}
		*f = in.Close
		if err := fn.Call(nil); err != errInstanceRunning {
			t.Errorf("%s: Close by a host function gave %v", name, err)
		}
		*f = func() error { return nil }
		if err := fn.Call(nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "1 modules and 1 instances") {
		t.Errorf("Close of an engine in use: %v", err)
	}
	// A module may go before its instances.
	closeAll(t, m, m)
	if _, err := m.Instantiate(nil); err != errModuleClosed {
		t.Errorf("Instantiate of a closed module: %v", err)
	}
	g := in.Function("g")
	if err := g.Call(nil); err != nil {
		t.Errorf("after its module was closed: %v", err)
	}
	if err := e.Close(); err == nil {
		t.Error("Close of an engine with an instance open succeeded")
	}
	closeAll(t, in, in)
	if err := g.Call(nil); err != errInstanceClosed {
		t.Errorf("call of a closed instance: %v", err)
	}
	if in.Function("g") != nil || in.Global("x") != nil || in.Memory() != nil {
		t.Error("a closed instance shows what it had")
	}
	closeAll(t, e, e)
	if _, err := e.Compile([]byte(loop)); err != errEngineClosed {
		t.Errorf("Compile of a closed engine: %v", err)
	}
}

func TestClosedGlobal(t *testing.T) {
	e := newEngine(t, Config{Host: benchHost()})
	m := mustCompile(t, e, benchWasm)
	in := mustInstantiate(t, m)
	gas := in.Global(runtime.GlobalGas)
	if gas.Set(7); gas.Get() != 7 {
		t.Fatal("a global is not set")
	}
	if again := in.Global(runtime.GlobalGas); again != gas {
		t.Error("a second look-up gave another global")
	}
	closeAll(t, in)
	if gas.Set(8); gas.Get() != 0 {
		t.Error("a closed global reads something")
	}
	closeAll(t, m, e)
}

// Another guest may be called by a host function on a goroutine of its own, but
// not on the guest's: it would take stack that is not there.
func TestNestedCalls(t *testing.T) {
	e, m, f := loopEngine(t)
	outer, inner := mustInstantiate(t, m), mustInstantiate(t, m)
	call := inner.Function("g")
	depth := 0
	*f = func() error {
		if depth++; depth == 1 {
			return call.Call(nil)
		}
		return nil
	}
	if err := outer.Function("g").Call(nil); err != errNested || depth != 1 {
		t.Errorf("on its goroutine: %v, depth %d", err, depth)
	}
	depth = 0
	*f = func() error {
		if depth++; depth == 1 {
			done := make(chan error)
			go func() { done <- call.Call(nil) }()
			return <-done
		}
		return nil
	}
	if err := outer.Function("g").Call(nil); err != nil || depth != 2 {
		t.Errorf("on another goroutine: %v, depth %d", err, depth)
	}
	closeAll(t, outer, inner, m, e)
}

// A host function that ends its goroutine takes the thread with it and its
// instance; others go on.
func TestGoexit(t *testing.T) {
	e, m, f := loopEngine(t)
	for range 20 {
		lost := mustInstantiate(t, m)
		*f = func() error { goruntime.Goexit(); return nil }
		var wg sync.WaitGroup
		wg.Go(func() { _ = lost.Function("g").Call(nil) })
		wg.Wait()
		if err := lost.Function("g").Call(nil); err != errInstanceRunning {
			t.Errorf("the instance that was left: %v", err)
		}
		if err := lost.Close(); err != errInstanceRunning {
			t.Errorf("Close of the instance that was left: %v", err)
		}
		*f = func() error { return nil }
		for range 20 {
			wg.Go(func() {
				in := mustInstantiate(t, m)
				if err := in.Function("g").Call(nil); err != nil {
					t.Error(err)
				}
				closeAll(t, in)
			})
		}
		wg.Wait()
	}
	closeAll(t, m)
	if err := e.Close(); err == nil {
		t.Error("the engine closed under instances that were left")
	}
}

// Modules are closed while others instantiate them.
func TestCloseWhileInUse(t *testing.T) {
	e, m, f := loopEngine(t)
	*f = func() error { return nil }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				in, err := m.Instantiate(nil)
				if err == errModuleClosed {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if err := in.Function("g").Call(nil); err != nil {
					t.Error(err)
				}
				closeAll(t, in)
			}
		})
	}
	for range 100 {
		goruntime.Gosched()
	}
	closeAll(t, m)
	wg.Wait()
	closeAll(t, e)
}

func TestShortStack(t *testing.T) {
	e := newEngine(t, Config{Host: benchHost()})
	m := mustCompile(t, e, benchWasm)
	in := mustInstantiate(t, m)
	if err := in.Function("deliver").Call([]uint64{1}); err == nil {
		t.Error("no error")
	}
	closeAll(t, in, m, e)
}

func TestStartSectionRefused(t *testing.T) {
	const start = "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" +
		"\x08\x01\x00" + "\x0a\x04\x01\x02\x00\x0b"
	e := newEngine(t, Config{})
	if m, err := e.Compile([]byte(start)); err == nil {
		t.Error("no error")
		closeAll(t, m)
	} else if !strings.Contains(err.Error(), "start section") {
		t.Errorf("error %v does not name the start section", err)
	}
	// Code that ends in the middle of a section is for wasmtime to refuse.
	for n := range len(start) {
		if m, err := e.Compile([]byte(start[:n])); err == nil && n != 8 && n != 14 {
			t.Errorf("the first %d bytes were compiled", n)
			closeAll(t, m)
		} else if err == nil {
			closeAll(t, m) // the header alone, and with the type section, is a module
		}
	}
	closeAll(t, e)
}

// What the instrumenter never lets through, wasmtime does not either: the
// settings are what they are meant to be.
func TestFeaturesAreOff(t *testing.T) {
	e := newEngine(t, Config{})
	const head = "\x00asm\x01\x00\x00\x00"
	for name, code := range map[string]string{
		"simd":          head + "\x01\x05\x01\x60\x00\x01\x7b",
		"externref":     head + "\x01\x05\x01\x60\x00\x01\x6f",
		"memory64":      head + "\x05\x03\x01\x04\x01",
		"shared memory": head + "\x05\x04\x01\x03\x01\x01",
		"two memories":  head + "\x05\x05\x02\x00\x01\x00\x01",
		"tag":           head + "\x01\x04\x01\x60\x00\x00" + "\x0d\x03\x01\x00\x00",
		"gc":            head + "\x01\x03\x01\x5f\x00",
		"tail call":     head + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x0a\x06\x01\x04\x00\x12\x00\x0b",
		"component":     "\x00asm\x0d\x00\x01\x00",
	} {
		if m, err := e.Compile([]byte(code)); err == nil {
			t.Errorf("%s is on", name)
			closeAll(t, m)
		}
	}
	closeAll(t, e)
}

// endless calls itself.
//
//	(module (func (export "f") (call 0)))
const endless = "\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" +
	"\x03\x02\x01\x00" +
	"\x07\x05\x01\x01f\x00\x00" +
	"\x0a\x06\x01\x04\x00\x10\x00\x0b"

// wasmtime's own stack overflow is a fault of the engine each time, on each
// thread, and the instance goes on.
func TestStackOverflow(t *testing.T) {
	e := newEngine(t, Config{})
	m := mustCompile(t, e, []byte(endless))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			in := mustInstantiate(t, m)
			for range 5 {
				err := in.Function("f").Call(nil)
				var trap *runtime.Trap
				if err == nil || errors.As(err, &trap) || !strings.Contains(err.Error(), "stack") {
					t.Errorf("error %v, want a fault of the engine", err)
				}
			}
			closeAll(t, in)
		})
	}
	wg.Wait()
	closeAll(t, m, e)
}

// Numbers are given out again, and never twice at a time.
func TestRegistry(t *testing.T) {
	var r registry
	held := map[uint]*instance{}
	for round := range 500 {
		in := &instance{}
		id := r.add(in)
		if held[id] != nil {
			t.Fatalf("number %d was given out twice", id)
		}
		held[id] = in
		if round%3 == 2 {
			r.remove(id)
			delete(held, id)
		}
	}
	for id, in := range held {
		if r.get(id) != in {
			t.Errorf("number %d is another's", id)
		}
	}
	if n := len(*r.all.Load()); n != 512 {
		t.Errorf("room for %d instances, want 512", n)
	}
}
