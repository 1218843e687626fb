package wazeroengine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/crankcase/crankcase/runtime"
)

//go:generate wat2wasm traps.wat -o traps.wasm

// trapsWasm has an export for each trap of trapProbes.
//
//go:embed traps.wasm
var trapsWasm []byte

// trapProbes says what each export of trapsWasm traps with. wazero has one
// sentinel for an element outside the table and for a null one, so these have
// to be one kind.
var trapProbes = [...]struct {
	export string
	kind   runtime.TrapKind
}{
	{"unreachable", runtime.TrapUnreachable},
	{"memory", runtime.TrapMemoryOutOfBounds},
	{"table", runtime.TrapTableOutOfBounds},
	{"null", runtime.TrapTableOutOfBounds},
	{"signature", runtime.TrapIndirectCall},
	{"overflow", runtime.TrapIntegerOverflow},
	{"conversion", runtime.TrapIntegerOverflow},
	{"zero", runtime.TrapDivideByZero},
}

// traps maps wazero's sentinels to our kinds. The sentinels lie in an internal
// package, and texts must not decide: so each trap is provoked once and its
// sentinel kept.
type traps struct {
	sentinels [len(trapProbes)]error
}

// The sentinels are variables of the process: once a mode is enough.
var (
	compilerTraps    = sync.OnceValues(func() (*traps, error) { return probeTraps(false) })
	interpreterTraps = sync.OnceValues(func() (*traps, error) { return probeTraps(true) })
)

func trapsOf(interpreter bool) (*traps, error) {
	if interpreter {
		return interpreterTraps()
	}
	return compilerTraps()
}

// kind returns the kind of the trap that err wraps, or 0 if it wraps none: then
// it is a fault of the engine, its own stack overflow among them.
func (t *traps) kind(err error) runtime.TrapKind {
	for ; err != nil; err = errors.Unwrap(err) {
		for i, s := range t.sentinels {
			if err == s {
				return trapProbes[i].kind
			}
		}
	}
	return 0
}

// probeTraps provokes the traps. It checks what kind relies on: each error
// wraps one innermost value, and two kinds never share one.
func probeTraps(interpreter bool) (_ *traps, err error) {
	st, err := newStore(runtimeConfig(interpreter), nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	compiled, err := st.compile(trapsWasm)
	if err != nil {
		return nil, fmt.Errorf("wazero: traps: %w", err)
	}
	ctx := context.Background()
	mod, err := st.rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("wazero: traps: %w", err)
	}
	t := &traps{}
	for i, p := range trapProbes {
		err := mod.ExportedFunction(p.export).CallWithStack(ctx, nil)
		inner := errors.Unwrap(err)
		if inner == nil || errors.Unwrap(inner) != nil {
			return nil, fmt.Errorf("wazero: traps: %s gave %v, which wraps no sentinel", p.export, err)
		}
		if k := t.kind(inner); k != 0 && k != p.kind {
			return nil, fmt.Errorf("wazero: traps: %s has the sentinel of %s", p.export, k)
		}
		t.sentinels[i] = inner
	}
	return t, nil
}
