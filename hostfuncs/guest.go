// Package hostfuncs is the guest ABI, version 1: what a vat's module may
// import, how a delivery is brought to it, what host calls cost, and the place
// where whatever ends a delivery becomes a guest fault or a host fault.
//
// Everything that a guest can sense here is a function of its own state, the
// delivery and the answers of Syscalls, with one exception that it cannot
// sense: what the console shows.
package hostfuncs

import (
	"errors"
	"fmt"
	"math"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/runtime"
)

// Options are what a Guest is made with besides its module.
type Options struct {
	Limits Limits // the zero value: DefaultLimits
	// Data is the bundle's data blob, nil without one. It is kept, read only.
	Data []byte
	// Console gets what the guest writes to its console. Nil makes the console
	// a black hole. It runs on the goroutine of Deliver; its panics are dropped.
	Console Console
}

// Where a Guest is in its life.
type phase uint8

const (
	fresh   phase = iota // nothing ran yet
	booting              // the start function or _initialize runs
	running              // startVat was reached
)

// A Guest is one instance of a module, bound to the imports of this package.
// It must not be used from two goroutines at a time. Its Syscalls must not call
// it back.
type Guest struct {
	inst                       runtime.Instance
	deliver, initialize, start runtime.Function
	gas, depth, status, clock  runtime.Global

	limits  Limits
	blob    []byte
	console Console

	phase  phase
	broken bool // a fault ended it, or a delivery has not come to its end
	stack  [2]uint64

	// What the running delivery needs.
	sys      Syscalls
	payload  []byte
	answer   []byte // of the last vatstore_get, vatstore_next_key or call_now
	gasLimit int64
	ended    error // what a host function stopped it with

	// What the running host call needs.
	imp       *imported
	mem       []byte
	records   []byte // of a resolve
	record    int    // the one that is being checked; -1 if none is
	badRecord error  // what was wrong with it

	// Scratch space, kept between calls.
	slots      []capdata.Vref
	encoded    []byte // the answer of call_now
	nextRecord func(i int) (capdata.Resolution, error)
}

// keptScratch is how large an encoded answer a guest keeps for the next one.
const keptScratch = 64 << 10

// New makes an instance of an instrumented module, which must come from an
// engine that was made with HostFuncs. No guest code runs yet. Any error is a
// host fault.
func New(m runtime.Module, o Options) (*Guest, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	if len(o.Data) > maxLength {
		return nil, fmt.Errorf("hostfuncs: the data blob has %d bytes, more than 2^31-1", len(o.Data))
	}
	g := &Guest{limits: o.Limits, blob: o.Data, console: o.Console, record: -1}
	g.nextRecord = g.readRecord
	inst, err := m.Instantiate(g)
	if err != nil {
		return nil, fmt.Errorf("hostfuncs: instantiate: %w", err)
	}
	g.inst = inst
	g.deliver = inst.Function(ExportDeliver)
	g.initialize = inst.Function(ExportInitialize)
	g.start = inst.Function(runtime.FuncStart)
	g.gas = inst.Global(runtime.GlobalGas)
	g.depth = inst.Global(runtime.GlobalDepth)
	g.status = inst.Global(runtime.GlobalStatus)
	g.clock = inst.Global(runtime.GlobalClock)
	if g.deliver == nil || g.gas == nil || g.depth == nil || g.status == nil || g.clock == nil {
		err := fmt.Errorf("hostfuncs: the module is not an instrumented guest: it lacks %s or a reserved global", ExportDeliver)
		return nil, errors.Join(err, inst.Close())
	}
	return g, nil
}

// Instance returns the guest's instance, for its memory and globals between
// deliveries. It belongs to the Guest.
func (g *Guest) Instance() runtime.Instance { return g.inst }

// Close frees the instance. The Guest must not be used after.
func (g *Guest) Close() error { return g.inst.Close() }

// Deliver runs one delivery to its end and returns what gas it used, at most
// gasLimit. A guest fault is returned as f; err is a host fault. After either
// the Guest is broken: all that is left to do is Close.
//
// The first delivery is startVat, no other is. Before it the module's start
// function and _initialize run, if there are any, under the same gas limit.
//
// A guest that used more gas than the limit is out of gas however it ended,
// unless a host function ended it first: instrumented code charges a block
// before it runs but checks only at function entries and loop heads, so the gas
// may be found below zero after a normal return or another trap. It has then
// used the whole limit. A limit above 2^63-1 counts as that.
//
// payload and sys are used only during the call. payload may have up to 2^31-1
// bytes; it is not written to.
func (g *Guest) Deliver(kind capdata.DeliveryKind, payload []byte, gasLimit uint64, sys Syscalls) (gasUsed uint64, f *fault.Guest, err error) {
	switch {
	case g.broken:
		return 0, nil, errors.New("hostfuncs: delivery to a guest that a fault has ended")
	case (g.phase == fresh) != (kind == capdata.StartVat):
		return 0, nil, fmt.Errorf("hostfuncs: delivery %s: startVat must be the first one, and only that", kind)
	case len(payload) > maxLength:
		return 0, nil, fmt.Errorf("hostfuncs: the payload has %d bytes, more than 2^31-1", len(payload))
	}
	first := g.phase == fresh
	g.broken = true
	g.sys, g.payload, g.answer, g.ended = sys, payload, nil, nil
	g.gasLimit = int64(min(gasLimit, math.MaxInt64))
	g.gas.Set(uint64(g.gasLimit))

	if first {
		g.phase = booting
		f, err = g.boot()
	}
	if f == nil && err == nil {
		g.phase = running
		g.stack = [2]uint64{uint64(uint32(kind)), uint64(len(payload))}
		f, err = g.run(g.deliver, "")
		if f == nil && err == nil {
			if r := uint32(g.stack[0]); r != 0 {
				f = &fault.Guest{Code: fault.Returned, Text: fmt.Sprintf("%s returned %d, expected 0", ExportDeliver, int32(r))}
			}
		}
	}
	g.broken = f != nil || err != nil
	gasUsed = g.gasUsed()
	if f != nil && f.Code == fault.OutOfGas {
		gasUsed = uint64(g.gasLimit)
	}
	g.sys, g.payload, g.answer, g.mem, g.records, g.record = nil, nil, nil, nil, nil, -1
	if cap(g.encoded) > keptScratch {
		g.encoded = nil
	}
	return gasUsed, f, err
}

// boot runs what a module brings to run before its first delivery.
func (g *Guest) boot() (*fault.Guest, error) {
	if g.start != nil {
		if f, err := g.run(g.start, "in the start function"); f != nil || err != nil {
			return f, err
		}
	}
	if g.initialize != nil {
		return g.run(g.initialize, "in "+ExportInitialize)
	}
	return nil, nil
}

// run calls a function of the guest with g.stack and says how it ended. where
// becomes the text of a trap.
func (g *Guest) run(fn runtime.Function, where string) (*fault.Guest, error) {
	g.depth.Set(0)
	g.status.Set(runtime.StatusNone)
	err := fn.Call(g.stack[:])
	switch e := err.(type) {
	case nil:
		if g.ended != nil {
			return nil, fmt.Errorf("hostfuncs: the engine went on after a host function's error: %w", g.ended)
		}
		if int64(g.gas.Get()) < 0 {
			return g.outOfGas(""), nil
		}
		return nil, nil
	case *fault.Guest:
		// Only what a host function of this delivery returned is a guest fault.
		if e != nil && g.ended == err {
			return e, nil
		}
	case *runtime.Trap:
		if e != nil && g.ended == nil {
			return g.trapped(e.Kind, where)
		}
	}
	return nil, fmt.Errorf("hostfuncs: the guest was stopped: %w", err)
}

var trapCodes = [...]fault.Code{
	runtime.TrapUnreachable:       fault.Unreachable,
	runtime.TrapMemoryOutOfBounds: fault.MemoryOutOfBounds,
	runtime.TrapTableOutOfBounds:  fault.TableOutOfBounds,
	runtime.TrapIndirectCall:      fault.IndirectCall,
	runtime.TrapIntegerOverflow:   fault.IntegerOverflow,
	runtime.TrapDivideByZero:      fault.DivideByZero,
}

// trapped says what a trap is: a guest fault, or a host fault if it is not one
// that a guest can cause.
func (g *Guest) trapped(kind runtime.TrapKind, where string) (*fault.Guest, error) {
	if int(kind) >= len(trapCodes) || trapCodes[kind] == 0 {
		return nil, fmt.Errorf("hostfuncs: the engine told of an unknown trap, kind %d", uint8(kind))
	}
	code := trapCodes[kind]
	switch status := uint32(g.status.Get()); {
	case status == runtime.StatusNone:
	case kind != runtime.TrapUnreachable:
		return nil, fmt.Errorf("hostfuncs: trap %s with status %d, which goes with unreachable only", kind, status)
	case status == runtime.StatusGas:
		return g.outOfGas(""), nil
	case status == runtime.StatusStack:
		code = fault.StackOverflow
	case status == runtime.StatusHost:
		return nil, errors.New("hostfuncs: the host could not give the guest memory that it is allowed")
	default:
		return nil, fmt.Errorf("hostfuncs: unknown status %d of a trap", status)
	}
	if int64(g.gas.Get()) < 0 {
		return g.outOfGas(""), nil
	}
	return &fault.Guest{Code: code, Text: where}, nil
}

// outOfGas returns the guest fault of a guest that used more than its limit,
// in an import or, with "", in its own code.
func (g *Guest) outOfGas(imp string) *fault.Guest {
	return &fault.Guest{Code: fault.OutOfGas, Import: imp, Text: fmt.Sprintf("the delivery's gas limit of %d was reached", g.gasLimit)}
}

// gasUsed returns the gas that is gone, from 0 to the limit.
func (g *Guest) gasUsed() uint64 {
	left := int64(g.gas.Get())
	return uint64(g.gasLimit - min(max(left, 0), g.gasLimit))
}

// enter begins every host call.
func (g *Guest) enter(t *imported) error {
	if g.ended != nil {
		return g.ended // the engine should have stopped; run tells
	}
	g.imp = t
	if err := g.charge(t.price); err != nil {
		return err
	}
	if g.phase == booting && !t.early {
		return g.fault(fault.TooEarly, "called before startVat")
	}
	return nil
}
