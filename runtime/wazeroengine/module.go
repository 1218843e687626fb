package wazeroengine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/crankcase/crankcase/runtime"
)

// instantiation is anonymous, so that a module has as many instances as it
// likes, and calls neither _start nor _initialize.
var instantiation = wazero.NewModuleConfig().WithName("").WithStartFunctions()

const (
	headerSize   = 8 // magic and version
	sectionStart = 8
)

// refuseStart refuses a module with a start section, since wazero would run it
// in Instantiate, unmetered. The instrumenter leaves none. Of malformed code it
// says nothing: that is for wazero's decoder.
func refuseStart(code []byte) error {
	if len(code) < headerSize {
		return nil
	}
	for rest := code[headerSize:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil
		}
		if id == sectionStart {
			return errors.New("wazero: compile: the module has a start section, so it was not instrumented")
		}
		rest = rest[1+n+int(size):]
	}
	return nil
}

// module is compiled code in a store. It implements runtime.Module.
type module struct {
	engine   *Engine
	store    *store
	compiled wazero.CompiledModule
	closed   atomic.Bool
}

var errModuleClosed = errors.New("wazero: the module is closed")

// Instantiate implements runtime.Module. It allocates one memory and one
// context, which carries env to the host functions.
func (m *module) Instantiate(env any) (_ runtime.Instance, err error) {
	if m.closed.Load() {
		return nil, errModuleClosed
	}
	if err := m.engine.addInstance(); err != nil {
		return nil, err
	}
	in := &instance{engine: m.engine, ctx: callContext{env: env}, memory: memory{pages: m.engine.pages}}
	defer func() {
		v := recover()
		if v == nil && err == nil {
			return
		}
		if refused := in.memory.refused; refused != nil {
			// wazero takes a first allocation for granted and panics.
			err = fmt.Errorf("wazero: instantiate: memory: %w", refused)
		} else if v != nil {
			err = fmt.Errorf("wazero: instantiate: panic: %v", v)
		}
		in.memory.Free()
		if in.memory.releaseErr != nil {
			err = errors.Join(err, in.memory.releaseErr)
		}
		m.engine.dropInstance()
	}()
	ctx := experimental.WithMemoryAllocator(&in.ctx, &in.memory)
	if in.mod, err = m.store.rt.InstantiateModule(ctx, m.compiled, instantiation); err != nil {
		return nil, fmt.Errorf("wazero: instantiate: %w", err)
	}
	return in, nil
}

// Close implements runtime.Module. Instances that were made of it stay usable.
// Closing twice is nothing.
func (m *module) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	defer m.engine.dropModule()
	return m.compiled.Close(context.Background())
}
