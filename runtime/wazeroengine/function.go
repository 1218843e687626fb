package wazeroengine

import (
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

// function is an export of an instance. It implements runtime.Function.
type function struct {
	in    *instance
	name  string
	fn    api.Function
	slots int // the larger of the numbers of parameters and results
	// narrowParams and narrowResults are where 32-bit values lie on the stack.
	narrowParams, narrowResults []int
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
		return fmt.Errorf("wazero: %s needs a stack of %d, got %d", f.name, f.slots, len(stack))
	}
	clearUpper(stack, f.narrowParams)
	in.running = true
	err := f.fn.CallWithStack(&in.ctx, stack)
	in.running = false
	if err != nil {
		return f.fault(err)
	}
	clearUpper(stack, f.narrowResults)
	return nil
}

// fault says what wazero's error is.
func (f *function) fault(err error) error {
	// First the host's: its own error may wrap anything.
	if hostErr, ok := hostError(err); ok {
		return hostErr
	}
	if kind := f.in.engine.traps.kind(err); kind != 0 {
		return &runtime.Trap{Kind: kind}
	}
	// After its own stack overflow wazero keeps the stack with the function,
	// 80 MB and more.
	f.fn = f.in.mod.ExportedFunction(f.name)
	return fmt.Errorf("wazero: %s: %w", f.name, err)
}
