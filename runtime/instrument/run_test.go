package instrument

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/crankcase/crankcase/runtime"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// An engine is one of wazero's, with an instance of a module.
type engine struct {
	name string
	m    api.Module
	// ticks counts calls of the imported function.
	ticks *int
}

// engines instantiates code, which imports only crankcase_v1.tick, on both of
// wazero's engines.
func engines(t testing.TB, code []byte) []engine {
	var out []engine
	for name, config := range map[string]wazero.RuntimeConfig{"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter()} {
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, config)
		t.Cleanup(func() {
			if err := r.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		ticks := new(int)
		_, err := r.NewHostModuleBuilder("crankcase_v1").NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { *ticks++ }), nil, nil).
			Export("tick").Instantiate(ctx)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions())
		if err != nil {
			t.Fatal(name, err)
		}
		out = append(out, engine{name, m, ticks})
	}
	return out
}

func (e engine) global(name string) api.MutableGlobal {
	return e.m.ExportedGlobal(name).(api.MutableGlobal)
}

// An outcome is everything that can be seen of a call.
type outcome struct {
	results string
	trapped bool
	status  uint64
	gas     int64 // used
	depth   uint64
}

// call calls an export with the given gas.
func (e engine) call(t testing.TB, gas int64, name string, args ...uint64) outcome {
	f := e.m.ExportedFunction(name)
	if f == nil {
		t.Fatalf("no export %s", name)
	}
	e.global(runtime.GlobalGas).Set(uint64(gas))
	e.global(runtime.GlobalDepth).Set(0)
	e.global(runtime.GlobalStatus).Set(0)
	got, err := f.Call(context.Background(), args...)
	for i, ty := range f.Definition().ResultTypes() {
		if err == nil && (ty == api.ValueTypeI32 || ty == api.ValueTypeF32) {
			got[i] &= math.MaxUint32
		}
	}
	if err != nil {
		got = nil
	}
	return outcome{fmt.Sprint(got), err != nil, e.global(runtime.GlobalStatus).Get() & math.MaxUint32,
		gas - int64(e.global(runtime.GlobalGas).Get()), e.global(runtime.GlobalDepth).Get() & math.MaxUint32}
}

func instrumented(t testing.TB, name string) *Result {
	res, err := Instrument(readTestdata(t, name), guestConfig())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const plenty = 1 << 40

// TestGas adds up prices by hand. Entry is 2, and 1 for each 4 locals.
func TestGas(t *testing.T) {
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		for _, c := range []struct {
			name string
			args []uint64
			gas  int64
		}{
			{"leaf", nil, 2},
			{"straight", nil, 2 + 3 + 2 + 1},
			{"locals8", nil, 2 + 2},
			// A turn of the loop: loop, get, const, sub, tee, br_if.
			{"count", []uint64{1}, 2 + 6},
			{"count", []uint64{100}, 2 + 100*6},
			{"arms", []uint64{5}, 2 + 2 + (1 + 1 + priceDiv32) + 2},
			{"arms", []uint64{0}, 2 + 2 + 1 + 2},
			// What follows the block is paid at entry, the guarded part only if it runs.
			{"guard", []uint64{1}, 2 + 2 + 1},
			{"guard", []uint64{0}, 2 + 2 + 1 + 2*(1+priceLoad)},
			{"escape", []uint64{1}, 2 + 2 + 1},
			{"escape", []uint64{0}, 2 + 2 + 2},
			{"dead", nil, 2 + 1 + 1},
			// A trap in the middle has paid for the whole.
			{"trap", []uint64{1}, 2 + 1 + 1 + priceDiv32 + 1 + priceLoad + 1},
			{"trap", []uint64{0}, 2 + 1 + 1 + priceDiv32 + 1 + priceLoad + 1},
			{"host", nil, 2 + 2*priceCall},
			{"copy", []uint64{0, 1, 3}, 2 + 3 + priceBulk},
			{"copy", []uint64{0, 1, 7}, 2 + 3 + priceBulk + 1},
			{"fill", []uint64{0, 1, 65536}, 2 + 3 + priceBulk + 16384},
			{"init", []uint64{0, 0, 24}, 2 + 3 + priceBulk + 6},
			// Paid, then out of bounds.
			{"fill", []uint64{0, 1, 65536 * 8}, 2 + 3 + priceBulk + 131072},
			{"indirect", []uint64{0}, 2 + 1 + priceCallIndirect + 2},
			{"indirect", []uint64{3}, 2 + 1 + priceCallIndirect},
			{"down", []uint64{0}, 2 + 2 + 1},
			{"down", []uint64{1}, 2*(2+2) + (1 + 1 + 1 + 1 + priceCall + 1) + 1},
		} {
			got := e.call(t, plenty, c.name, c.args...)
			if got.gas != c.gas {
				t.Errorf("%s: %s(%v) used %d gas, want %d", e.name, c.name, c.args, got.gas, c.gas)
			}
			if got.status != runtime.StatusNone {
				t.Errorf("%s: %s(%v): status %d", e.name, c.name, c.args, got.status)
			}
		}
	}
}

// TestOutOfGas runs with every amount of gas up to enough: both engines trap at
// the same place, with the status set, and never below by more than a stretch.
func TestOutOfGas(t *testing.T) {
	both := engines(t, instrumented(t, "run.wasm").Code)
	for _, c := range []struct {
		name  string
		args  []uint64
		total int64
		last  int64 // of the total, what is paid after the last check
	}{{"count", []uint64{20}, 122, 0}, {"down", []uint64{5}, 5*(4+11) + 5, 1}, {"fill", []uint64{0, 0, 800}, 229, 0}} {
		for gas := int64(0); gas <= c.total+3; gas++ {
			a, b := both[0].call(t, gas, c.name, c.args...), both[1].call(t, gas, c.name, c.args...)
			if a != b {
				t.Fatalf("%s with %d gas: %+v and %+v", c.name, gas, a, b)
			}
			if want := gas < c.total-c.last; a.trapped != want || want && a.status != runtime.StatusGas || a.gas > gas+229 {
				t.Errorf("%s with %d gas of %d: %+v", c.name, gas, c.total, a)
			}
		}
	}
	for _, e := range both {
		if got := e.call(t, 1_000_000, "forever"); got.status != runtime.StatusGas || got.gas != 1_000_001 && got.gas != 1_000_002 {
			t.Errorf("%s: forever: %+v", e.name, got)
		}
	}
}

// TestStack finds the limit: the same on both engines, to the call.
func TestStack(t *testing.T) {
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		for _, c := range []struct {
			name   string
			args   []uint64
			status uint64
		}{
			{"down", []uint64{StackLimit - 1}, runtime.StatusNone}, // n = 0 is a call, too
			{"down", []uint64{StackLimit}, runtime.StatusStack},
			{"down", []uint64{1 << 31}, runtime.StatusStack},
			// 128 locals: 2 units a call.
			{"fat", []uint64{StackLimit/2 - 1}, runtime.StatusNone},
			{"fat", []uint64{StackLimit / 2}, runtime.StatusStack},
			// At the limit, a function that is not counted calls the host and grows.
			{"deepest", []uint64{StackLimit - 1}, runtime.StatusNone},
			{"deepest", []uint64{StackLimit}, runtime.StatusStack},
		} {
			got := e.call(t, plenty, c.name, c.args...)
			if got.status != c.status || got.trapped != (c.status != 0) {
				t.Errorf("%s: %s(%v): %+v, want status %d", e.name, c.name, c.args, got, c.status)
			}
			if c.status == 0 && got.depth != 0 {
				t.Errorf("%s: %s(%v) leaves a depth of %d", e.name, c.name, c.args, got.depth)
			}
		}
		if got := e.call(t, plenty, "down", 1000); got.results != "[1000]" {
			t.Errorf("%s: down: %+v", e.name, got)
		}
	}
}

// TestLeave leaves a function by each way out and finds the depth at 0.
func TestLeave(t *testing.T) {
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		for how, want := range []string{"[1]", "[2]", "[3]", "[3]"} {
			for _, n := range []uint64{1, 2, 1000} {
				got := e.call(t, plenty, "leave", uint64(how), n)
				if got.trapped || got.depth != 0 || got.results != want {
					t.Errorf("%s: leave(%d, %d): %+v, want %s", e.name, how, n, got, want)
				}
			}
		}
		if got := e.call(t, plenty, "leave", 0, 0); got.results != "[100]" || got.depth != 0 {
			t.Errorf("%s: leave: %+v", e.name, got)
		}
		x := math.Float64bits(2.5)
		if got := e.call(t, plenty, "pair", 9, x); got.trapped || got.depth != 0 || got.results != fmt.Sprint([]uint64{1, x}) {
			t.Errorf("%s: pair: %+v", e.name, got)
		}
	}
}

// TestGrow grows to the logical maximum of 4 pages and no further.
func TestGrow(t *testing.T) {
	const base = 2 + 1 + priceGrow
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		for _, c := range []struct {
			delta  uint64
			result string
			gas    int64
		}{
			{0, "[1]", base}, {4, "[4294967295]", base}, {2, "[1]", base + 2*pricePage}, {math.MaxUint32, "[4294967295]", base},
			{2, "[4294967295]", base}, {1, "[3]", base + pricePage}, {1, "[4294967295]", base}, {0, "[4]", base},
		} {
			if got := e.call(t, plenty, "grow", c.delta); got.results != c.result || got.gas != c.gas || got.status != 0 {
				t.Errorf("%s: grow(%d): %+v, want %s for %d gas", e.name, c.delta, got, c.result, c.gas)
			}
		}
		if got := e.call(t, plenty, "size"); got.results != "[4]" {
			t.Errorf("%s: size: %+v", e.name, got)
		}
	}
	// Out of gas for the pages: nothing grows.
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		if got := e.call(t, base+pricePage-1, "grow", 1); got.status != runtime.StatusGas || e.m.Memory().Size() != 1<<16 {
			t.Errorf("%s: %+v, %d bytes", e.name, got, e.m.Memory().Size())
		}
	}
}

// meanMemory is memory that never grows.
type meanMemory []byte

func (m meanMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m)) {
		return nil
	}
	return m[:size]
}
func (meanMemory) Free() {}

// TestGrowHost has a host that cannot give memory below the logical limit: the
// guest does not see -1, it is stopped.
func TestGrowHost(t *testing.T) {
	res, err := Instrument(moduleOf(guest{body: []byte{opI32Const, 1, opMemoryGrow, 0}}), guestConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []wazero.RuntimeConfig{wazero.NewRuntimeConfigCompiler(), wazero.NewRuntimeConfigInterpreter()} {
		ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(func(size, _ uint64) experimental.LinearMemory {
			return meanMemory(make([]byte, size))
		}))
		r := wazero.NewRuntimeWithConfig(ctx, config)
		m, err := r.Instantiate(ctx, res.Code)
		if err != nil {
			t.Fatal(err)
		}
		if got := (engine{m: m}).call(t, plenty, "crankcase_deliver", 0, 0); got.status != runtime.StatusHost || !got.trapped {
			t.Errorf("got %+v, want a trap with StatusHost", got)
		}
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// TestStart runs the start function through its export and finds it in the
// exported global.
func TestStart(t *testing.T) {
	for _, e := range engines(t, instrumented(t, "run.wasm").Code) {
		if got := e.global(runtime.GlobalPrefix + "0").Get(); got != 0 {
			t.Errorf("%s: the start function ran by itself", e.name)
		}
		if got := e.call(t, plenty, runtime.FuncStart); got.trapped || got.gas != 2+1+priceStore {
			t.Errorf("%s: start: %+v", e.name, got)
		}
		if got := e.global(runtime.GlobalPrefix + "0").Get(); got != 1 {
			t.Errorf("%s: the global is %d after the start function", e.name, got)
		}
		e.global(runtime.GlobalPrefix + "0").Set(77)
		if got := e.call(t, plenty, "started"); got.results != "[77]" {
			t.Errorf("%s: a restored global reads %s", e.name, got.results)
		}
		if e.m.ExportedGlobal(runtime.GlobalPrefix+"1") != nil || e.m.ExportedGlobal(runtime.GlobalPrefix+"2") == nil {
			t.Errorf("%s: the immutable global is exported, or the mutable one is not", e.name)
		}
		if got := e.global(runtime.GlobalClock).Get(); got != 0 {
			t.Errorf("%s: the clock is %d", e.name, got)
		}
	}
}

// TestNaN gives each float operation every pair of odd values: results are the
// same bits on both engines, and NaNs that operations make are canonical.
func TestNaN(t *testing.T) {
	both := engines(t, instrumented(t, "run.wasm").Code)
	exact := map[string]bool{"f64.copysign": true, "f64.abs": true, "f64.neg": true, "f32.abs": true, "f32.neg": true, "f64.chain": true}
	values := []uint64{0, 1 << 63, math.Float64bits(1), math.Float64bits(-1), math.Float64bits(math.Inf(1)), math.Float64bits(math.Inf(-1)),
		0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0xfff8000000000123, 0x7ff8000000000abc,
		0x7fc00000, 0xffc00000, 0x7f800001, 0xffc00123, 0x7f800000, 0xff800000, 0x3f800000, 0xbf800000}
	nans := 0
	for name := range both[0].m.ExportedFunctionDefinitions() {
		if len(name) < 4 || name[0] != 'f' || name[3] != '.' {
			continue
		}
		for _, x := range values {
			for _, y := range values {
				a, b := both[0].call(t, plenty, name, x, y), both[1].call(t, plenty, name, x, y)
				if a != b {
					t.Errorf("%s(%#x, %#x): %+v and %+v", name, x, y, a, b)
				}
				var bits uint64
				if _, err := fmt.Sscanf(a.results, "[%d]", &bits); err != nil {
					t.Fatal(err)
				}
				is32 := name[:3] == "f32"
				nan := is32 && bits&0x7fffffff > 0x7f800000 || !is32 && bits&^(1<<63) > 0x7ff0000000000000
				if nan && !exact[name] {
					nans++
					if is32 && bits != 0x7fc00000 || !is32 && bits != 0x7ff8000000000000 {
						t.Errorf("%s(%#x, %#x) is the NaN %#x", name, x, y, bits)
					}
				}
				// The chain negates a canonical NaN.
				if name == "f64.chain" && nan && bits != 0xfff8000000000000 {
					t.Errorf("%s(%#x, %#x) is the NaN %#x", name, x, y, bits)
				}
			}
		}
		if got := both[0].call(t, plenty, "f64.abs", 0xfff8000000000123, 0).results; got != fmt.Sprint([]uint64{0x7ff8000000000123}) {
			t.Fatalf("abs does not keep the NaN's bits: %s", got)
		}
	}
	if nans < 2000 {
		t.Errorf("only %d NaNs seen", nans)
	}
}
