package kernel

import (
	"crypto/sha256"
	"slices"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
)

// place is where the kernel is, for a panic's report.
type place struct {
	vat  VatID
	name string
	kind capdata.DeliveryKind
}

// deliverMessage enters a vat with a message for one of its objects, or, if it
// pipelines, for a promise that it decides.
func (k *Kernel) deliverMessage(c *crank, vat VatID, target capdata.Kref, m message) {
	v := k.vat(vat)
	// Names are given in the order target, slots, result.
	t := k.toVat(vat, target)
	args := k.toVatData(vat, m.data)
	var result capdata.Vref
	if m.result != 0 {
		result = k.toVat(vat, m.result)
		p := k.promise(m.result)
		if p.state != unresolved || p.decider != 0 {
			bug("the result %v of a message has a decider already", m.result)
		}
		p.decider = vat
		k.promises.set(uint64(m.result), 0, p)
		if v.options.Pipelining {
			k.unpark(m.result)
		}
	}
	k.payload = capdata.AppendMessage(k.payload[:0], t, result, args)
	c.dirt = true
	k.enter(c, vat, v, capdata.Message)
}

// deliverStart enters a vat for the first time.
func (k *Kernel) deliverStart(c *crank, vat VatID) {
	if !k.alive(vat) {
		return
	}
	v := k.vat(vat)
	args := k.toVatData(vat, v.parameters)
	var flags uint32
	if v.options.Pipelining {
		flags |= capdata.FlagPipelining
	}
	k.payload = capdata.AppendStartVat(k.payload[:0], v.incarnation, flags, args)
	c.dirt = true
	k.enter(c, vat, v, capdata.StartVat)
	c.consume = true
}

// maxNotify bounds the promises, and maxNotifyBytes the bodies, of one notify.
// A larger batch goes on in the next crank (docs/abi.md).
const (
	maxNotify      = 1000
	maxNotifyBytes = 16 << 20
)

// deliverNotify tells a vat how a promise settled, and with it of all settled promises that are
// reachable through its data.
func (k *Kernel) deliverNotify(c *crank, vat VatID, r capdata.Kref) {
	if !k.alive(vat) {
		return
	}
	if _, ok := k.clist.byKref(vat, r); !ok {
		return // told already, with another promise
	}
	k.deliverBatch(c, batch{vat: vat, all: k.reachable(r)})
}

// reachable lists r and the settled promises that its data reaches, depth first.
func (k *Kernel) reachable(root capdata.Kref) []capdata.Kref {
	if k.promise(root).state == unresolved {
		bug("a notify of %v, which has not settled", root)
	}
	if !slices.ContainsFunc(k.data(root).Slots, k.hasSettled) {
		return []capdata.Kref{root} // nearly always
	}
	seen := map[capdata.Kref]bool{root: true}
	all := []capdata.Kref{root}
	stack := [][]capdata.Kref{k.data(root).Slots}
	for len(stack) > 0 {
		top := len(stack) - 1
		if len(stack[top]) == 0 {
			stack = stack[:top]
			continue
		}
		s := stack[top][0]
		stack[top] = stack[top][1:]
		if seen[s] || !k.hasSettled(s) {
			continue
		}
		seen[s] = true
		all = append(all, s)
		stack = append(stack, k.data(s).Slots)
	}
	return all
}

// hasSettled reports whether r is a promise that has settled.
func (k *Kernel) hasSettled(r capdata.Kref) bool {
	return r.Kind() == capdata.Promise && k.promise(r).state != unresolved
}

// processBatch goes on with a notify that was cut.
func (k *Kernel) processBatch(c *crank, b batch) {
	k.batches.del(rowNotify, 0)
	k.deliverBatch(c, b)
}

func (k *Kernel) deliverBatch(c *crank, b batch) {
	v := k.vat(b.vat)
	var part []capdata.Resolution
	size := 0
	for b.done < len(b.all) && len(part) < maxNotify {
		r := b.all[b.done]
		d := k.data(r)
		if size += len(d.Body); len(part) > 0 && size > maxNotifyBytes {
			break
		}
		p := k.promise(r)
		// SwingSet names the promise before what its data mentions.
		name := k.toVat(b.vat, r)
		part = append(part, capdata.Resolution{Promise: name, How: p.state.settlement(), Data: k.toVatData(b.vat, d)})
		b.done++
	}
	more := b.done < len(b.all)
	if more {
		k.batches.set(rowNotify, 0, b)
	} else {
		for _, r := range b.all { // the names end as the last part is delivered
			k.deleteEntry(b.vat, r)
		}
	}
	k.payload = capdata.AppendNotify(k.payload[:0], part, more)
	c.dirt = true
	k.enter(c, b.vat, v, capdata.Notify)
}

// deliverGC tells a vat what became of references.
func (k *Kernel) deliverGC(c *crank, vat VatID, kind gcKind, refs []capdata.Kref) {
	if !k.alive(vat) {
		return // nothing can be collected from the dead
	}
	v := k.vat(vat)
	names := make([]capdata.Vref, len(refs))
	for i, r := range refs {
		row, ok := k.clist.byKref(vat, r)
		if !ok {
			bug("v%d has no entry for %v", vat, r)
		}
		names[i] = row.vref
		switch kind {
		case dropExport:
			k.clearReachable(vat, r)
		case retireExport:
			k.objects.del(uint64(r), 0)
			k.deleteEntry(vat, r)
		case retireImport:
			k.deleteEntry(vat, r)
		}
	}
	k.payload = capdata.AppendRefs(k.payload[:0], names)
	c.dirt, c.dirtKrefs = true, uint64(len(refs))
	k.enter(c, vat, v, gcDeliveries[kind])
}

// processReap enters a vat with bringOutYourDead.
func (k *Kernel) processReap(c *crank, vat VatID) {
	if !k.alive(vat) {
		return
	}
	v := k.vat(vat)
	k.payload = k.payload[:0]
	k.enter(c, vat, v, capdata.BringOutYourDead)
	if c.abort {
		return
	}
	s := k.vatState(vat)
	s.dirtDeliveries, s.dirtKrefs = 0, 0
	k.vatStates.set(uint64(vat), 0, s)
}

// enter delivers k.payload to a vat and applies what the vat asked for. A guest fault, or an
// exit, ends the vat with the crank.
func (k *Kernel) enter(c *crank, vat VatID, v vatRow, kind capdata.DeliveryKind) {
	k.at = place{vat, v.name, kind}
	limit := v.options.GasLimit
	if limit == 0 {
		limit = k.params.GasLimit
	}
	o := k.bring(vat, v)
	d := k.begin(vat, v.options.Pipelining)
	dl := Delivery{Kind: kind, Payload: k.payload, GasLimit: limit}
	out, err := o.worker.Deliver(dl, d)
	must("deliver", err)
	if out.GasUsed > limit {
		bug("a worker reports %d gas of at most %d", out.GasUsed, limit)
	}
	c.ran = true
	c.info.Kind, c.info.Vat, c.info.GasUsed = CrankDelivery, vat, out.GasUsed
	if out.Fault != nil {
		c.abort = true
		c.closeVat = vat
		c.ending = &ending{vat, true, faultText(kind, out.Fault)}
		k.warn("vat fault", "vat", vat, "name", v.name, "delivery", kind.String(), "fault", out.Fault.Error())
		return
	}
	if d.exit != nil {
		c.closeVat = vat
		c.ending = &ending{vat, d.exit.failure, "exit: " + string(d.exit.data.Body)}
		if d.exit.failure {
			c.abort = true
			return
		}
	}
	k.apply(d)
	k.remember(vat, v.incarnation, k.item(dl, out.GasUsed, d))
	o.position++
}

// faultText is what is kept of a fault: deterministic, for people.
func faultText(kind capdata.DeliveryKind, f *fault.Guest) string {
	text := f.Error()
	if f.Import != "" { // else the text begins with the code
		text = f.Code.String() + ": " + text
	}
	return kind.String() + ": " + text
}

// remember puts a delivery on the vat's transcript.
func (k *Kernel) remember(vat VatID, incarnation uint32, data []byte) {
	s := k.vatState(vat)
	k.items = append(k.items, TranscriptItem{Vat: vat, Incarnation: incarnation, Position: s.position, Data: data})
	s.position++
	s.transcript = roll(s.transcript, data)
	k.vatStates.set(uint64(vat), 0, s)
}

// roll adds an item to a transcript's rolling hash: h' = SHA-256(h || SHA-256(item)).
func roll(h [32]byte, data []byte) [32]byte {
	var both [64]byte
	copy(both[:], h[:])
	x := sha256.Sum256(data)
	copy(both[32:], x[:])
	return sha256.Sum256(both[:])
}
