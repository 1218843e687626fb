// Package fault separates the two kinds of fault that a crank can end with.
//
// A guest fault is a deterministic function of the vat's state, the delivery
// and the consensus parameters: every machine finds the same one, so it may
// enter consensus state and the vat answers for it. It is a *Guest. Every
// other error on a crank's path is a host fault: the kernel panics, nothing is
// committed and no vat observes it. There is no third kind and no default in
// between: an error that nobody classified is a host fault.
package fault

import (
	"errors"
	"fmt"
)

// Code says why a delivery ended as a guest fault. Codes enter consensus
// state: their numbers never change meaning.
type Code uint8

const (
	// BadArgument: an argument of an import is out of its domain.
	BadArgument Code = iota + 1
	// BadRange: a pointer and length that do not lie in the guest's memory, or
	// an offset past the end of what is read.
	BadRange
	// BadReference: a malformed or unknown vref, or one of the wrong kind.
	BadReference
	// OverLimit: a size or count above a consensus limit.
	OverLimit
	// NotDecider: a promise that the vat does not decide.
	NotDecider
	// TooEarly: an import called before startVat.
	TooEarly
	// Told: the guest called the fault import; Text is the guest's own.
	Told
	// Returned: crankcase_deliver returned another value than 0.
	Returned
	// OutOfGas: the delivery's gas limit was reached.
	OutOfGas
	// StackOverflow: the instrumented stack-height limit was reached.
	StackOverflow
	// Unreachable: the guest executed unreachable.
	Unreachable
	// MemoryOutOfBounds: a load, store or bulk operation outside memory.
	MemoryOutOfBounds
	// TableOutOfBounds: an indirect call outside the table or to an empty element.
	TableOutOfBounds
	// IndirectCall: an indirect call to another signature.
	IndirectCall
	// IntegerOverflow: a float that does not fit the integer, or MinInt / -1.
	IntegerOverflow
	// DivideByZero: an integer division by zero.
	DivideByZero
	// ProcExit: the guest called WASI's proc_exit.
	ProcExit
)

var codeNames = [...]string{"", "bad-argument", "bad-range", "bad-reference", "over-limit", "not-decider",
	"too-early", "told", "returned", "out-of-gas", "stack-overflow", "unreachable", "memory-out-of-bounds",
	"table-out-of-bounds", "indirect-call", "integer-overflow", "divide-by-zero", "proc-exit"}

// String returns the code's name as status and logs show it.
func (c Code) String() string {
	if int(c) < len(codeNames) && c != 0 {
		return codeNames[c]
	}
	return fmt.Sprintf("code-%d", uint8(c))
}

// Guest is a guest fault. It is immutable and made only from values that are
// the same on every machine: no engine text, address or host error may enter
// its fields.
type Guest struct {
	// Code is the reason.
	Code Code
	// Import is the import that was called ("send"), or empty for a trap.
	Import string
	// Text is for people: which argument, what was found, what was expected.
	Text string
}

// Error implements error.
func (g *Guest) Error() string {
	if g.Import == "" {
		if g.Text == "" {
			return g.Code.String()
		}
		return g.Code.String() + ": " + g.Text
	}
	return g.Import + ": " + g.Text
}

// New returns a guest fault of an import with a formatted text.
func New(code Code, imp, format string, args ...any) *Guest {
	return &Guest{Code: code, Import: imp, Text: fmt.Sprintf(format, args...)}
}

// AsGuest returns the guest fault in err's chain, or nil if err is a host
// fault (or nil).
func AsGuest(err error) *Guest {
	var g *Guest
	if errors.As(err, &g) {
		return g
	}
	return nil
}
