package worker

import (
	"fmt"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
)

// A worker is one incarnation of a vat, in this process. It is for one
// goroutine at a time.
type worker struct {
	vat     kernel.VatID
	modules *modules
	module  *module
	options hostfuncs.Options
	guest   *hostfuncs.Guest // nil before the first delivery
	broken  bool             // by a host fault before there was a guest, or a panic
	closed  bool
	quiet   bool // what the guest writes was shown when it first ran
}

// Deliver implements kernel.Worker. A panic on the way is a host fault with
// its stack. After a guest fault or a host fault every further delivery is a
// host fault.
func (w *worker) Deliver(d kernel.Delivery, sys kernel.Syscalls) (out kernel.Outcome, err error) {
	if w.closed || w.broken {
		return kernel.Outcome{}, fmt.Errorf("worker: vat v%d: delivery to a worker that is closed or broken", w.vat)
	}
	w.broken = true // unless it comes to its end
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v, fmt.Sprintf("delivering %s to vat v%d", d.Kind, w.vat))
		}
	}()
	if w.guest == nil {
		g, err := hostfuncs.New(w.module.compiled, w.options)
		if err != nil {
			return kernel.Outcome{}, fmt.Errorf("worker: vat v%d: %w", w.vat, err)
		}
		w.guest = g
	}
	w.quiet = d.Replay
	used, f, err := w.guest.Deliver(d.Kind, d.Payload, d.GasLimit, sys)
	if err != nil {
		return kernel.Outcome{}, fmt.Errorf("worker: vat v%d: %w", w.vat, err)
	}
	w.broken = f != nil
	return kernel.Outcome{GasUsed: used, Fault: f}, nil
}

// Close implements kernel.Worker. Closing twice is nothing. A worker whose
// instance cannot be closed keeps its compiled module open.
func (w *worker) Close() (err error) {
	if w.closed {
		return nil
	}
	w.closed = true
	defer recoverAs(&err, fmt.Sprintf("closing the worker of vat v%d", w.vat))
	if w.guest != nil {
		if err := w.guest.Close(); err != nil {
			return fmt.Errorf("worker: vat v%d: %w", w.vat, err)
		}
	}
	return w.modules.release(w.module)
}
