package wasmtimeengine

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	_ "github.com/bytecodealliance/wasmtime-go/v44" // the library

	"github.com/crankcase/crankcase/runtime"
)

// Name is the engine's name, as Engine.Name gives it.
const Name = "wasmtime"

// Version is the version of wasmtime that is linked.
const Version = "44.0.0"

const (
	// pageSize is WebAssembly's, maxPages how many it can address.
	pageSize = 1 << 16
	maxPages = 1 << 16

	// What guest code may take of a thread's stack: mostStack, if the thread
	// has that and hostStack besides for the host; never less than leastStack.
	// An instrumented frame holds up to 128 values for each of its units, floats
	// in 16 bytes each, passes up to 0.5 KiB of arguments, and has some hundred
	// bytes of its own; 1,900 of these are 4.9 MiB. It is no bound: crafted frames
	// take more, and then the engine's own stack ends first, a fault of the host.
	mostStack  = 7 << 20
	leastStack = 5 << 20
	hostStack  = 1 << 20
)

// Config says how an Engine is made. The zero value is an engine without a
// cache and without host functions.
type Config struct {
	// CacheDir is a directory for compiled code; it is made if it is missing.
	// Empty means none.
	//
	// The directory holds native code that is run as it is found: whoever can
	// write to it owns the process. Entries lie under a name of wasmtime's
	// version and the hash of all that its compiler goes by (settings,
	// processor), and are named by the hash of the code, so that several
	// processes, versions and machines may share a directory. An entry that was
	// damaged is known by its checksum, and written again. Nothing is ever
	// deleted: that may be done by hand at any time, but an entry must not be
	// written over in place while a process uses it.
	//
	// The cache only saves time, so that a fault of it is never an engine's:
	// see Engine.CacheError.
	CacheDir string

	// Host is the full list of functions that modules may import. It is not
	// kept.
	Host []runtime.HostFunc

	// MaxMemoryPages is the limit on a memory in pages of 64 KiB, whatever
	// the module declares; 0 means 65,536 (4 GiB). It is a guard of the
	// host's: growth beyond it fails, which instrumented code takes for a
	// fault of the host. So it has to be at least the guests' own limit.
	MaxMemoryPages uint32
}

// Engine is wasmtime as a runtime.Engine. It is safe for concurrent use.
type Engine struct {
	engine *C.wasm_engine_t
	linker *C.wasmtime_linker_t
	host   []*hostFunction
	// hostSlots is the longest stack that a host function gets.
	hostSlots int
	maxMemory int64 // in bytes
	cache     *cache

	mu       sync.Mutex
	cacheErr error
	open     struct{ modules, instances int }
	closed   bool
}

var _ runtime.Engine = (*Engine)(nil)

// New makes an engine. It fails if a host function is malformed or named
// twice, MaxMemoryPages is too large, or threads have too little stack. A cache
// directory that cannot be used is no error: the engine goes on without it and
// CacheError tells.
func New(cfg Config) (*Engine, error) {
	stack, err := wasmStack(uint64(C.crankcase_thread_stack()))
	if err != nil {
		return nil, err
	}
	return newWithStack(cfg, stack)
}

// newWithStack is New with that much stack for guest code.
func newWithStack(cfg Config, stack uint64) (_ *Engine, err error) {
	limit := cfg.MaxMemoryPages
	if limit == 0 {
		limit = maxPages
	}
	if limit > maxPages {
		return nil, fmt.Errorf("wasmtime: MaxMemoryPages is %d, the most is %d", limit, maxPages)
	}
	e := &Engine{maxMemory: int64(limit) * pageSize}
	if e.host, e.hostSlots, err = hostFunctions(cfg.Host); err != nil {
		return nil, err
	}
	if e.engine = C.crankcase_engine(C.size_t(stack)); e.engine == nil {
		return nil, errors.New("wasmtime: it could not be started")
	}
	e.linker = C.wasmtime_linker_new(e.engine)
	defer func() {
		if err != nil {
			e.free()
		}
	}()
	for i, f := range e.host {
		if err := f.define(e.linker, i); err != nil {
			return nil, err
		}
	}
	if cfg.CacheDir != "" {
		e.cache, e.cacheErr = openCache(cfg.CacheDir, e.engine)
	}
	return e, nil
}

// wasmStack returns how much stack guest code gets on threads that have that
// much in all.
func wasmStack(thread uint64) (uint64, error) {
	if thread < leastStack+hostStack {
		return 0, fmt.Errorf("wasmtime: threads have %d KiB of stack, %d are needed (ulimit -s)", thread>>10, (leastStack+hostStack)>>10)
	}
	return min(mostStack, thread-hostStack), nil
}

// Name returns "wasmtime".
func (e *Engine) Name() string { return Name }

// CacheError returns why the compilation cache is not, or not fully, in use:
// the directory could not be used, or an entry could not be read or written
// and the module was compiled. It returns nil if all is well. The first error
// is kept.
func (e *Engine) CacheError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cacheErr
}

func (e *Engine) cacheFailed(err error) {
	e.mu.Lock()
	if e.cacheErr == nil {
		e.cacheErr = err
	}
	e.mu.Unlock()
}

// Compile compiles code, or takes it from the cache. code is not kept. An
// import that is not one of the host's functions is an error.
func (e *Engine) Compile(code []byte) (runtime.Module, error) {
	if err := refuseStart(code); err != nil {
		return nil, err
	}
	// Counted first, so that Close cannot slip in between.
	if err := e.addModule(); err != nil {
		return nil, err
	}
	m, err := e.compile(code)
	if err != nil {
		e.dropModule()
		return nil, err
	}
	return m, nil
}

func (e *Engine) compile(code []byte) (*module, error) {
	compiled, err := e.compiled(code)
	if err != nil {
		return nil, err
	}
	defer C.wasmtime_module_delete(compiled) // pre keeps it
	m := &module{engine: e}
	if err := taken(C.wasmtime_linker_instantiate_pre(e.linker, compiled, &m.pre)); err != nil {
		return nil, fmt.Errorf("wasmtime: compile: %w", err)
	}
	return m, nil
}

// compiled returns compiled code, which is the caller's.
func (e *Engine) compiled(code []byte) (*C.wasmtime_module_t, error) {
	if e.cache == nil {
		return compile(e.engine, code)
	}
	entry := e.cache.entry(code)
	m, err := entry.load(e.engine)
	if m != nil {
		return m, nil
	}
	if err != nil {
		e.cacheFailed(err)
	}
	if m, err = compile(e.engine, code); err != nil {
		return nil, err
	}
	if err := entry.store(m); err != nil {
		e.cacheFailed(err)
	}
	return m, nil
}

func compile(engine *C.wasm_engine_t, code []byte) (*C.wasmtime_module_t, error) {
	var m *C.wasmtime_module_t
	err := taken(C.wasmtime_module_new(engine, (*C.uint8_t)(unsafe.SliceData(code)), C.size_t(len(code)), &m))
	if err != nil {
		return nil, fmt.Errorf("wasmtime: compile: %w", err)
	}
	return m, nil
}

// Close frees the engine. It refuses while modules or instances are open, and
// changes nothing then: their memory would go away under them. Closing twice
// is nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	if e.open.modules > 0 || e.open.instances > 0 {
		return fmt.Errorf("wasmtime: the engine has %d modules and %d instances open", e.open.modules, e.open.instances)
	}
	e.closed = true
	e.free()
	return nil
}

func (e *Engine) free() {
	C.wasmtime_linker_delete(e.linker)
	C.wasm_engine_delete(e.engine)
}

var errEngineClosed = errors.New("wasmtime: the engine is closed")

func (e *Engine) addModule() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errEngineClosed
	}
	e.open.modules++
	return nil
}

func (e *Engine) dropModule() {
	e.mu.Lock()
	e.open.modules--
	e.mu.Unlock()
}

func (e *Engine) addInstance() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errEngineClosed
	}
	e.open.instances++
	return nil
}

func (e *Engine) dropInstance() {
	e.mu.Lock()
	e.open.instances--
	e.mu.Unlock()
}
