package wasmtimeengine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
)

// A recursive function without an end that keeps much alive over its call of
// itself.
type fat struct {
	params, locals, operands, results int
	// again is how many products of two locals are computed before the call
	// and once more after it: a compiler may keep them instead.
	again int
	// short is how many groups of group products are computed before the call,
	// each alive over a call of another function.
	short, group int
	float        bool
}

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func section(id byte, body ...[]byte) []byte {
	var all []byte
	for _, b := range body {
		all = append(all, b...)
	}
	return append(append([]byte{id}, uleb(len(all))...), all...)
}

func repeat(n int, b ...byte) []byte {
	out := uleb(n)
	for range n {
		out = append(out, b...)
	}
	return out
}

// module assembles it, as the export f of a function that calls it with
// zeros.
func (f fat) module() []byte {
	typ, add, mul := byte(runtime.I64), []byte{0x7c}, byte(0x7e)
	one := []byte{0x42, 1}
	if f.float {
		typ, add, mul, one = byte(runtime.F64), []byte{0xa0}, 0xa2, append([]byte{0x44}, make([]byte, 8)...)
	}
	get := func(i int) []byte { return append([]byte{0x20}, uleb(i)...) }
	set := func(i int) []byte { return append([]byte{0x21}, uleb(i)...) }
	global := []byte{0x23, 0}

	body := append(append([]byte{1}, uleb(f.locals)...), typ)
	for i := range f.locals { // each its own value, which the compiler does not know
		body = append(append(append(body, global...), one...), add...)
		if f.params > 0 {
			body = append(append(body, get(i%f.params)...), add...)
		}
		if i > 0 {
			body = append(append(body, get(f.params+i-1)...), add...)
		}
		body = append(body, set(f.params+i)...)
	}
	products := func() (b []byte) {
		b = append(b, global...)
		for i := range f.again {
			b = append(append(b, get(i%f.locals)...), get(i/f.locals%f.locals)...)
			b = append(append(b, mul), add...)
		}
		return append(b, 0x24, 0)
	}
	body = append(body, products()...)
	for i := range f.short {
		for j := range f.group {
			n := i*f.group + j
			body = append(append(body, get(n%f.locals)...), get(n*7/f.locals%f.locals)...)
			body = append(body, mul)
		}
		body = append(body, 0x10, 2)
		for range f.group - 1 {
			body = append(body, add...)
		}
		body = append(body, 0x24, 0)
	}
	for range f.operands { // alive on the operand stack; the call may change the global
		body = append(body, global...)
		body = append(append(append(body, one...), add...), 0x24, 0)
		body = append(body, global...)
	}
	for i := range f.params {
		body = append(append(append(body, get(i)...), one...), add...)
	}
	body = append(body, 0x10, 0) // call
	for range f.results - 1 {
		body = append(body, add...)
	}
	for range f.operands {
		body = append(body, add...)
	}
	body = append(body, products()...)
	for i := range f.params + f.locals {
		body = append(append(body, get(i)...), add...)
	}
	for range f.results - 1 {
		body = append(body, global...)
	}
	body = append(body, 0x0b)

	start := []byte{0}
	for range f.params {
		start = append(start, global...)
	}
	start = append(start, 0x10, 0)
	for range f.results {
		start = append(start, 0x1a)
	}
	start = append(start, 0x0b)

	init := append(append([]byte{1, typ, 1}, one...), 0x0b)
	code := []byte("\x00asm\x01\x00\x00\x00")
	code = append(code, section(1, []byte{2, 0x60}, repeat(f.params, typ), repeat(f.results, typ), []byte{0x60, 0, 0})...)
	code = append(code, section(3, []byte{3, 0, 1, 1})...)
	code = append(code, section(5, []byte{1, 0, 1})...)
	code = append(code, section(6, init)...)
	code = append(code, section(7, []byte("\x02\x06memory\x02\x00\x01f\x00\x01"))...)
	return append(code, section(10, []byte{3}, uleb(len(body)), body, uleb(len(start)), start, []byte{2, 0, 0x0b})...)
}

// depthAt runs an instrumented module to its limit on the stack and returns the
// height it came to, or what went wrong.
func depthAt(t *testing.T, e runtime.Engine, code []byte) (uint64, error) {
	t.Helper()
	m, err := e.Compile(code)
	if err != nil {
		t.Fatal(err)
	}
	in := mustInstantiate(t, m)
	defer closeAll(t, in, m)
	in.Global(runtime.GlobalGas).Set(1 << 40)
	err = in.Function("f").Call(nil)
	var trap *runtime.Trap
	if !errors.As(err, &trap) || trap.Kind != runtime.TrapUnreachable || in.Global(runtime.GlobalStatus).Get() != runtime.StatusStack {
		return 0, fmt.Errorf("%w, status %d", err, in.Global(runtime.GlobalStatus).Get())
	}
	return in.Global(runtime.GlobalDepth).Get(), nil
}

// With these functions, each of which keeps much in its frame, the instrumented
// limit is reached first, also with the least stack that New accepts, and where it is on wazero.
func TestInstrumentedLimitComesFirst(t *testing.T) {
	least, err := newWithStack(Config{}, leastStack)
	if err != nil {
		t.Fatal(err)
	}
	wazero, err := wazeroengine.New(wazeroengine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, Config{})
	for _, f := range []fat{
		{results: 1},
		{params: 62, results: 1},                            // 1 unit
		{params: 63, results: 1},                            // 1 or 2
		{params: 127, results: 1},                           // 2
		{params: 128, results: 1},                           // 3, the most parameters
		{params: 128, locals: 100, results: 16},             // and all the rest
		{params: 2, locals: 118, results: 1},                // 1
		{locals: 120, results: 1},                           //
		{operands: 120, results: 1},                         //
		{params: 40, locals: 20, operands: 20},              // 1
		{params: 40, locals: 20, operands: 20, results: 16}, //
		{locals: 4000, results: 1},
		{operands: 1000, results: 1},
		{locals: 60, again: 600, results: 1},
		{locals: 60, short: 80, group: 12, results: 1},
		{locals: 60, short: 20, group: 50, results: 1},
		{locals: 90, short: 160, group: 3, operands: 20, results: 1},
		{locals: 20, short: 250, group: 4, results: 1},
		{locals: 3, short: 10, group: 100, results: 1},
	} {
		for _, float := range []bool{false, true} {
			if f.results == 0 {
				f.results = 2
			}
			f.float = float
			code := instrumented(t, f.module())
			want, err := depthAt(t, wazero, code)
			if err != nil || want <= instrument.StackLimit {
				t.Fatalf("%+v on wazero: %d, %v", f, want, err)
			}
			for _, e := range []*Engine{least, e} {
				if got, err := depthAt(t, e, code); err != nil || got != want {
					t.Errorf("%+v: height %d, want %d (%v)", f, got, want, err)
				}
			}
		}
	}
	closeAll(t, least, e, wazero)
}
