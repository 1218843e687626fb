package wasmtimeengine

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"errors"
	"unsafe"

	"github.com/crankcase/crankcase/runtime"
)

// instance is one guest in a store of its own. It implements runtime.Instance.
type instance struct {
	engine *Engine
	env    any
	c      *C.crankcase_instance
	// What was looked up, by name; it lives as long as the instance.
	funcs   map[string]*function
	globals map[string]*global
	// stack is what host functions get.
	stack []uint64
	// stopped is the error with which a host function stopped the guest.
	stopped error
	// running: guest code is on the stack. wasmtime's store must not be
	// entered twice, or go away.
	running bool
	closed  bool
}

var (
	errInstanceClosed  = errors.New("wasmtime: the instance is closed")
	errInstanceRunning = errors.New("wasmtime: the instance is running: a host function must not call back or close it")
	errNested          = errors.New("wasmtime: a host function must not call a guest on its own goroutine")
)

// Function implements runtime.Instance. A second look-up gives the same one.
func (in *instance) Function(name string) runtime.Function {
	if in.closed {
		return nil
	}
	if f := in.funcs[name]; f != nil {
		return f
	}
	var kinds *C.uint8_t
	c := C.crankcase_lookup_func(in.c, (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name)), &kinds)
	if c == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(kinds))
	all := masks(unsafe.Slice((*byte)(kinds), c.params+c.results))
	f := &function{
		in: in, name: name, c: c,
		slots:   int(c.slots),
		params:  all[:c.params],
		results: all[c.params:],
		raw:     rawValues(unsafe.Add(unsafe.Pointer(c), C.sizeof_crankcase_func), int(c.slots)),
	}
	if in.funcs == nil {
		in.funcs = map[string]*function{}
	}
	in.funcs[name] = f
	return f
}

// Global implements runtime.Instance. An immutable global is nil too.
func (in *instance) Global(name string) runtime.Global {
	if in.closed {
		return nil
	}
	if g := in.globals[name]; g != nil {
		return g
	}
	c := C.crankcase_lookup_global(in.c, (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name)))
	if c == nil {
		return nil
	}
	if in.globals == nil {
		in.globals = map[string]*global{}
	}
	g := &global{in: in, c: c}
	in.globals[name] = g
	return g
}

// Memory implements runtime.Instance. It is empty if the module has no memory,
// and after Close.
func (in *instance) Memory() []byte {
	if in.closed {
		return nil
	}
	return unsafe.Slice((*byte)(in.c.data), in.c.size)
}

// Close implements runtime.Instance. It gives the memory back to the system,
// so that a slice of it that is touched later ends the process. Closing twice
// is nothing; from inside a host function that the guest called it is refused.
func (in *instance) Close() error {
	if in.closed {
		return nil
	}
	if in.running {
		return errInstanceRunning
	}
	in.closed = true
	for _, f := range in.funcs {
		C.free(unsafe.Pointer(f.c))
	}
	for _, g := range in.globals {
		C.free(unsafe.Pointer(g.c))
	}
	instances.remove(uint(in.c.id))
	C.crankcase_free(in.c)
	in.c = nil
	in.engine.dropInstance()
	return nil
}

// global implements runtime.Global. After Close it reads zero, and writes go
// nowhere.
type global struct {
	in *instance
	c  *C.crankcase_global
}

func (g *global) Get() uint64 {
	if g.in.closed {
		return 0
	}
	return uint64(C.crankcase_get(g.c))
}

func (g *global) Set(v uint64) {
	if g.in.closed {
		return
	}
	if err := taken(C.crankcase_set(g.c, C.uint64_t(v))); err != nil {
		// Its type was looked at, and it is mutable.
		panic("wasmtime: global: " + err.Error())
	}
}
