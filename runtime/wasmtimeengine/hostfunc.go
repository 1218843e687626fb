package wasmtimeengine

// #include "shim.h"
import "C"

import (
	"fmt"
	goruntime "runtime"
	"runtime/debug"
	"unsafe"

	"github.com/crankcase/crankcase/runtime"
)

// A hostFunction is a runtime.HostFunc as wasmtime calls it.
type hostFunction struct {
	module, name string
	kinds        []byte // of the parameters, then of the results
	slots        int    // the larger of their numbers
	// The bits of each parameter and result: those of 32 bits have no others.
	params, results []uint64
	call            func(env any, stack []uint64) error
}

// hostFunctions checks the host functions and returns them with the largest
// number of slots.
func hostFunctions(list []runtime.HostFunc) (funcs []*hostFunction, slots int, err error) {
	type funcName struct{ module, name string }
	seen := map[funcName]bool{}
	for _, hf := range list {
		if hf.Module == "" || hf.Call == nil {
			return nil, 0, fmt.Errorf("wasmtime: host function %q.%q has no module name or no Call", hf.Module, hf.Name)
		}
		id := funcName{hf.Module, hf.Name}
		if seen[id] {
			return nil, 0, fmt.Errorf("wasmtime: host function %s.%s is there twice", hf.Module, hf.Name)
		}
		seen[id] = true
		f := &hostFunction{module: hf.Module, name: hf.Name, call: hf.Call, slots: max(len(hf.Params), len(hf.Results))}
		for _, types := range [][]runtime.ValueType{hf.Params, hf.Results} {
			for _, t := range types {
				kind, ok := kindOf(t)
				if !ok {
					return nil, 0, fmt.Errorf("wasmtime: host function %s.%s has a type %#x", hf.Module, hf.Name, byte(t))
				}
				f.kinds = append(f.kinds, kind)
			}
		}
		all := masks(f.kinds)
		f.params, f.results = all[:len(hf.Params)], all[len(hf.Params):]
		funcs = append(funcs, f)
		slots = max(slots, f.slots)
	}
	return funcs, slots, nil
}

// kindOf returns wasmtime's number of a type.
func kindOf(t runtime.ValueType) (byte, bool) {
	switch t {
	case runtime.I32:
		return C.WASM_I32, true
	case runtime.I64:
		return C.WASM_I64, true
	case runtime.F32:
		return C.WASM_F32, true
	case runtime.F64:
		return C.WASM_F64, true
	}
	return 0, false
}

// define gives the function to the linker. index is its place in Engine.host.
func (f *hostFunction) define(l *C.wasmtime_linker_t, index int) error {
	text := func(s string) (*C.char, C.size_t) {
		return (*C.char)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
	}
	module, moduleLen := text(f.module)
	name, nameLen := text(f.name)
	err := taken(C.crankcase_define(l, module, moduleLen, name, nameLen, (*C.uint8_t)(unsafe.SliceData(f.kinds)),
		C.size_t(len(f.params)), C.size_t(len(f.results)), C.size_t(index)))
	if err != nil {
		return fmt.Errorf("wasmtime: host function %s.%s: %w", f.module, f.name, err)
	}
	return nil
}

// crankcaseHostCall is where guests come out. It returns false if the guest is
// to be stopped.
//
//export crankcaseHostCall
func crankcaseHostCall(id, index C.size_t, args *C.wasmtime_val_raw_t) C.bool {
	in := instances.get(uint(id))
	f := in.engine.host[index]
	if err := f.run(in, rawValues(unsafe.Pointer(args), f.slots)); err != nil {
		in.stopped = err
		return false
	}
	return true
}

// run calls the host's function. A panic in it becomes an error here: it must
// not unwind through guest code.
func (f *hostFunction) run(in *instance, raw []rawValue) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = fmt.Errorf("%s.%s: %w", f.module, f.name, &runtime.PanicError{Value: v, Stack: debug.Stack()})
			return
		}
		// The goroutine is about to end, with guest code on the stack of its
		// thread, which wasmtime knows of. Nobody may enter that thread again: it
		// ends with a goroutine that is locked to it.
		goruntime.LockOSThread()
	}()
	stack := in.stack[:f.slots:f.slots]
	clear(stack)
	for i, bits := range f.params {
		stack[i] = raw[i][0] & bits
	}
	err = f.call(in.env, stack)
	returned = true
	if err != nil {
		return err
	}
	for i, bits := range f.results {
		raw[i] = rawValue{stack[i] & bits}
	}
	return nil
}
