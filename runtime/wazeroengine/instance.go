package wazeroengine

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

// instance is one guest. It implements runtime.Instance.
type instance struct {
	engine *Engine
	mod    api.Module
	ctx    callContext
	memory memory
	// running: guest code is on the stack. Native code knows nothing of Go's
	// safety, so calls that would pull memory from under it are refused.
	running bool
	closed  bool
}

var (
	errInstanceClosed  = errors.New("wazero: the instance is closed")
	errInstanceRunning = errors.New("wazero: the instance is running: a host function must not call back or close it")
)

// Function implements runtime.Instance.
func (in *instance) Function(name string) runtime.Function {
	if in.closed {
		return nil
	}
	fn := in.mod.ExportedFunction(name)
	if fn == nil {
		return nil
	}
	def := fn.Definition()
	return &function{
		in: in, name: name, fn: fn,
		slots:         max(len(def.ParamTypes()), len(def.ResultTypes())),
		narrowParams:  narrow(def.ParamTypes()),
		narrowResults: narrow(def.ResultTypes()),
	}
}

// Global implements runtime.Instance. An immutable global is nil too.
func (in *instance) Global(name string) runtime.Global {
	if in.closed {
		return nil
	}
	g, ok := in.mod.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		return nil
	}
	if t := g.Type(); t == api.ValueTypeI32 || t == api.ValueTypeF32 {
		return narrowGlobal{g}
	}
	return g
}

// Memory implements runtime.Instance. It is empty if the module has no memory,
// and after Close.
func (in *instance) Memory() []byte { return in.memory.view }

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
	defer in.engine.dropInstance()
	err := in.mod.Close(context.Background())
	in.memory.Free() // wazero has done it, if there was a memory
	return errors.Join(err, in.memory.releaseErr)
}

// narrowGlobal is a global of 32 bits, whose upper half reads and is written
// as zero.
type narrowGlobal struct{ g api.MutableGlobal }

func (n narrowGlobal) Get() uint64  { return uint64(uint32(n.g.Get())) }
func (n narrowGlobal) Set(v uint64) { n.g.Set(uint64(uint32(v))) }
