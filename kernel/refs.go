package kernel

import (
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// References: who holds what, in SwingSet's rules.
//
// A promise has one count: every c-list entry (also the decider's), every mention in a
// queue, every notify on its way, every slot of another settled promise's data, the
// host's interest. An object has two: an importing c-list entry with the R flag counts
// for both, one without it for recognizable only; queues, settled data, parameters and pins
// count for both; the exporter's own entry counts for nothing. The part of the queues is
// kept apart (inflight.go).

// gcKind orders the actions of one vat.
type gcKind uint64

const (
	dropExport gcKind = iota
	retireExport
	retireImport
)

// gcShift puts the kind of an action above its Kref in TableGCAction's B.
const gcShift = 60

var gcNames = [...]string{"dropExport", "retireExport", "retireImport"}
var gcDeliveries = [...]capdata.DeliveryKind{capdata.DropExports, capdata.RetireExports, capdata.RetireImports}

// maybeFree is the ordered set of references that the crank has let go of. As in
// SwingSet each is looked at once when the crank ends, also if it is let go of again while the
// others are looked at (agoric-sdk #9888): what is left over then is collected when it is
// next let go of. Looking twice would be better, and another history than SwingSet's.
type maybeFree struct {
	queue []capdata.Kref
	next  int // of queue, to be looked at
	in    map[capdata.Kref]bool
}

func (m *maybeFree) add(k capdata.Kref) {
	if !m.in[k] {
		m.in[k] = true
		m.queue = append(m.queue, k)
	}
}

// take gives the next reference to look at; at the end it empties the set.
func (m *maybeFree) take() (capdata.Kref, bool) {
	if m.next == len(m.queue) {
		m.reset()
		return 0, false
	}
	m.next++
	return m.queue[m.next-1], true
}

func (m *maybeFree) reset() {
	m.queue, m.next = m.queue[:0], 0
	if cap(m.queue) > maxKept {
		m.queue = nil
	}
	if len(m.in) > 0 {
		m.in = emptied(m.in)
	}
}

func (k *Kernel) object(r capdata.Kref) object {
	o, ok := k.objects.get(uint64(r), 0)
	if !ok {
		bug("object %v is not in the kernel's table", r)
	}
	return o
}

func (k *Kernel) promise(r capdata.Kref) promise {
	p, ok := k.promises.get(uint64(r), 0)
	if !ok {
		bug("promise %v is not in the kernel's table", r)
	}
	return p
}

// incref counts a reference of settled data, of parameters or a pin.
func (k *Kernel) incref(r capdata.Kref) {
	switch r.Kind() {
	case capdata.Promise:
		p := k.promise(r)
		p.refs++
		k.promises.set(uint64(r), 0, p)
	case capdata.Object:
		o := k.object(r)
		o.reachable++
		o.recognizable++
		k.objects.set(uint64(r), 0, o)
	}
}

// decref undoes incref.
func (k *Kernel) decref(r capdata.Kref) {
	switch r.Kind() {
	case capdata.Promise:
		p := k.promise(r)
		if p.refs == 0 {
			bug("the count of %v falls below zero", r)
		}
		p.refs--
		k.promises.set(uint64(r), 0, p)
		if p.refs == 0 && k.inflight.get(r) == 0 {
			k.free.add(r)
		}
	case capdata.Object:
		k.unrefObject(r, true)
	}
}

// unrefObject lets go of one recognizable reference, and of a reachable one too. An
// object that its exporter has retired is gone already: that is no error.
func (k *Kernel) unrefObject(r capdata.Kref, reachable bool) {
	o, ok := k.objects.get(uint64(r), 0)
	if !ok {
		return
	}
	if reachable {
		if o.reachable == 0 {
			bug("the reachable count of %v falls below zero", r)
		}
		o.reachable--
	}
	if o.recognizable == 0 {
		bug("the recognizable count of %v falls below zero", r)
	}
	o.recognizable--
	k.objects.set(uint64(r), 0, o)
	if (o.reachable == 0 || o.recognizable == 0) && k.inflight.get(r) == 0 {
		k.free.add(r)
	}
}

func (k *Kernel) increfData(d capdata.KernelData) {
	for _, s := range d.Slots {
		k.incref(s)
	}
}

// newObject makes an object of a vat's.
func (k *Kernel) newObject(owner VatID) capdata.Kref {
	r := capdata.NewKref(capdata.Object, k.st.nextObject)
	k.st.nextObject++
	k.objects.set(uint64(r), 0, object{owner: owner})
	return r
}

// newPromise makes an unresolved promise; decider 0: a message will hold it.
func (k *Kernel) newPromise(decider VatID, policy RejectPolicy) capdata.Kref {
	r := capdata.NewKref(capdata.Promise, k.st.nextPromise)
	k.st.nextPromise++
	k.promises.set(uint64(r), 0, promise{decider: decider, policy: policy})
	return r
}

// toVat gives the name under which a vat knows r, making a c-list entry if
// it has none, and marks imports reachable.
func (k *Kernel) toVat(vat VatID, r capdata.Kref) capdata.Vref {
	row, ok := k.clist.byKref(vat, r)
	if !ok {
		s := k.vatState(vat)
		var v capdata.Vref
		switch r.Kind() {
		case capdata.Object:
			v = capdata.Import(capdata.Object, s.nextObject)
			s.nextObject++
			o := k.object(r)
			o.recognizable++
			k.objects.set(uint64(r), 0, o)
		case capdata.Promise:
			v = capdata.Import(capdata.Promise, s.nextPromise)
			s.nextPromise++
			p := k.promise(r)
			p.refs++
			k.promises.set(uint64(r), 0, p)
		default:
			bug("%v cannot be given to a vat", r)
		}
		k.vatStates.set(uint64(vat), 0, s)
		row = clistRow{vref: v}
		k.clist.set(vat, r, row)
	}
	switch {
	case row.reachable:
	case row.vref.Exported():
		bug("unreachable export %v of v%d is sent to it", r, vat)
	default:
		k.setReachable(vat, r, row)
	}
	return row.vref
}

func (k *Kernel) toVatData(vat VatID, d capdata.KernelData) capdata.CapData {
	c := capdata.CapData{Body: d.Body}
	if len(d.Slots) > 0 {
		c.Slots = make([]capdata.Vref, len(d.Slots))
		for i, s := range d.Slots {
			c.Slots[i] = k.toVat(vat, s)
		}
	}
	return c
}

// toKernel gives the kernel's name of what a vat calls v, making one for a new
// export. The delivery's overlay has checked v: nothing here can be the vat's fault.
func (k *Kernel) toKernel(vat VatID, v capdata.Vref) capdata.Kref {
	var r capdata.Kref
	if k.mayHave(vat, v) {
		r = k.clist.byVref(vat, v)
	}
	if r == 0 {
		if !v.Exported() {
			bug("v%d names %v, which it does not have", vat, v)
		}
		if v.Kind() == capdata.Promise {
			r = k.newPromise(vat, Ignore)
			p := k.promise(r)
			p.refs++
			k.promises.set(uint64(r), 0, p)
		} else {
			r = k.newObject(vat)
		}
		k.clist.set(vat, r, clistRow{v, true})
		k.named(vat, v)
		return r
	}
	row, _ := k.clist.byKref(vat, r)
	if !row.reachable {
		if !v.Exported() {
			bug("v%d names %v, which it has dropped", vat, v)
		}
		k.setReachable(vat, r, row)
	}
	return r
}

// named notes that a vat has given a name.
func (k *Kernel) named(vat VatID, v capdata.Vref) {
	if v.Durable() {
		return
	}
	s := k.vatState(vat)
	top := &s.topObject
	if v.Kind() == capdata.Promise {
		top = &s.topPromise
	}
	if v.Index() >= *top {
		*top = v.Index() + 1
		k.vatStates.set(uint64(vat), 0, s)
	}
}

// mayHave reports whether a vat's c-list can have a name; no means that it has not.
func (k *Kernel) mayHave(vat VatID, v capdata.Vref) bool {
	s := k.vatState(vat)
	switch {
	case v.Durable() || v.Kind() == capdata.Device:
		return true
	case v.Exported() && v.Kind() == capdata.Promise:
		return v.Index() < s.topPromise
	case v.Exported():
		return v.Index() < s.topObject
	case v.Kind() == capdata.Promise:
		return v.Index() < s.nextPromise
	}
	return v.Index() < s.nextObject
}

func (k *Kernel) toKernelData(vat VatID, c capdata.CapData) capdata.KernelData {
	d := capdata.KernelData{Body: c.Body}
	if len(c.Slots) > 0 {
		d.Slots = make([]capdata.Kref, len(c.Slots))
		for i, s := range c.Slots {
			d.Slots[i] = k.toKernel(vat, s)
		}
	}
	return d
}

// setReachable sets the R flag of an entry that lacks it.
func (k *Kernel) setReachable(vat VatID, r capdata.Kref, row clistRow) {
	row.reachable = true
	k.clist.set(vat, r, row)
	if r.Kind() == capdata.Object && !row.vref.Exported() {
		o := k.object(r)
		o.reachable++
		k.objects.set(uint64(r), 0, o)
	}
}

// clearReachable clears the R flag.
func (k *Kernel) clearReachable(vat VatID, r capdata.Kref) {
	row, ok := k.clist.byKref(vat, r)
	if !ok {
		bug("v%d has no entry for %v", vat, r)
	}
	if !row.reachable {
		return
	}
	row.reachable = false
	k.clist.set(vat, r, row)
	if r.Kind() != capdata.Object || row.vref.Exported() {
		return
	}
	o, ok := k.objects.get(uint64(r), 0)
	if !ok {
		return // retired by its exporter
	}
	o.reachable--
	k.objects.set(uint64(r), 0, o)
	if o.reachable == 0 && k.inflight.get(r) == 0 {
		k.free.add(r)
	}
}

// deleteEntry takes r off a vat's c-list and gives back what the entry counted.
func (k *Kernel) deleteEntry(vat VatID, r capdata.Kref) {
	row, ok := k.clist.byKref(vat, r)
	if !ok {
		bug("v%d has no entry for %v to delete", vat, r)
	}
	switch r.Kind() {
	case capdata.Promise:
		k.decref(r)
	case capdata.Object:
		if !row.vref.Exported() {
			k.clearReachable(vat, r)
			k.unrefObject(r, false)
		}
	}
	k.clist.del(vat, r, row.vref)
}

// orphan takes an export from its vat: the object stays as long as it is
// referred to, without an owner.
func (k *Kernel) orphan(vat VatID, r capdata.Kref) {
	o := k.object(r)
	if o.owner != vat {
		bug("%v belongs to v%d, not to v%d", r, o.owner, vat)
	}
	o.owner = 0
	k.objects.set(uint64(r), 0, o)
	row, ok := k.clist.byKref(vat, r)
	if !ok {
		bug("v%d has no entry for its export %v", vat, r)
	}
	k.clist.del(vat, r, row.vref)
	k.free.add(r)
}

// retireObject deletes an object; whoever imports it will be told.
func (k *Kernel) retireObject(r capdata.Kref) {
	importers, err := k.store.Importers(r)
	must("read importers", err)
	// The index knows the store; this crank's own changes come on top.
	for _, vat := range k.clist.touched[r] {
		row, ok := k.clist.byKref(vat, r)
		i, found := slices.BinarySearch(importers, vat)
		switch imports := ok && !row.vref.Exported(); {
		case imports && !found:
			importers = slices.Insert(importers, i, vat)
		case !imports && found:
			importers = slices.Delete(importers, i, i+1)
		}
	}
	for _, vat := range importers {
		k.addAction(vat, retireImport, r)
	}
	k.objects.del(uint64(r), 0)
}

// settleRefcounts looks at everything that the crank has let go of: promises and
// objects that nobody refers to end, and exporters will be told.
func (k *Kernel) settleRefcounts() {
	for {
		r, ok := k.free.take()
		if !ok {
			return
		}
		if k.inflight.get(r) > 0 {
			continue
		}
		if r.Kind() == capdata.Promise {
			p, ok := k.promises.get(uint64(r), 0)
			if !ok || p.refs != 0 {
				continue
			}
			if p.state != unresolved {
				for _, s := range k.data(r).Slots {
					k.decref(s)
				}
				if p.data == nil {
					k.settled.del(uint64(r), 0)
				}
			}
			if p.parked != 0 { // a parked message refers to what it waits for
				bug("nobody refers to %v, but %d messages wait for it", r, p.parked)
			}
			k.promises.del(uint64(r), 0)
			continue
		}
		o, ok := k.objects.get(uint64(r), 0)
		if !ok || o.reachable != 0 {
			continue
		}
		if o.owner != 0 {
			owner, ok := k.vats.get(uint64(o.owner), 0)
			if !ok {
				bug("%v belongs to v%d, which is gone", r, o.owner)
			}
			row, ok := k.clist.byKref(o.owner, r)
			if !ok {
				bug("v%d has no entry for its export %v", o.owner, r)
			}
			if !owner.ended {
				if row.reachable {
					k.addAction(o.owner, dropExport, r)
				}
				if o.recognizable == 0 {
					k.addAction(o.owner, retireExport, r)
				}
				continue
			}
			// The owner is dead and not yet cleaned up: do now what clean-up would do.
			k.clist.del(o.owner, r, row.vref)
		}
		if o.recognizable > 0 {
			k.retireObject(r)
		} else {
			k.objects.del(uint64(r), 0)
		}
	}
}

// addAction notes that a vat has to be told something about an object.
func (k *Kernel) addAction(vat VatID, kind gcKind, r capdata.Kref) {
	k.actions.set(uint64(vat), uint64(kind)<<gcShift|uint64(r), struct{}{})
	if !slices.Contains(k.st.gc, vat) {
		k.st.gc = append(slices.Clone(k.st.gc), vat)
	}
}
