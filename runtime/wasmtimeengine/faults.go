package wasmtimeengine

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/runtime"
)

// trapKinds maps wasmtime's codes to our kinds. wazero has one sentinel for an
// element outside the table and for a null one, so these are one kind. A code
// that is not here is a fault of the engine, its own stack overflow among them.
var trapKinds = [...]runtime.TrapKind{
	C.WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS:      runtime.TrapMemoryOutOfBounds,
	C.WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS:       runtime.TrapTableOutOfBounds,
	C.WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL:     runtime.TrapTableOutOfBounds,
	C.WASMTIME_TRAP_CODE_BAD_SIGNATURE:             runtime.TrapIndirectCall,
	C.WASMTIME_TRAP_CODE_INTEGER_OVERFLOW:          runtime.TrapIntegerOverflow,
	C.WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO:  runtime.TrapDivideByZero,
	C.WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER: runtime.TrapIntegerOverflow,
	C.WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED:  runtime.TrapUnreachable,
}

// trapKind returns the kind of a trap, or 0 if it is none of ours.
func trapKind(trap *C.wasm_trap_t) runtime.TrapKind {
	var code C.uint8_t
	if !C.wasmtime_trap_code(trap, &code) || int(code) >= len(trapKinds) {
		return 0
	}
	return trapKinds[code]
}

// taken takes an error of wasmtime's and returns its text as an error; nil for
// nil.
func taken(err *C.wasmtime_error_t) error {
	if err == nil {
		return nil
	}
	var text C.wasm_byte_vec_t
	C.wasmtime_error_message(err, &text)
	C.wasmtime_error_delete(err)
	return errors.New(takenText(&text))
}

func takenText(text *C.wasm_byte_vec_t) string {
	defer C.wasm_byte_vec_delete(text)
	return C.GoStringN(text.data, C.int(text.size))
}

// takeFault takes what a failed call left in the instance. It is nil if the
// call did not fail. A trap is a *runtime.Trap, or an error with wasmtime's text
// if it is none of ours.
func takeFault(in *C.crankcase_instance) error {
	if err := in.error; err != nil {
		in.error = nil
		return taken(err)
	}
	trap := in.trap
	if trap == nil {
		return nil
	}
	in.trap = nil
	defer C.wasm_trap_delete(trap)
	if kind := trapKind(trap); kind != 0 {
		return &runtime.Trap{Kind: kind}
	}
	var text C.wasm_byte_vec_t
	C.wasm_trap_message(trap, &text)
	return errors.New(takenText(&text))
}

// faultOf leaves a trap as it is and says of another error where it was.
func faultOf(function string, err error) error {
	if _, ok := err.(*runtime.Trap); ok {
		return err
	}
	return fmt.Errorf("wasmtime: %s: %w", function, err)
}
