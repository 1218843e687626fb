package runtimetest

import (
	"bytes"
	"math"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

const page = 1 << 16

// The memory that the host sees is the guest's.
func testMemory(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		mem := g.Memory()
		if len(mem) != page {
			t.Fatalf("memory of %d bytes, want %d", len(mem), page)
		}
		want := make([]byte, page)
		copy(want[16:], "crankcase")
		if !bytes.Equal(mem, want) {
			t.Error("memory is not zero but for the data segment")
		}
		g.want(t, "store8", nil, 0, 200)
		g.want(t, "store8", nil, page-1, 201)
		if mem = g.Memory(); mem[0] != 200 || mem[page-1] != 201 {
			t.Errorf("host reads %d and %d, want 200 and 201", mem[0], mem[page-1])
		}
		mem[1], mem[page-2] = 202, 203
		g.want(t, "load8", []uint64{202}, 1)
		g.want(t, "load8", []uint64{203}, page-2)
	})
	with(t, e, "values", func(g *guest) {
		if n := len(g.Memory()); n != 0 {
			t.Errorf("a module without a memory shows %d bytes", n)
		}
	})
}

func testMemoryGrowth(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		const refused = math.MaxUint32
		g.want(t, "store8", nil, 7, 99)
		g.want(t, "grow", []uint64{1}, 0)
		g.want(t, "grow", []uint64{refused}, 3)
		g.want(t, "grow", []uint64{refused}, math.MaxUint32)
		g.want(t, "grow", []uint64{refused}, 1<<31)
		if n := len(g.Memory()); n != page {
			t.Errorf("after growth that failed: %d bytes", n)
		}
		g.wantTrap(t, runtime.TrapMemoryOutOfBounds, "load8", 1, page)

		g.want(t, "grow", []uint64{1}, 1)
		g.want(t, "size", []uint64{2})
		mem := g.Memory()
		if len(mem) != 2*page {
			t.Fatalf("memory of %d bytes after growth, want %d", len(mem), 2*page)
		}
		if mem[7] != 99 || string(mem[16:25]) != "crankcase" {
			t.Error("growth lost what was there")
		}
		if !bytes.Equal(mem[page:], make([]byte, page)) {
			t.Error("the new page is not zero")
		}
		mem[2*page-1] = 5
		g.want(t, "load8", []uint64{5}, 2*page-1)
		g.wantTrap(t, runtime.TrapMemoryOutOfBounds, "load8", 1, 2*page)

		g.want(t, "grow_between", []uint64{77 + 78}, 1)
		if n := len(g.Memory()); n != 3*page {
			t.Errorf("memory of %d bytes, want %d", n, 3*page)
		}
		g.want(t, "load8", []uint64{5}, 2*page-1)
		g.want(t, "grow", []uint64{refused}, 1)
	})
}

// A host function sees memory and globals as the guest left them, and the
// guest sees what it did to them.
func testMemoryInHostCall(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		g.act = func([]uint64) error {
			mem := g.Memory()
			if len(mem) != 2*page || mem[1] != 77 || mem[2] != 78 {
				t.Errorf("host sees %d bytes, %d, %d", len(mem), mem[1], mem[2])
			}
			mem[1], mem[2] = 3, 4
			return nil
		}
		g.want(t, "grow_between", []uint64{7}, 1)

		global := g.Global("i64")
		g.act = func([]uint64) error {
			if got := global.Get(); got != 100 {
				t.Errorf("host reads %d, want 100", got)
			}
			global.Set(101)
			return nil
		}
		g.want(t, "bump_act", []uint64{101})
	})
}

func testEmptyMemory(t *testing.T, e runtime.Engine) {
	with(t, e, "empty_memory", func(g *guest) {
		if n := len(g.Memory()); n != 0 {
			t.Errorf("memory of %d bytes", n)
		}
		g.wantTrap(t, runtime.TrapMemoryOutOfBounds, "load8", 1, 0)
		g.want(t, "grow", []uint64{0}, 2)
		if n := len(g.Memory()); n != 2*page {
			t.Errorf("memory of %d bytes after growth", n)
		}
		g.Memory()[2*page-1] = 9
		g.want(t, "load8", []uint64{9}, 2*page-1)
	})
}

func testGlobals(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		for _, c := range []struct {
			name           string
			initial, other uint64
		}{
			{"i32", 0xfffffffe, 0x80000001},
			{"i64", math.MaxUint64 - 2, garbage},
			{"f32", uint64(math.Float32bits(0.5)), nan32},
			{"f64", math.Float64bits(-0.25), nan64},
		} {
			global := g.Global(c.name)
			if global == nil {
				t.Fatalf("no global %s", c.name)
			}
			if got := global.Get(); got != c.initial {
				t.Errorf("%s is %#x at first, want %#x", c.name, got, c.initial)
			}
			global.Set(c.other)
			if got := global.Get(); got != c.other {
				t.Errorf("%s is %#x, want %#x", c.name, got, c.other)
			}
			g.want(t, "get_"+c.name, []uint64{c.other})
		}

		i32 := g.Global("i32")
		g.want(t, "i32_wrapped", nil, garbage|5)
		if got := i32.Get(); got != 5 {
			t.Errorf("i32 is %#x, want 5", got)
		}
		i32.Set(garbage | 6)
		if got := i32.Get(); got != 6 {
			t.Errorf("i32 is %#x, want 6", got)
		}
		g.want(t, "i32_extended", []uint64{6})

		g.want(t, "set_i64", nil, 12)
		if got := g.Global("i64").Get(); got != 12 {
			t.Errorf("i64 is %d, want 12", got)
		}

		// As the instrumenter exports what the module kept to itself.
		private := g.Global("crankcase.g4")
		g.want(t, "bump", []uint64{41})
		if got := private.Get(); got != 41 {
			t.Errorf("crankcase.g4 is %d, want 41", got)
		}
		private.Set(70)
		g.want(t, "bump", []uint64{71})
	})
}

// What is not there, is of another kind, or is immutable, is nil: a nil of the
// interface, so that it can be compared.
func testLookups(t *testing.T, e runtime.Engine) {
	with(t, e, "state", func(g *guest) {
		for _, name := range []string{"absent", "memory", "i32", ""} {
			if g.Function(name) != nil {
				t.Errorf("Function(%q) is not nil", name)
			}
		}
		for _, name := range []string{"absent", "memory", "load8", "constant", ""} {
			if g.Global(name) != nil {
				t.Errorf("Global(%q) is not nil", name)
			}
		}
		// Two look-ups are of one thing.
		g.Global("i64").Set(3)
		if got := g.Global("i64").Get(); got != 3 {
			t.Errorf("a second look-up reads %d, want 3", got)
		}
		f1, f2 := g.Function("bump"), g.Function("bump")
		for i, f := range []runtime.Function{f1, f2, f1} {
			stack := []uint64{0}
			if err := f.Call(stack); err != nil || stack[0] != uint64(41+i) {
				t.Errorf("call %d: %d, %v", i, stack[0], err)
			}
		}
	})
}
