package wasmtimeengine

import (
	"errors"
	"testing"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// grower grows its memory and says what memory.grow answered.
//
//	(module (memory (export "memory") 1 8)
//	  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
const grower = "\x00asm\x01\x00\x00\x00" +
	"\x01\x06\x01\x60\x01\x7f\x01\x7f" +
	"\x03\x02\x01\x00" +
	"\x05\x04\x01\x01\x01\x08" +
	"\x07\x11\x02\x06memory\x02\x00\x04grow\x00\x00" +
	"\x0a\x08\x01\x06\x00\x20\x00\x40\x00\x0b"

const growFails = 0xffffffff

func grow(t *testing.T, in runtime.Instance, delta uint64) uint64 {
	t.Helper()
	stack := []uint64{delta}
	if err := in.Function("grow").Call(stack); err != nil {
		t.Fatal(err)
	}
	return stack[0]
}

// stubs returns the functions of the guest ABI, which do nothing and return
// zeros.
func stubs(t testing.TB) []runtime.HostFunc {
	t.Helper()
	list := hostfuncs.HostFuncs()
	for i := range list {
		results := len(list[i].Results)
		list[i].Call = func(_ any, stack []uint64) error {
			clear(stack[:results])
			return nil
		}
	}
	return list
}

// instrumented rewrites a module as install does.
func instrumented(t testing.TB, wasm []byte) []byte {
	t.Helper()
	c := instrument.Config{Limits: instrument.DefaultLimits()}
	for _, i := range hostfuncs.Imports() {
		c.Imports = append(c.Imports, instrument.Import{Module: i.Module, Name: i.Name, Params: i.Params, Results: i.Results})
	}
	res, err := instrument.Instrument(wasm, c)
	if err != nil {
		t.Fatal(err)
	}
	return res.Code
}

func TestMaxMemoryPages(t *testing.T) {
	e := newEngine(t, Config{MaxMemoryPages: 3})
	m := mustCompile(t, e, []byte(grower)) // its own maximum is 8
	in := mustInstantiate(t, m)
	in.Memory()[100] = 42
	if got := grow(t, in, 3); got != growFails {
		t.Errorf("grow past the limit answered %#x", got)
	}
	if mem := in.Memory(); len(mem) != pageSize || mem[100] != 42 {
		t.Errorf("after the refusal: %d bytes, %d", len(mem), mem[100])
	}
	if got := grow(t, in, 2); got != 1 {
		t.Errorf("grow to the limit answered %#x", got)
	}
	if mem := in.Memory(); len(mem) != 3*pageSize || cap(mem) != len(mem) || mem[100] != 42 {
		t.Errorf("after growth: %d bytes of %d, %d", len(mem), cap(mem), mem[100])
	}
	closeAll(t, in, m, e)
}

// A first memory that is past the limit is a fault of the host.
func TestFirstMemoryRefused(t *testing.T) {
	e := newEngine(t, Config{MaxMemoryPages: 3, Host: benchHost()})
	m := mustCompile(t, e, benchWasm) // 16 pages
	for range 100 {
		if in, err := m.Instantiate(nil); err == nil {
			t.Error("Instantiate succeeded")
			closeAll(t, in)
		}
	}
	closeAll(t, m, e) // which does not miss an instance
}

// The instrumented code takes the host's refusal of memory for what it is, and
// the guest's own limit for what that is.
func TestInstrumentedGrowth(t *testing.T) {
	e := newEngine(t, Config{MaxMemoryPages: 4})
	m := mustCompile(t, e, instrumented(t, []byte(grower)))
	in := mustInstantiate(t, m)
	status := in.Global(runtime.GlobalStatus)
	in.Global(runtime.GlobalGas).Set(1 << 40)
	if got := grow(t, in, 8); got != growFails || status.Get() != runtime.StatusNone {
		t.Errorf("past the guest's limit: %#x, status %d", got, status.Get())
	}
	if got := grow(t, in, 3); got != 1 || status.Get() != runtime.StatusNone {
		t.Errorf("below both: %#x, status %d", got, status.Get())
	}
	err := in.Function("grow").Call([]uint64{1})
	var trap *runtime.Trap
	if !errors.As(err, &trap) || trap.Kind != runtime.TrapUnreachable || status.Get() != runtime.StatusHost {
		t.Errorf("refused by the host: %v, status %d", err, status.Get())
	}
	closeAll(t, in, m, e)
}

// Address space for many instances: each reserves what it may grow to.
func TestManyMemories(t *testing.T) {
	e := newEngine(t, Config{Host: stubs(t)})
	m := mustCompile(t, e, puppet)
	var all []interface{ Close() error }
	for i := range 1000 {
		in, err := m.Instantiate(nil)
		if err != nil {
			t.Fatalf("instance %d: %v", i, err)
		}
		in.Memory()[0] = byte(i)
		all = append(all, in)
	}
	for i, in := range all {
		if got := in.(runtime.Instance).Memory()[0]; got != byte(i) {
			t.Fatalf("instance %d holds %d", i, got)
		}
	}
	closeAll(t, all...)
	closeAll(t, m, e)
}
