// Package worker runs vats in this process: it binds the guest ABI to an
// engine's instances, and fulfils the kernel's ports Workers and Worker.
package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// Config says how Workers are made. All but Engine may be left out.
type Config struct {
	// Engine runs the guests. It was made with hostfuncs.HostFuncs(), and
	// lets memories grow to ModuleLimits.MemoryPages. It belongs to the
	// caller, who closes it after the Workers; several Workers may share it.
	Engine runtime.Engine

	// ConsensusMode makes the console a black hole, whatever Console is.
	ConsensusMode bool
	// Console gets what vats write to their consoles: the vat, its name, the
	// level (0 debug, 1 log, 2 info, 3 warn, 4 error, or what the guest said)
	// and a text in valid UTF-8. Nil is a black hole too. It runs on the
	// goroutine of Deliver and must not call back; its panics are dropped. No
	// guest can sense it.
	Console func(vat kernel.VatID, name string, level uint32, text string)

	// Limits of host calls; the zero value: hostfuncs.DefaultLimits().
	Limits hostfuncs.Limits
	// ModuleLimits of Prepare; the zero value: instrument.DefaultLimits().
	ModuleLimits instrument.Limits

	// IdleModules is how many compiled modules are kept after their last
	// worker was closed, those used last. 0: DefaultIdleModules; below: none.
	IdleModules int
}

// DefaultIdleModules is the default of Config.IdleModules.
const DefaultIdleModules = 8

// Workers makes workers that share compiled code: vats of the same instrumented
// code, whatever their data blobs, use one compiled module. It is safe for
// concurrent use; each Worker that it makes is for one goroutine at a time,
// and different ones may run at the same time.
type Workers struct {
	config     Config
	instrument instrument.Config
	modules    *modules
}

var _ kernel.Workers = (*Workers)(nil)

// New makes Workers. They must be closed before the engine is.
func New(c Config) (*Workers, error) {
	if c.Engine == nil {
		return nil, errors.New("worker: no engine")
	}
	if c.ModuleLimits == (instrument.Limits{}) {
		c.ModuleLimits = instrument.DefaultLimits()
	}
	switch {
	case c.IdleModules == 0:
		c.IdleModules = DefaultIdleModules
	case c.IdleModules < 0:
		c.IdleModules = 0
	}
	return &Workers{config: c, instrument: InstrumentConfig(c.ModuleLimits), modules: newModules(c.Engine, c.IdleModules)}, nil
}

// InstrumentConfig tells the instrumenter what the ABI of hostfuncs is.
func InstrumentConfig(l instrument.Limits) instrument.Config {
	c := instrument.Config{Limits: l}
	for _, i := range hostfuncs.Imports() {
		c.Imports = append(c.Imports, instrument.Import{Module: i.Module, Name: i.Name, Params: i.Params, Results: i.Results})
	}
	for _, e := range hostfuncs.Exports() {
		c.Exports = append(c.Exports, instrument.Export{Name: e.Name, Params: e.Params, Results: e.Results, Optional: e.Optional})
	}
	return c
}

// Prepare checks a module and rewrites it, as instrument.Instrument does. The
// error is a *fault.Refusal or, after a panic, a host fault. It keeps nothing
// of module; the bundle is the caller's.
func (w *Workers) Prepare(module []byte) (b kernel.Bundle, err error) {
	defer recoverAs(&err, "preparing a module")
	r, err := instrument.Instrument(module, w.instrument)
	if err != nil {
		return kernel.Bundle{}, err
	}
	return kernel.Bundle{Hash: sha256.Sum256(module), Code: r.Code, Data: r.Data}, nil
}

// Spawn makes a worker for a vat and compiles its code, unless that was done
// for another one. The instance is made at the first delivery. The worker keeps
// v.Bundle.Data, which must not change, until it is closed. Any error is a host
// fault.
func (w *Workers) Spawn(v kernel.VatSpec) (_ kernel.Worker, err error) {
	defer recoverAs(&err, fmt.Sprintf("spawning a worker for vat v%d", v.ID))
	m, err := w.modules.acquire(v.Bundle.Code)
	if err != nil {
		return nil, fmt.Errorf("worker: vat v%d: %w", v.ID, err)
	}
	one := &worker{vat: v.ID, modules: w.modules, module: m}
	one.options = hostfuncs.Options{Limits: w.config.Limits, Data: v.Bundle.Data}
	if sink := w.config.Console; sink != nil && !w.config.ConsensusMode {
		id, name := v.ID, v.Name
		one.options.Console = func(level uint32, text string) {
			if !one.quiet {
				sink(id, name, level, text)
			}
		}
	}
	return one, nil
}

// Close frees the compiled modules. It refuses while workers are open, and
// changes nothing then. Closing twice is nothing.
func (w *Workers) Close() error { return w.modules.close() }

// recoverAs, deferred, makes a panic an error.
func recoverAs(err *error, doing string) {
	if v := recover(); v != nil {
		*err = panicked(v, doing)
	}
}

// panicked is a panic as a host fault, with the stack of the panic.
func panicked(v any, doing string) error {
	return fmt.Errorf("worker: panic %s: %v\n%s", doing, v, debug.Stack())
}
