package scenario

import (
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// A Kernel is what a scenario is played on. The player calls it from one
// goroutine. Errors end the playing and are its error, except a *Panic, which
// is a part of the answer.
type Kernel interface {
	// AddVat makes a puppet and delivers startVat to it, outside of cranks,
	// with the body #{}. Vats get ascending ids.
	AddVat(name string, o VatOptions) (kernel.VatID, error)
	// Lookup returns what a vat calls v, or 0.
	Lookup(vat kernel.VatID, v capdata.Vref) (capdata.Kref, error)
	// AddExport returns the kernel's reference of an export, making it if it
	// is new, and with pin adds 1 to both of its counts.
	AddExport(vat kernel.VatID, v capdata.Vref, pin bool) (capdata.Kref, error)
	// AddImport gives a vat a reference.
	AddImport(vat kernel.VatID, k capdata.Kref) (capdata.Vref, error)
	// Queue puts a message on the acceptance queue and returns its result
	// promise, or 0.
	Queue(m Message) (capdata.Kref, error)
	// Watch adds the host's count to a promise.
	Watch(k capdata.Kref) error
	// Pin adds the host's count to an object or promise.
	Pin(k capdata.Kref) error
	// Reap puts a vat on the reap queue, if it is not there.
	Reap(vat kernel.VatID) error
	// Terminate ends a vat from outside.
	Terminate(vat kernel.VatID, reason string) error
	// Run runs cranks until there is nothing to do or the limit is reached (0:
	// none), and returns how many. A *Panic says that the kernel stopped itself because
	// it was asked to.
	Run(limit int, cleanup Cleanup) (int, error)
	// Dump reads all tables, also after a panic.
	Dump() (*kernel.Dump, error)
	// Deliveries is how often a vat was entered: startVat and deliveries that
	// came to nothing included.
	Deliveries() int
}

// Message is a message of the host's.
type Message struct {
	Target   capdata.Kref
	Data     capdata.KernelData
	NoResult bool
	Policy   string // ignore, logAlways, logFailure, panic: what a rejected result does
}

// Panic is how a kernel stops when a message with policy panic is rejected.
type Panic struct {
	Promise capdata.Kref
	Data    capdata.KernelData
}

func (p *Panic) Error() string {
	return "kernel panic: the result " + p.Promise.String() + " was rejected"
}
