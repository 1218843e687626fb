package kernel

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/crankcase/crankcase/capdata"
)

// Inside the kernel an error of the store, of a worker or of the kernel itself
// is thrown: it unwinds to the entry point that the host called, where it
// becomes a panic of the kernel. So no code on the way can mistake it for
// something that a vat did: a guest fault is only ever a returned *fault.Guest.

// thrown is a host fault on its way up.
type thrown struct {
	where string
	err   error
}

// throw unwinds with a host fault. where names the step that failed.
func throw(where string, err error) { panic(thrown{where, err}) }

// must throws if err is not nil.
func must(where string, err error) {
	if err != nil {
		throw(where, err)
	}
}

// bug throws a broken invariant of the kernel.
func bug(format string, args ...any) {
	throw("invariant", fmt.Errorf(format, args...))
}

// ErrPanic is in the chain of every error of a kernel that has panicked.
var ErrPanic = errors.New("kernel panic")

// ErrBusy is returned when the host calls the kernel from inside a call of the
// kernel, for instance from a console sink or a device. Nothing has changed.
var ErrBusy = errors.New("the kernel is running: it cannot be called from inside its own call")

// PanicError says why a kernel stopped. Nothing of the crank, nor of anything
// since the last commit, is in the store. The kernel refuses all further work with this same
// error; opening the store again retries. errors.Is(err, ErrPanic) is true.
type PanicError struct {
	Crank    uint64               // number of the crank that was running
	Vat      VatID                // the vat that was being run, or 0
	VatName  string               // its name
	Delivery capdata.DeliveryKind // what was being delivered, or 0
	Where    string               // the step that failed
	Cause    error
	Stack    []byte // of a Go panic; nil otherwise
}

// Error implements error.
func (p *PanicError) Error() string {
	s := fmt.Sprintf("kernel panic in crank %d", p.Crank)
	if p.Vat != 0 {
		s += fmt.Sprintf(", vat v%d (%s)", p.Vat, p.VatName)
		if p.Delivery != 0 {
			s += ", " + p.Delivery.String()
		}
	}
	return fmt.Sprintf("%s: %s: %v", s, p.Where, p.Cause)
}

// Unwrap makes errors.Is work for ErrPanic and for the cause.
func (p *PanicError) Unwrap() []error { return []error{ErrPanic, p.Cause} }

// RejectedError is the cause of a panic that a host asked for: a message
// queued with policy Panic (such as bootstrap) was rejected.
type RejectedError struct {
	Promise capdata.Kref
	Data    capdata.KernelData
}

func (r *RejectedError) Error() string {
	return fmt.Sprintf("the result %v of a message with policy panic was rejected: %s", r.Promise, r.Data.Body)
}

// CriticalError is the cause of a panic that a host asked for: a vat that it
// marked critical has ended.
type CriticalError struct {
	Vat    VatID
	Name   string
	Reason string
}

func (c *CriticalError) Error() string {
	return fmt.Sprintf("critical vat v%d (%s) ended: %s", c.Vat, c.Name, c.Reason)
}

// protect runs f as one call of the host: it refuses re-entry and a poisoned
// kernel, and turns whatever f throws into a panic of the kernel.
func (k *Kernel) protect(f func() error) (err error) {
	if k.dead != nil {
		return k.dead
	}
	if !k.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	defer k.busy.Store(false)
	defer func() {
		if r := recover(); r != nil {
			err = k.poison(r)
		}
	}()
	return f()
}

// asError gives what a Go panic was made with as an error.
func asError(r any) error {
	if err, ok := r.(error); ok {
		return err
	}
	return fmt.Errorf("%v", r)
}

// poison stops the kernel for good: what was not committed is rolled back, so
// that no later call, and no host that ignores the error, can commit it.
func (k *Kernel) poison(r any) error {
	p := &PanicError{Crank: k.st.crank, Vat: k.at.vat, Delivery: k.at.kind, Where: "go panic"}
	p.VatName = k.at.name
	switch t := r.(type) {
	case thrown:
		p.Where, p.Cause = t.where, t.err
		var h *hostError
		if errors.As(t.err, &h) {
			p.Stack = h.stack
		}
	default:
		p.Cause, p.Stack = asError(r), debug.Stack()
	}
	if c := (*CriticalError)(nil); errors.As(p.Cause, &c) { // it ends when the crank is over
		p.Vat, p.VatName = c.Vat, c.Name
	}
	k.dead = p
	if err := k.store.Rollback(); err != nil {
		p.Cause = fmt.Errorf("%w (and the rollback failed: %v)", p.Cause, err)
	}
	k.discard()
	k.forget()
	k.closeWorkers()
	if k.log != nil {
		k.log.Error("kernel panic", "crank", p.Crank, "vat", p.Vat, "name", p.VatName, "delivery", p.Delivery.String(),
			"where", p.Where, "cause", p.Cause)
	}
	return p
}
