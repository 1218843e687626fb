// Package wazeroengine runs guests on wazero, by its compiler or by its
// interpreter. It is a runtime.Engine.
//
// The two modes give a guest the same results, memory, globals and traps; the
// interpreter is 40 to 90 times slower and runs where the compiler has no
// backend. wazero reaches its own limit on the stack later than the instrumented
// code does, except that its interpreter holds 2,000 frames: a module that is to
// run there needs an instrumented limit below that.
//
// Errors other than traps and host functions' own carry native backtraces in
// their texts: they are for logs, never for consensus state.
package wazeroengine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

// Names of the two modes, as Engine.Name gives them.
const (
	Name            = "wazero"
	NameInterpreter = "wazero-interp"
)

// maxPages is what WebAssembly can address: 65,536 pages of 64 KiB.
const maxPages = 1 << 16

// Config says how an Engine is made. The zero value is an engine by the
// compiler, without a cache and without host functions.
type Config struct {
	// Interpreter picks wazero's interpreter instead of its compiler.
	Interpreter bool

	// CacheDir is a directory for compiled code; it is made if it is missing.
	// Empty means none. It has no effect with Interpreter.
	//
	// The directory holds native code that is run as it is found: whoever can
	// write to it owns the process. Entries lie under a name of wazero's
	// version, architecture and operating system, keyed by the hash of the
	// code and the processor's features, so that an upgrade of wazero finds
	// none of the old ones and several processes may share a directory. A
	// binary that does not carry the version of its wazero (a test's, or one
	// with a replaced wazero) has entries of its own, under its hash. Nothing
	// is ever deleted: that may be done by hand at any time.
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

// Engine is wazero as a runtime.Engine. It is safe for concurrent use.
type Engine struct {
	name  string
	host  []*hostModule
	rtCfg wazero.RuntimeConfig
	traps *traps
	pages pageSource

	main *store // with the cache, if one is in use

	mu       sync.Mutex
	plain    *store // without the cache: main, or made when the cache fails
	cacheErr error
	open     struct{ modules, instances int }
	closed   bool
}

var _ runtime.Engine = (*Engine)(nil)

// New makes an engine. It fails if a host function is malformed or named
// twice, MaxMemoryPages is too large, or wazero's compiler has no backend for
// this platform. A cache directory that cannot be used is no error: the engine
// goes on without it and CacheError tells.
func New(cfg Config) (*Engine, error) {
	limit := cfg.MaxMemoryPages
	if limit == 0 {
		limit = maxPages
	}
	if limit > maxPages {
		return nil, fmt.Errorf("wazero: MaxMemoryPages is %d, the most is %d", limit, maxPages)
	}
	host, err := groupHost(cfg.Host)
	if err != nil {
		return nil, err
	}
	traps, err := trapsOf(cfg.Interpreter)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		name:  Name,
		host:  host,
		rtCfg: runtimeConfig(cfg.Interpreter).WithMemoryLimitPages(limit),
		traps: traps,
		pages: osPages,
	}
	var cache wazero.CompilationCache
	if cfg.Interpreter {
		e.name = NameInterpreter
	} else if cfg.CacheDir != "" {
		cache, e.cacheErr = openCache(cfg.CacheDir)
	}
	if e.main, err = newStore(e.rtCfg, cache, host); err != nil {
		return nil, err
	}
	if cache == nil {
		e.plain = e.main
	}
	return e, nil
}

// runtimeConfig is what both modes share. The features are what the
// instrumenter may let through. There is no termination by context: it costs
// seven to ten times the run time, and gas bounds a guest. Debug information is
// off: it would have wazero parse the guest's DWARF.
func runtimeConfig(interpreter bool) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfigCompiler()
	if interpreter {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.
		WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).
		WithDebugInfoEnabled(false)
}

// Name returns "wazero" or "wazero-interp".
func (e *Engine) Name() string { return e.name }

// CacheError returns why the compilation cache is not, or not fully, in use:
// the directory could not be used, or an entry could not be read or written
// and the module was compiled without the cache. It returns nil if all is
// well. The first error is kept. A damaged entry stays until it is deleted by
// hand, and each start compiles that module again.
func (e *Engine) CacheError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cacheErr
}

// Compile compiles code, or takes it from the cache. code is not kept. Modules
// of the same code share what was compiled. A panic of wazero's compiler comes
// back as an error.
func (e *Engine) Compile(code []byte) (runtime.Module, error) {
	if err := refuseStart(code); err != nil {
		return nil, err
	}
	// Counted first, so that Close cannot slip in between.
	if err := e.addModule(); err != nil {
		return nil, err
	}
	compiled, st, err := e.compile(code)
	if err != nil {
		e.dropModule()
		return nil, fmt.Errorf("wazero: compile: %w", err)
	}
	return &module{engine: e, store: st, compiled: compiled}, nil
}

// compile tries the store with the cache, then the one without: if that one
// succeeds it was the cache that failed, and if it fails its error is the
// code's.
func (e *Engine) compile(code []byte) (wazero.CompiledModule, *store, error) {
	compiled, err := e.main.compile(code)
	if err == nil || e.main.cache == nil {
		return compiled, e.main, err
	}
	plain, plainErr := e.withoutCache()
	if plainErr != nil {
		return nil, nil, errors.Join(err, plainErr)
	}
	compiled, plainErr = plain.compile(code)
	if plainErr != nil {
		return nil, nil, plainErr
	}
	e.mu.Lock()
	if e.cacheErr == nil {
		e.cacheErr = fmt.Errorf("wazero: compilation cache: %w", err)
	}
	e.mu.Unlock()
	return compiled, plain, nil
}

// withoutCache returns the store without the cache.
func (e *Engine) withoutCache() (*store, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.plain == nil {
		st, err := newStore(e.rtCfg, nil, e.host)
		if err != nil {
			return nil, err
		}
		e.plain = st
	}
	return e.plain, nil
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
		return fmt.Errorf("wazero: the engine has %d modules and %d instances open", e.open.modules, e.open.instances)
	}
	e.closed = true
	err := e.main.close()
	if e.plain != nil && e.plain != e.main {
		err = errors.Join(err, e.plain.close())
	}
	return err
}

var errEngineClosed = errors.New("wazero: the engine is closed")

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

// A store is one wazero runtime with the host modules instantiated in it.
type store struct {
	rt    wazero.Runtime
	cache wazero.CompilationCache // nil: none
}

func newStore(cfg wazero.RuntimeConfig, cache wazero.CompilationCache, host []*hostModule) (st *store, err error) {
	ctx := context.Background()
	if cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	st = &store{cache: cache}
	defer func() {
		if v := recover(); v != nil { // no backend for this platform
			err = fmt.Errorf("wazero: panic: %v", v)
		}
		if err != nil {
			err = errors.Join(err, st.close())
			st = nil
		}
	}()
	st.rt = wazero.NewRuntimeWithConfig(ctx, cfg)
	for _, m := range host {
		if err := m.instantiate(ctx, st.rt); err != nil {
			return st, fmt.Errorf("wazero: host module %s: %w", m.name, err)
		}
	}
	return st, nil
}

func (st *store) compile(code []byte) (compiled wazero.CompiledModule, err error) {
	defer func() {
		if v := recover(); v != nil {
			compiled, err = nil, fmt.Errorf("panic: %v", v)
		}
	}()
	return st.rt.CompileModule(context.Background(), code)
}

func (st *store) close() error {
	ctx := context.Background()
	var err error
	if st.rt != nil {
		err = st.rt.Close(ctx)
	}
	if st.cache != nil {
		err = errors.Join(err, st.cache.Close(ctx))
	}
	return err
}
