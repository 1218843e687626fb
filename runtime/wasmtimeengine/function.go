package wasmtimeengine

// #cgo nocallback crankcase_get
// #cgo nocallback crankcase_set
// #include "shim.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// function is an export of an instance. It implements runtime.Function.
type function struct {
	in    *instance
	name  string
	c     *C.crankcase_func
	slots int // the larger of the numbers of parameters and results
	// The bits of each parameter and result: those of 32 bits have no others.
	params, results []uint64
	raw             []rawValue // of c
}

// rawValue is a value as wasmtime passes it, with room for a vector.
type rawValue [2]uint64

func rawValues(at unsafe.Pointer, n int) []rawValue { return unsafe.Slice((*rawValue)(at), n) }

// masks returns the bits that values of these kinds have.
func masks(kinds []byte) []uint64 {
	bits := make([]uint64, len(kinds))
	for i, k := range kinds {
		bits[i] = 1<<64 - 1
		if k == C.WASM_I32 || k == C.WASM_F32 {
			bits[i] = 1<<32 - 1
		}
	}
	return bits
}

// Call implements runtime.Function. On a closed instance, or on one that is
// running already, it is an error and runs nothing.
func (f *function) Call(stack []uint64) error {
	in := f.in
	if in.closed {
		return errInstanceClosed
	}
	if in.running {
		return errInstanceRunning
	}
	if len(stack) < f.slots {
		return fmt.Errorf("wasmtime: %s needs a stack of %d, got %d", f.name, f.slots, len(stack))
	}
	for i, bits := range f.params {
		f.raw[i][0] = stack[i] & bits
	}
	in.running = true
	code := C.crankcase_call(f.c)
	in.running = false
	if code != C.CRANKCASE_DONE {
		return f.fault(code)
	}
	for i, bits := range f.results {
		stack[i] = f.raw[i][0] & bits
	}
	return nil
}

// fault says why a call failed.
func (f *function) fault(code C.int) error {
	if code == C.CRANKCASE_NESTED {
		return errNested
	}
	err := takeFault(f.in.c)
	// Whatever wasmtime made of it, the host's own error is what it was.
	if stopped := f.in.stopped; stopped != nil {
		f.in.stopped = nil
		return stopped
	}
	return faultOf(f.name, err)
}
