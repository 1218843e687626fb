package runtimetest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

// Instances of one module share nothing.
func testIsolation(t *testing.T, e runtime.Engine) {
	m := compile(t, e, "state")
	guests := make([]*guest, 50)
	for i := range guests {
		guests[i] = instantiate(t, m)
	}
	for i, g := range guests {
		g.want(t, "store8", nil, 3, uint64(i))
		g.Global("i64").Set(uint64(i))
		for range i {
			if _, err := g.call(t, "bump", 1); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 1 {
			g.want(t, "grow", []uint64{1}, 1)
		}
	}
	for i, g := range guests {
		calls := 0
		g.act = func([]uint64) error { calls++; return nil }
		g.want(t, "load8", []uint64{uint64(i)}, 3)
		g.want(t, "get_i64", []uint64{uint64(i)})
		g.want(t, "bump", []uint64{uint64(41 + i)})
		g.want(t, "size", []uint64{uint64(1 + i%2)})
		g.want(t, "bump_act", []uint64{100})
		if calls != 1 || len(g.calls) != 1 {
			t.Errorf("instance %d: its env saw %d calls, want 1", i, len(g.calls))
		}
	}
	for _, g := range guests {
		closeAll(t, g)
	}
	closeAll(t, m)
}

// A memory is zero even if its bytes were another instance's before.
func testFreshMemory(t *testing.T, e runtime.Engine) {
	m := compile(t, e, "state")
	want := make([]byte, 3*page)
	copy(want[16:], "crankcase")
	for round := range 10 {
		g := instantiate(t, m)
		g.want(t, "grow", []uint64{1}, 2)
		if !bytes.Equal(g.Memory(), want) {
			t.Errorf("round %d: memory is not fresh", round)
		}
		if got := g.Global("i64").Get(); got != 1<<64-3 {
			t.Errorf("round %d: global is %#x", round, got)
		}
		for i := range g.Memory() {
			g.Memory()[i] = 0xaa
		}
		g.Global("i64").Set(0)
		closeAll(t, g)
	}
	closeAll(t, m)
}

func testNoGuestCode(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		if len(g.calls) != 0 {
			t.Errorf("Instantiate called %v", g.calls)
		}
		// They are there, and run when they are called.
		g.wantTrap(t, runtime.TrapUnreachable, "_initialize", 0)
		if len(g.calls) != 1 {
			t.Errorf("_initialize called %v", g.calls)
		}
	})
	// No instrumented module has a start section: an engine may refuse it,
	// but not run it.
	m, err := e.Compile(code(t, "start"))
	if err != nil {
		return
	}
	g := &guest{}
	if g.Instance, err = m.Instantiate(g); err == nil {
		closeAll(t, g)
	}
	if len(g.calls) != 0 {
		t.Errorf("the start section ran: %v", g.calls)
	}
	closeAll(t, m)
}

func testModules(t *testing.T, e runtime.Engine) {
	if e.Name() == "" {
		t.Error("the engine has no name")
	}
	// code is not kept.
	wasm := bytes.Clone(code(t, "state"))
	m1, err := e.Compile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	for i := range wasm {
		wasm[i] = 0xff
	}
	// The same code twice gives two modules, each closed by itself.
	m2 := compile(t, e, "state")
	g1, g2 := instantiate(t, m1), instantiate(t, m2)
	if s := string(g1.Memory()[16:25]); s != "crankcase" {
		t.Errorf("data segment is %q", s)
	}
	g1.want(t, "bump", []uint64{41})
	g2.want(t, "bump", []uint64{41})
	closeAll(t, g1, m1)
	g2.want(t, "bump", []uint64{42})
	g3 := instantiate(t, m2)
	g3.want(t, "bump", []uint64{41})
	g3.wantTrap(t, runtime.TrapMemoryOutOfBounds, "load8", 1, page)
	closeAll(t, g2, g3, m2)

	// env may be nil, as long as no host function minds.
	m := compile(t, e, "values")
	in, err := m.Instantiate(nil)
	if err != nil {
		t.Fatalf("Instantiate(nil): %v", err)
	}
	(&guest{Instance: in}).want(t, "eqz", []uint64{1}, 0)
	closeAll(t, in, m)
}

// Engine and Module are used from many goroutines, each with instances of its
// own.
func testConcurrency(t *testing.T, e runtime.Engine) {
	shared := compile(t, e, "state")
	wasm := code(t, "host")
	errs := make(chan error, 8)
	var wg sync.WaitGroup
	for i := range cap(errs) {
		wg.Go(func() { errs <- concurrent(e, shared, wasm, uint64(i)) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	closeAll(t, shared)
}

func concurrent(e runtime.Engine, shared runtime.Module, wasm []byte, id uint64) (err error) {
	own, err := e.Compile(wasm)
	if err != nil {
		return err
	}
	for range 10 {
		for i, m := range []runtime.Module{shared, own} {
			g := &guest{}
			if g.Instance, err = m.Instantiate(g); err != nil {
				return err
			}
			if i == 0 {
				stack := []uint64{9, id}
				if err := g.Function("store8").Call(stack); err != nil {
					return err
				}
				g.Global("i64").Set(id)
				stack[0] = 2
				if err := g.Function("grow").Call(stack); err != nil {
					return err
				}
				if got := g.Memory()[9]; uint64(got) != id || len(g.Memory()) != 3*page {
					return fmt.Errorf("instance of %d holds %d in %d bytes", id, got, len(g.Memory()))
				}
			} else {
				stop := fmt.Errorf("stop %d", id)
				g.act = func([]uint64) error { return stop }
				if err := g.Function("act").Call(nil); err != stop {
					return fmt.Errorf("instance of %d stopped with %v", id, err)
				}
			}
			if err := g.Close(); err != nil {
				return err
			}
		}
	}
	return own.Close()
}

// Code that the instrumenter would not let through is an error, not a panic.
func testRefusals(t *testing.T, e runtime.Engine) {
	for name, wasm := range map[string][]byte{
		"empty":     {},
		"text":      []byte("(module)"),
		"truncated": code(t, "state")[:100],
	} {
		if m, err := e.Compile(wasm); err == nil {
			t.Errorf("Compile of %s code succeeded", name)
			closeAll(t, m)
		}
	}
	m, err := e.Compile(code(t, "unknown_import"))
	if err == nil {
		if in, err := m.Instantiate(nil); err == nil {
			t.Error("an import that nobody gives was not refused")
			closeAll(t, in)
		}
		closeAll(t, m)
	}
	with(t, e, "values", func(g *guest) { g.want(t, "eqz", []uint64{1}, 0) })
}
