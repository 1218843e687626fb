package runtimetest

import (
	"errors"
	"math"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

func testTraps(t *testing.T, e runtime.Engine) {
	type row struct {
		name    string
		results int
		params  []uint64
	}
	f32 := func(v float32) []uint64 { return []uint64{uint64(math.Float32bits(v))} }
	f64 := func(v float64) []uint64 { return []uint64{math.Float64bits(v)} }
	inf := math.Inf(1)
	kinds := []struct {
		kind runtime.TrapKind
		rows []row
	}{
		{runtime.TrapUnreachable, []row{
			{"unreachable", 0, nil}, {"unreachable_deep", 0, []uint64{300}}, {"unreachable_after", 0, []uint64{3}},
		}},
		{runtime.TrapMemoryOutOfBounds, []row{
			{"load", 0, nil}, {"load_edge", 0, nil}, {"load_offset", 0, nil}, {"load_f64", 0, nil},
			{"store", 0, nil}, {"store8", 0, nil}, {"fill", 0, nil}, {"copy", 0, nil}, {"init", 0, nil},
		}},
		{runtime.TrapTableOutOfBounds, []row{
			{"call_outside", 0, nil}, {"call_far_outside", 0, nil}, {"call_null", 0, nil},
		}},
		{runtime.TrapIndirectCall, []row{{"call_signature", 0, nil}}},
		{runtime.TrapIntegerOverflow, []row{
			{"div_s_overflow", 1, []uint64{math.MaxUint32}}, {"div_s_overflow_64", 1, []uint64{math.MaxUint64}},
			{"trunc_f32_i32_s", 1, f32(1 << 31)}, {"trunc_f32_i32_s", 1, f32(float32(inf))}, {"trunc_f32_i32_s", 1, []uint64{nan32}},
			{"trunc_f32_i64_u", 1, f32(-1)}, {"trunc_f32_i64_u", 1, f32(1 << 63 * 2)}, {"trunc_f32_i64_u", 1, []uint64{nan32}},
			{"trunc_f64_i32_u", 1, f64(1 << 32)}, {"trunc_f64_i32_u", 1, f64(-1)}, {"trunc_f64_i32_u", 1, []uint64{nan64}},
			{"trunc_f64_i64_s", 1, f64(1 << 63)}, {"trunc_f64_i64_s", 1, f64(-inf)}, {"trunc_f64_i64_s", 1, []uint64{nan64}},
		}},
		{runtime.TrapDivideByZero, []row{
			{"div_s", 1, []uint64{0}}, {"div_u", 1, []uint64{0}}, {"rem_s", 1, []uint64{0}}, {"rem_u", 1, []uint64{0}},
			{"div_s_64", 1, []uint64{0}}, {"rem_u_64", 1, []uint64{0}}, {"div_s", 1, []uint64{garbage}},
		}},
	}
	with(t, e, "traps", func(g *guest) {
		for _, k := range kinds {
			for _, r := range k.rows {
				// Twice, by one Function: a trap must not spoil the next call.
				f := g.Function(r.name)
				if f == nil {
					t.Fatalf("no function %s", r.name)
				}
				for range 2 {
					stack := make([]uint64, max(r.results, len(r.params)))
					copy(stack, r.params)
					err := f.Call(stack)
					var trap *runtime.Trap
					if !errors.As(err, &trap) || trap.Kind != k.kind {
						t.Errorf("%s(%#x): error %v, want trap %q", r.name, r.params, err, k.kind)
					}
				}
				g.want(t, "ok", []uint64{7})
			}
		}
		// The values beside those that trap.
		g.want(t, "div_s", []uint64{math.MaxUint32}, math.MaxUint32)
		g.want(t, "div_s_overflow", []uint64{1 << 31}, 1)
		g.want(t, "rem_s_overflow", []uint64{0}, math.MaxUint32)
		g.want(t, "trunc_f32_i32_s", []uint64{1 << 31}, f32(-1<<31)...)
		g.want(t, "trunc_f64_i32_u", []uint64{math.MaxUint32}, f64(math.MaxUint32)...)
		g.want(t, "trunc_f64_i32_u", []uint64{0}, f64(-0.9)...)
	})
}

// What the guest did before it trapped stays.
func testTrapLeavesState(t *testing.T, e runtime.Engine) {
	with(t, e, "traps", func(g *guest) {
		for _, v := range []uint64{41, 42} {
			g.wantTrap(t, runtime.TrapUnreachable, "unreachable_after", 0, v)
			if got := g.Global("g").Get(); got != v {
				t.Errorf("global is %d, want %d", got, v)
			}
			if got := g.Memory()[5]; uint64(got) != v {
				t.Errorf("memory holds %d, want %d", got, v)
			}
		}
		// A store that is out of bounds at its end writes nothing at all.
		g.wantTrap(t, runtime.TrapMemoryOutOfBounds, "store", 0)
		g.wantTrap(t, runtime.TrapMemoryOutOfBounds, "fill", 0)
		for i, b := range g.Memory()[65520:] {
			if b != 0 {
				t.Errorf("byte %d is %d after a store that trapped", 65520+i, b)
			}
		}
	})
}

// An engine's own stack overflow is a fault of the engine: no trap, and not the
// end of the process.
func testEngineStackOverflow(t *testing.T, e runtime.Engine) {
	m := compile(t, e, "traps")
	g := instantiate(t, m)
	_, err := g.call(t, "recurse", 1, 0)
	var trap *runtime.Trap
	if err == nil || errors.As(err, &trap) {
		t.Errorf("endless recursion gave %v, want an error that is no trap", err)
	}
	fresh := instantiate(t, m)
	fresh.want(t, "ok", []uint64{7})
	closeAll(t, g, fresh, m)
}
