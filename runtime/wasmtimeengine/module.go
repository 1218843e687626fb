package wasmtimeengine

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/crankcase/crankcase/runtime"
)

const (
	headerSize   = 8 // magic and version
	sectionStart = 8
)

// refuseStart refuses a module with a start section, since wasmtime would run
// it in Instantiate, unmetered. The instrumenter leaves none. Of malformed code
// it says nothing: that is for wasmtime's decoder. The text format, which
// wasmtime's compiler takes too, is refused here.
func refuseStart(code []byte) error {
	if len(code) < headerSize || string(code[:4]) != "\x00asm" {
		return errors.New("wasmtime: compile: this is not a WebAssembly module")
	}
	for rest := code[headerSize:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil
		}
		if id == sectionStart {
			return errors.New("wasmtime: compile: the module has a start section, so it was not instrumented")
		}
		rest = rest[1+n+int(size):]
	}
	return nil
}

// module is compiled code with its imports found. It implements runtime.Module.
type module struct {
	engine *Engine

	mu     sync.RWMutex // held for writing by Close, so that pre does not go away
	pre    *C.wasmtime_instance_pre_t
	closed bool
}

var errModuleClosed = errors.New("wasmtime: the module is closed")

// Instantiate implements runtime.Module.
func (m *module) Instantiate(env any) (_ runtime.Instance, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, errModuleClosed
	}
	if err := m.engine.addInstance(); err != nil {
		return nil, err
	}
	in := &instance{engine: m.engine, env: env, stack: make([]uint64, m.engine.hostSlots)}
	id := instances.add(in)
	in.c = C.crankcase_instantiate(m.engine.engine, m.pre, C.size_t(id), C.int64_t(m.engine.maxMemory))
	if in.c == nil {
		err = errors.New("out of memory")
	} else if err = takeFault(in.c); err != nil {
		C.crankcase_free(in.c)
	}
	if err != nil {
		instances.remove(id)
		m.engine.dropInstance()
		return nil, fmt.Errorf("wasmtime: instantiate: %w", err)
	}
	return in, nil
}

// Close implements runtime.Module. Instances that were made of it stay usable.
// Closing twice is nothing.
func (m *module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	C.wasmtime_instance_pre_delete(m.pre)
	m.engine.dropModule()
	return nil
}
