package wazeroengine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

// A hostModule is the host functions of one module name.
type hostModule struct {
	name  string
	funcs []*hostFunction
}

func (m *hostModule) instantiate(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(m.name)
	for _, f := range m.funcs {
		// Never WithFunc: it calls by reflection.
		b.NewFunctionBuilder().WithGoFunction(f, f.params, f.results).Export(f.name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// groupHost checks the host functions and groups them by module, in the order
// of the list.
func groupHost(list []runtime.HostFunc) ([]*hostModule, error) {
	var mods []*hostModule
	byName := map[string]*hostModule{}
	type funcName struct{ module, name string }
	seen := map[funcName]bool{}
	for _, hf := range list {
		if hf.Module == "" || hf.Call == nil {
			return nil, fmt.Errorf("wazero: host function %q.%q has no module name or no Call", hf.Module, hf.Name)
		}
		id := funcName{hf.Module, hf.Name}
		if seen[id] {
			return nil, fmt.Errorf("wazero: host function %s.%s is there twice", hf.Module, hf.Name)
		}
		seen[id] = true
		f, err := newHostFunction(hf)
		if err != nil {
			return nil, err
		}
		m := byName[hf.Module]
		if m == nil {
			m = &hostModule{name: hf.Module}
			byName[hf.Module] = m
			mods = append(mods, m)
		}
		m.funcs = append(m.funcs, f)
	}
	return mods, nil
}

// A hostFunction is a runtime.HostFunc as wazero calls it: an api.GoFunction.
type hostFunction struct {
	module, name    string
	params, results []api.ValueType
	call            func(env any, stack []uint64) error
	// narrowParams and narrowResults are where 32-bit values lie on the stack.
	narrowParams, narrowResults []int
}

func newHostFunction(hf runtime.HostFunc) (*hostFunction, error) {
	f := &hostFunction{module: hf.Module, name: hf.Name, call: hf.Call}
	for _, l := range []struct {
		from []runtime.ValueType
		to   *[]api.ValueType
	}{{hf.Params, &f.params}, {hf.Results, &f.results}} {
		for _, t := range l.from {
			switch t {
			case runtime.I32, runtime.I64, runtime.F32, runtime.F64:
				// Both follow the binary encoding.
				*l.to = append(*l.to, api.ValueType(t))
			default:
				return nil, fmt.Errorf("wazero: host function %s.%s has a type %#x", hf.Module, hf.Name, byte(t))
			}
		}
	}
	f.narrowParams, f.narrowResults = narrow(f.params), narrow(f.results)
	return f, nil
}

// narrow returns the positions of the 32-bit types.
func narrow(types []api.ValueType) []int {
	var at []int
	for i, t := range types {
		if t == api.ValueTypeI32 || t == api.ValueTypeF32 {
			at = append(at, i)
		}
	}
	return at
}

// clearUpper zeroes the upper halves of the 32-bit values of a stack. wazero
// leaves garbage there, and its interpreter may read what a host leaves there.
func clearUpper(stack []uint64, at []int) {
	for _, i := range at {
		stack[i] = uint64(uint32(stack[i]))
	}
}

// Call implements api.GoFunction. A panic is how wazero lets a host function
// stop the guest.
func (f *hostFunction) Call(ctx context.Context, stack []uint64) {
	if err := f.run(envOf(ctx), stack); err != nil {
		panic(&stop{err})
	}
}

// run calls the host's function. A panic in it becomes an error here, where
// its stack is still to be had and before wazero makes a text of it.
func (f *hostFunction) run(env any, stack []uint64) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s.%s: %w", f.module, f.name, &runtime.PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	clearUpper(stack, f.narrowParams)
	if err := f.call(env, stack); err != nil {
		return err
	}
	clearUpper(stack, f.narrowResults)
	return nil
}

// stop carries a host function's error through wazero. It does not unwrap:
// nothing that looks into wazero's error may find the host's by itself.
type stop struct{ err error }

func (s *stop) Error() string { return "stopped by a host function: " + s.err.Error() }

// hostError returns the error that a host function stopped the guest with, if
// that is what err says.
func hostError(err error) (error, bool) {
	var s *stop
	if errors.As(err, &s) {
		return s.err, true
	}
	return nil, false
}
