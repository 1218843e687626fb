package kernel

import (
	"fmt"
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// Harness reaches into a kernel as SwingSet's own kernel tests do: vats without genesis,
// c-list entries made by hand, events put in queues. It is for scenarios and
// tests of kernels; a chain has no use for it. Its methods change state outside of
// cranks and leave the kernel's invariants whole.
type Harness struct{ k *Kernel }

// Harness gives the kernel's harness.
func (k *Kernel) Harness() Harness { return Harness{k} }

// AddVat makes a vat and delivers startVat to it at once, outside the cranks: it makes no dirt
// unless countStart is set. Its root is not exported. A guest fault in startVat gives an error.
func (h Harness) AddVat(name string, module []byte, o VatOptions, countStart bool) (id VatID, err error) {
	k := h.k
	err = k.protect(func() error {
		if err := checkName(name); err != nil {
			return err
		}
		b, err := k.workers.Prepare(module)
		if err != nil {
			return fmt.Errorf("vat %q: %w", name, err)
		}
		id = k.addVat(name, true, o, b, capdata.KernelData{})
		r, _ := k.roster.get(rowRoster, 0)
		r.vats = append(slices.Clone(r.vats), rosterVat{id, name})
		k.roster.set(rowRoster, 0, r)
		k.flush(flushInput, false, 0)
		var c crank
		k.deliverStart(&c, id)
		k.at = place{}
		if c.abort {
			k.discard()
			k.closeWorker(id)
			return fmt.Errorf("%w: vat %q ended in startVat: %s", ErrBadArgument, name, c.ending.reason)
		}
		k.charge(&c)
		if countStart {
			k.addDirt(id, 0)
		}
		k.input()
		return nil
	})
	return id, err
}

// Lookup gives what a vat calls v, or 0.
func (h Harness) Lookup(vat VatID, v capdata.Vref) (r capdata.Kref, err error) {
	err = h.k.protect(func() error {
		r = h.k.clist.byVref(vat, v)
		return nil
	})
	return r, err
}

// AddExport makes an export of a vat's, an o+N or p+N; with pin it counts one more.
func (h Harness) AddExport(vat VatID, v capdata.Vref, pin bool) (r capdata.Kref, err error) {
	k := h.k
	err = k.protect(func() error {
		if !k.alive(vat) || !v.WellFormed() || !v.Exported() {
			return fmt.Errorf("%w: v%d cannot export %v", ErrBadArgument, vat, v)
		}
		r = k.toKernel(vat, v)
		if pin {
			k.incref(r)
		}
		// Not input: an object that nobody refers to yet must not be collected here.
		k.free.reset()
		k.flush(flushInput, false, 0)
		return nil
	})
	return r, err
}

// AddImport gives a vat a reference.
func (h Harness) AddImport(vat VatID, r capdata.Kref) (v capdata.Vref, err error) {
	k := h.k
	err = k.protect(func() error {
		if !k.alive(vat) || !k.exists(r) {
			return fmt.Errorf("%w: v%d cannot import %v", ErrBadArgument, vat, r)
		}
		v = k.toVat(vat, r)
		k.flush(flushInput, false, 0)
		return nil
	})
	return v, err
}

// Pin keeps an object alive for good.
func (h Harness) Pin(r capdata.Kref) error {
	return h.k.protect(func() error {
		if r.Kind() != capdata.Object || !h.k.exists(r) {
			return fmt.Errorf("%w: there is no object %v in the kernel", ErrBadArgument, r)
		}
		h.k.incref(r)
		h.k.input()
		return nil
	})
}

// Reap puts a vat, also one that has ended, on the reap queue, if it is not there.
func (h Harness) Reap(vat VatID) error {
	return h.k.protect(func() error {
		if _, ok := h.k.vats.get(uint64(vat), 0); !ok {
			return fmt.Errorf("%w: v%d", ErrNoVat, vat)
		}
		h.k.scheduleReap(vat)
		h.k.input()
		return nil
	})
}
