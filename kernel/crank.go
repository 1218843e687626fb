package kernel

import (
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// crank is what is known of the running crank.
type crank struct {
	info      CrankInfo
	abort     bool    // what the crank did is undone
	consume   bool    // ... but the item does not come again
	ending    *ending // a vat ends with this crank
	dirt      bool    // the delivery counts for bringOutYourDead
	dirtKrefs uint64
	closeVat  VatID // its worker's memory is no longer the vat's
	ran       bool  // a vat was entered
}

// ending is a vat's end.
type ending struct {
	vat     VatID
	failure bool
	reason  string
}

// item is what a crank is about: take removes it from its queue, process does it.
type item struct {
	take    func()
	process func(*crank)
}

// step runs one crank, if there is something to do.
func (k *Kernel) step(cleanup bool, budget int) (CrankInfo, bool) {
	it := k.choose(cleanup, budget)
	if it.process == nil {
		return CrankInfo{}, false
	}
	var c crank
	c.info.Number = k.st.crank
	it.take()
	it.process(&c)
	k.finish(&c, it)
	return c.info, true
}

// choose finds the next item, in SwingSet's order: routing before everything, so that all
// that a delivery sent is on its way before the next one; then clean-up, garbage
// collection, bringOutYourDead, the run-queue. A notify that was cut goes on first of all.
func (k *Kernel) choose(cleanup bool, budget int) item {
	if b, ok := k.batches.get(rowNotify, 0); ok {
		return item{take: func() {}, process: func(c *crank) { k.processBatch(c, b) }}
	}
	if n := k.st.routed; n < k.st.nextEvent {
		return item{
			take:    func() { k.st.routed++ },
			process: func(*crank) { k.accepted(n, k.event(n)) },
		}
	}
	if cleanup && len(k.st.terminated) > 0 {
		vat := k.st.terminated[0]
		return item{take: func() {}, process: func(c *crank) { k.processCleanup(c, vat, budget) }}
	}
	if len(k.st.gc) > 0 {
		if it := k.chooseAction(); it.process != nil {
			return it
		}
	}
	if len(k.st.reap) > 0 {
		vat := k.st.reap[0]
		return item{
			take:    func() { k.st.reap = slices.Clone(k.st.reap[1:]) },
			process: func(c *crank) { k.processReap(c, vat) },
		}
	}
	if k.st.runLen > 0 {
		n := k.runNext()
		e := k.event(n)
		return item{
			take: func() {
				k.queue.del(queueKey, n)
				k.st.runHead = n + 1
				k.st.runLen--
			},
			process: func(c *crank) { k.processEvent(c, e) },
		}
	}
	return item{}
}

// accepted routes event n, which was at the head of the acceptance queue: it stays
// where it is, on the run-queue now, or leaves the queues.
func (k *Kernel) accepted(n uint64, e event) {
	if e.kind != eventSend {
		k.st.runLen++
		return
	}
	to := k.route(e.msg)
	if to.splat {
		k.queue.del(queueKey, n)
		k.letGo(e)
		return
	}
	if to.target != e.msg.target {
		k.hold(to.target)
		k.unhold(e.msg.target)
		e.msg.target = to.target
		k.queue.set(queueKey, n, e)
	}
	if to.vat != 0 {
		k.st.runLen++
		return
	}
	k.queue.del(queueKey, n)
	k.park(to.target, e.msg)
}

// processEvent does what the run-queue's head asks for.
func (k *Kernel) processEvent(c *crank, e event) {
	switch e.kind {
	case eventSend:
		to := k.route(e.msg)
		switch {
		case to.splat:
			k.letGo(e)
		case to.vat == 0:
			if to.target != e.msg.target {
				bug("%v parks at another promise", e.msg.target)
			}
			k.park(to.target, e.msg)
		default:
			k.letGo(e)
			k.deliverMessage(c, to.vat, to.target, e.msg)
		}
	case eventNotify:
		k.letGo(e)
		k.deliverNotify(c, e.vat, e.promise)
	case eventStartVat:
		k.deliverStart(c, e.vat)
	}
}

// finish ends a crank: undo it if it failed, charge what survives that, end the vat that
// ends, settle references, and write it all.
func (k *Kernel) finish(c *crank, it item) {
	if c.abort {
		k.discard()
		if c.consume {
			it.take()
		}
	}
	k.at = place{}
	if c.ran {
		k.charge(c)
	}
	if c.dirt && c.ending == nil {
		k.addDirt(c.info.Vat, c.dirtKrefs)
	}
	if c.closeVat != 0 {
		k.closeWorker(c.closeVat)
	}
	if c.ending != nil {
		k.terminate(*c.ending)
	}
	k.settleRefcounts()
	k.st.crank++
	k.flush(flushCrank, c.abort, c.info.GasUsed)
}

// charge counts a delivery and its gas; a rollback does not undo it.
func (k *Kernel) charge(c *crank) {
	k.st.deliveries++
	k.st.gasUsed += c.info.GasUsed
	s := k.vatState(c.info.Vat)
	s.gasUsed += c.info.GasUsed
	k.vatStates.set(uint64(c.info.Vat), 0, s)
}

// addDirt counts a delivery towards the vat's next bringOutYourDead.
func (k *Kernel) addDirt(vat VatID, krefs uint64) {
	o := k.vat(vat).options
	s := k.vatState(vat)
	reap := false
	if o.ReapInterval != Never {
		s.dirtDeliveries++
		reap = s.dirtDeliveries >= o.ReapInterval
	}
	if o.ReapGCKrefs != Never && krefs > 0 {
		s.dirtKrefs += krefs
		reap = reap || s.dirtKrefs >= o.ReapGCKrefs
	}
	k.vatStates.set(uint64(vat), 0, s)
	if reap {
		k.scheduleReap(vat)
	}
}

func (k *Kernel) scheduleReap(vat VatID) {
	if !slices.Contains(k.st.reap, vat) {
		k.st.reap = append(slices.Clone(k.st.reap), vat)
	}
}

// chooseAction finds the next group of garbage-collection actions: vats in text
// order, in a vat dropExports before retireExports before retireImports. Actions that no longer
// hold are pruned; if only pruning happened, that is a crank too.
func (k *Kernel) chooseAction() item {
	type group struct {
		vat  VatID
		kind gcKind
	}
	var gone []rowKey // actions to take off the table
	var todo group
	var refs []capdata.Kref
	var emptied []VatID
	for _, vat := range inTextOrder(k.st.gc) {
		var all [3][]capdata.Kref
		err := k.store.Scan(TableGCAction, uint64(vat), 0, func(b, _ uint64, _ []byte) bool {
			all[b>>gcShift] = append(all[b>>gcShift], capdata.Kref(b&(1<<gcShift-1)))
			return true
		})
		must("read gc actions", err)
		left := 0
		for kind := dropExport; kind <= retireImport; kind++ {
			if len(refs) > 0 {
				left += len(all[kind])
				continue
			}
			sortKrefs(all[kind])
			for i, r := range all[kind] {
				if len(refs) == maxRefs {
					left += len(all[kind]) - i
					break
				}
				gone = append(gone, rowKey{uint64(vat), uint64(kind)<<gcShift | uint64(r)})
				if k.stillHolds(vat, kind, r) {
					refs = append(refs, r)
				}
			}
			if len(refs) > 0 {
				todo = group{vat, kind}
			}
		}
		if left == 0 {
			emptied = append(emptied, vat)
		}
		if len(refs) > 0 {
			break
		}
	}
	return item{
		take: func() {
			for _, a := range gone {
				k.actions.del(a.a, a.b)
			}
			if len(emptied) > 0 {
				k.st.gc = slices.DeleteFunc(slices.Clone(k.st.gc), func(v VatID) bool { return slices.Contains(emptied, v) })
			}
		},
		process: func(c *crank) {
			if len(refs) > 0 {
				k.deliverGC(c, todo.vat, todo.kind, refs)
			}
		},
	}
}

// maxRefs bounds the references of one garbage-collection delivery (docs/abi.md).
const maxRefs = 1000

// stillHolds says whether an action is to be carried out as things are now.
func (k *Kernel) stillHolds(vat VatID, kind gcKind, r capdata.Kref) bool {
	row, has := k.clist.byKref(vat, r)
	if !has {
		return false
	}
	o, exists := k.objects.get(uint64(r), 0)
	switch kind {
	case dropExport:
		return exists && o.reachable == 0 && k.inflight.get(r) == 0 && row.reachable
	case retireExport:
		return exists && o.reachable == 0 && o.recognizable == 0 && k.inflight.get(r) == 0
	}
	return true
}
