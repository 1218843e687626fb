package instrument

import (
	"github.com/crankcase/crankcase/runtime"
)

// Version names what this package does to a module: what it accepts with
// DefaultLimits, the code it makes and the gas schedule. It is part of the
// kernel's behaviour. Any change that makes the outcome differ for any module
// needs a new one.
const Version = 1

// An Import is a function that modules may import.
type Import struct {
	Module, Name string
	Params       []runtime.ValueType
	Results      []runtime.ValueType
}

// An Export is a function export whose type is checked.
type Export struct {
	Name     string
	Params   []runtime.ValueType
	Results  []runtime.ValueType
	Optional bool // a module without it is accepted
}

// Config says what a module may import and must export, and how big it may
// be. Instrument only reads it.
type Config struct {
	// Imports are all the functions that may be imported. Anything else is
	// refused, and so is one of these with another type.
	Imports []Import
	// Exports are the functions that must, or may, be exported, with these
	// types. Exports with other names may be anything.
	Exports []Export
	Limits  Limits

	// anyInterface accepts all function imports and all exports and needs no
	// memory: for tests with modules that were not made to be guests.
	anyInterface bool
}

// A Result is an instrumented module and what is known about it.
type Result struct {
	// Code is the instrumented module. The caller owns it.
	Code []byte
	// Data is the content of the custom section crankcase.data, a copy of its
	// own, or nil if there is none; an empty section gives an empty slice.
	Data []byte

	MemoryMin int  // pages that the memory has at first
	MemoryMax int  // logical maximum, in pages: the declared one or the limit
	Functions int  // functions that the module defines, imports not counted
	HadStart  bool // Code exports its start function as runtime.FuncStart
	// Globals are the indexes of the module's own mutable globals, ascending:
	// each is exported as runtime.GlobalPrefix and its index.
	Globals []int
}

// Instrument checks a module and rewrites it, as the package's documentation
// says. It keeps neither module nor c. The result is a function of module and
// c alone. The error of a refused module is a *fault.Refusal, and there is no
// other error. It is safe for concurrent use.
//
// It takes time in proportion to len(module) and memory of a small multiple of
// it: the code it makes is at most Limits.InstrumentedBytes, and it never
// allocates for a count that the bytes left could not fill.
func Instrument(module []byte, c Config) (*Result, error) {
	m := &decoder{config: c, start: -1, dataCount: -1}
	m.reader = reader{b: module, end: len(module), function: -1}
	m.run()
	if m.err == nil {
		if res := m.encode(); m.err == nil {
			return res, nil
		}
	}
	refusal := m.err
	if refusal.Function >= 0 {
		refusal.Name = functionName(module, refusal.Function)
	}
	return nil, refusal
}
