// Package runtime says what an engine is: something that compiles instrumented
// WebAssembly, instantiates it and runs its exports, so that everything a guest
// can sense (results, memory, globals, traps) is the same on each engine.
//
// Engines live in packages of their own (wazeroengine, wasmtimeengine).
// Subpackage instrument checks and rewrites modules before an engine sees them.
package runtime

import "fmt"

// ValueType is a WebAssembly value type, by its binary encoding.
type ValueType byte

const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F32 ValueType = 0x7d
	F64 ValueType = 0x7c
)

// Exports that the instrumenter adds. A module that comes with an export under
// ReservedPrefix is refused.
const (
	ReservedPrefix = "crankcase."
	// GlobalGas is an i64 that counts down; below zero the guest has run out.
	GlobalGas = "crankcase.gas"
	// GlobalDepth is an i32, the current stack height in units of the
	// instrumenter; 0 between calls from the host.
	GlobalDepth = "crankcase.depth"
	// GlobalStatus is an i32 that the instrumented code sets before it
	// executes unreachable, to one of the Status values.
	GlobalStatus = "crankcase.status"
	// GlobalClock is an i64 of the vat's that the WASI clock counts in
	// (nanoseconds past its origin). Guest code cannot reach it.
	GlobalClock = "crankcase.clock"
	// FuncStart is the module's start function, if it had one: () -> ().
	FuncStart = "crankcase.start"
	// GlobalPrefix followed by the global's index in decimal names each mutable
	// global of the original module.
	GlobalPrefix = "crankcase.g"
)

// Values of GlobalStatus.
const (
	StatusNone  = 0
	StatusGas   = 1 // out of gas
	StatusStack = 2 // stack-height limit
	StatusHost  = 3 // the host could not give memory below the logical limit: a host fault
)

// An Engine compiles and runs modules. It is safe for concurrent use.
type Engine interface {
	// Name is the engine's name as --engine takes it: "wazero",
	// "wazero-interp", "wasmtime".
	Name() string
	// Compile compiles instrumented code, or takes it from the engine's cache.
	// code is not kept. Any error is a host fault: the instrumenter has
	// validated the code.
	Compile(code []byte) (Module, error)
	// Close frees the engine. All its modules and instances must be closed.
	Close() error
}

// A Module is compiled code. It is safe for concurrent use.
type Module interface {
	// Instantiate makes a fresh instance with empty state. env is passed to
	// each host function that the instance calls. No guest code runs. Any error is a
	// host fault.
	Instantiate(env any) (Instance, error)
	Close() error
}

// An Instance is one guest with its memory and globals. It must not be used
// from two goroutines at a time.
type Instance interface {
	// Function returns an exported function, or nil. Look it up once.
	Function(name string) Function
	// Global returns an exported global, or nil. Look it up once.
	Global(name string) Global
	// Memory returns the guest's whole memory. The slice is the memory itself:
	// writes are the guest's to see. It is valid until guest code runs next or
	// memory grows.
	Memory() []byte
	// Close frees the instance. Its memory must not be used after.
	Close() error
}

// A Function is an exported function of an instance.
type Function interface {
	// Call calls the function: stack holds the parameters on entry and the
	// results on return, each in its raw 64 bits (i32 in the low half, the high
	// half of a result is zero). It returns nil, a *Trap, exactly the error that a host
	// function returned, or another error, which is a fault of the engine.
	Call(stack []uint64) error
}

// A Global is an exported mutable global of an instance.
type Global interface {
	Get() uint64
	Set(uint64)
}

// A HostFunc is a function that guests import. Engines are made with the full
// list of them.
type HostFunc struct {
	Module, Name string
	Params       []ValueType
	Results      []ValueType
	// Call runs on the guest's goroutine. env is what Instantiate was given.
	// stack holds the parameters (an i32 with a zero upper half) and takes the results.
	// A returned error stops the guest at once and comes out of Function.Call
	// unchanged. A Go panic comes out of Function.Call as an error that wraps
	// a *PanicError.
	Call func(env any, stack []uint64) error
}

// PanicError is a Go panic in a host function, a bug of the host.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic in a host function: %v", p.Value) }

// TrapKind is why a guest trapped. Kinds are ours, mapped from the engines'
// codes or sentinels, never from texts.
type TrapKind uint8

const (
	// TrapUnreachable: the unreachable instruction, the guest's own or the
	// instrumenter's; GlobalStatus tells which.
	TrapUnreachable TrapKind = iota + 1
	TrapMemoryOutOfBounds
	// TrapTableOutOfBounds: an element outside the table, or a null one: not
	// every engine tells these two apart.
	TrapTableOutOfBounds
	// TrapIndirectCall: an element of another signature.
	TrapIndirectCall
	// TrapIntegerOverflow: also a float that does not fit the integer, NaN included.
	TrapIntegerOverflow
	TrapDivideByZero
)

var trapNames = [...]string{"", "unreachable", "memory out of bounds", "table out of bounds", "indirect call", "integer overflow", "divide by zero"}

func (k TrapKind) String() string {
	if int(k) < len(trapNames) {
		return trapNames[k]
	}
	return fmt.Sprintf("trap %d", uint8(k))
}

// Trap is the error of a guest that trapped: a deterministic function of the
// guest's code and state. An engine's own stack overflow is not one: it must
// not happen before the instrumented limit, so it is a fault of the engine.
type Trap struct{ Kind TrapKind }

func (t *Trap) Error() string { return "wasm trap: " + t.Kind.String() }
