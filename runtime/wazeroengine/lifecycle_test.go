package wazeroengine

import (
	"errors"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{{Config{}, "wazero"}, {Config{Interpreter: true}, "wazero-interp"}} {
		e := newEngine(t, c.cfg)
		if e.Name() != c.want {
			t.Errorf("Name is %q, want %q", e.Name(), c.want)
		}
		closeAll(t, e)
	}
}

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

// What must not be done to an engine, a module or an instance is refused, and
// leaves them as they were.
func TestMisuse(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		var f func() error
		cfg.Host = []runtime.HostFunc{{Module: "m", Name: "f", Call: func(any, []uint64) error { return f() }}}
		e := newEngine(t, cfg)
		m, err := e.Compile([]byte(loop))
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Instantiate(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"f", "g"} {
			fn := in.Function(name)
			f = func() error { return fn.Call(nil) }
			if err := fn.Call(nil); err != errInstanceRunning {
				t.Errorf("%s: a call back gave %v", name, err)
			}
			f = in.Close
			if err := fn.Call(nil); err != errInstanceRunning {
				t.Errorf("%s: Close by a host function gave %v", name, err)
			}
			f = func() error { return nil }
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
	})
}

func TestShortStack(t *testing.T) {
	e := newEngine(t, Config{Host: stubs(t, puppet)})
	m, err := e.Compile(puppet)
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Instantiate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Function("crankcase_deliver").Call([]uint64{1}); err == nil {
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
	// Code that ends in the middle of a section is for wazero to refuse.
	for n := 9; n < len(start); n++ {
		if m, err := e.Compile([]byte(start[:n])); err == nil && n != 14 {
			t.Errorf("the first %d bytes were compiled", n)
			closeAll(t, m)
		} else if err == nil {
			closeAll(t, m) // the type section alone is a module
		}
	}
	closeAll(t, e)
}

// A sentinel that a host function returns inside its own error is the host's.
func TestHostErrorWithSentinel(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		kinds, err := trapsOf(cfg.Interpreter)
		if err != nil {
			t.Fatal(err)
		}
		want := errors.Join(errors.New("host"), kinds.sentinels[0])
		cfg.Host = []runtime.HostFunc{{Module: "m", Name: "f", Call: func(any, []uint64) error { return want }}}
		e := newEngine(t, cfg)
		m, err := e.Compile([]byte(loop))
		if err != nil {
			t.Fatal(err)
		}
		in, err := m.Instantiate(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"f", "g"} {
			if err := in.Function(name).Call(nil); err != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		closeAll(t, in, m, e)
	})
}

// Each kind of trap has been probed, and nothing else counts as one.
func TestTrapKinds(t *testing.T) {
	for _, interpreter := range []bool{false, true} {
		kinds, err := trapsOf(interpreter)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[runtime.TrapKind]bool{}
		for i, p := range trapProbes {
			if got := kinds.kind(kinds.sentinels[i]); got != p.kind {
				t.Errorf("%s is %v, want %v", p.export, got, p.kind)
			}
			seen[p.kind] = true
		}
		for k := runtime.TrapUnreachable; k <= runtime.TrapDivideByZero; k++ {
			if !seen[k] {
				t.Errorf("no probe for %v", k)
			}
		}
		// The same text is not the same sentinel.
		if k := kinds.kind(errors.New(kinds.sentinels[0].Error())); k != 0 {
			t.Errorf("a text was taken for %v", k)
		}
	}
}
