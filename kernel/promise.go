package kernel

import (
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// queueKey is the A of all rows of TableQueue; B is the event's number.
const queueKey = 1

// accept puts an event on the acceptance queue, which decides where it goes.
func (k *Kernel) accept(e event) {
	k.queue.set(queueKey, k.st.nextEvent, e)
	k.st.nextEvent++
}

// event gives the event of a number, which must be there.
func (k *Kernel) event(n uint64) event {
	e, ok := k.queue.get(queueKey, n)
	if !ok {
		bug("event %d is missing", n)
	}
	return e
}

// maxGap is how many numbers are tried one by one before the table is searched.
const maxGap = 64

// runNext finds the run-queue's head. It is for the beginning of a crank, when the
// store has all there is.
func (k *Kernel) runNext() uint64 {
	// Most gaps are short, and of what is gone the cache knows that it is.
	for n := k.st.runHead; n < min(k.st.runHead+maxGap, k.st.routed); n++ {
		if _, ok := k.queue.get(queueKey, n); ok {
			return n
		}
	}
	n, found := uint64(0), false
	k.catchUp()
	err := k.store.Scan(TableQueue, queueKey, k.st.runHead, func(b, _ uint64, _ []byte) bool {
		n, found = b, true
		return false
	})
	must("read queue", err)
	if !found || n >= k.st.routed {
		bug("the run-queue has %d events, none is found", k.st.runLen)
	}
	return n
}

// send puts a new message on the acceptance queue.
func (k *Kernel) send(m message) { k.post(event{kind: eventSend, msg: m}) }

// post puts a new event on the acceptance queue, which holds what the event mentions.
func (k *Kernel) post(e event) {
	e.mentions(k.hold)
	k.accept(e)
}

// letGo gives back what an event that has left the queues has mentioned.
func (k *Kernel) letGo(e event) { e.mentions(k.unhold) }

// park lets a message wait for its target to settle or to get a pipelining
// decider. The message's references stay as they are.
func (k *Kernel) park(r capdata.Kref, m message) {
	p := k.promise(r)
	k.parked.fresh(uint64(r), p.parked)
	k.parked.set(uint64(r), p.parked, event{kind: eventSend, msg: m})
	p.parked++
	k.promises.set(uint64(r), 0, p)
}

// unpark sends the messages that wait for r on their way again, in order.
func (k *Kernel) unpark(r capdata.Kref) {
	p := k.promise(r)
	if p.parked == 0 {
		return
	}
	for i := range p.parked {
		e, ok := k.parked.get(uint64(r), i)
		if !ok {
			bug("message %d parked at %v is missing", i, r)
		}
		k.parked.del(uint64(r), i)
		e.msg.target = r
		k.accept(e)
	}
	p.parked = 0
	k.promises.set(uint64(r), 0, p)
}

// notify tells a vat, by way of the queues, that r has settled.
func (k *Kernel) notify(vat VatID, r capdata.Kref) {
	k.post(event{kind: eventNotify, vat: vat, promise: r})
}

// subscribe makes a vat hear of r's settlement, at once if r has settled.
func (k *Kernel) subscribe(vat VatID, r capdata.Kref) {
	p := k.promise(r)
	if p.state != unresolved {
		k.notify(vat, r)
		return
	}
	if i, found := slices.BinarySearch(p.subscribers, vat); !found {
		p.subscribers = slices.Insert(slices.Clone(p.subscribers), i, vat)
		k.promises.set(uint64(r), 0, p)
	}
}

// settle settles r: subscribers hear of it, waiting messages go on.
func (k *Kernel) settle(r capdata.Kref, state promiseState, data capdata.KernelData) {
	p := k.promise(r)
	if p.state != unresolved {
		bug("%v is settled twice", r)
	}
	// SwingSet keeps subscribers in order of their text (v10 before v2).
	for _, vat := range inTextOrder(p.subscribers) {
		k.notify(vat, r)
	}
	k.increfData(data)
	k.unpark(r)
	p = k.promise(r)
	p.state, p.decider, p.subscribers = state, 0, nil
	if len(data.Body)+8*len(data.Slots) <= maxInline {
		p.data = &data
	} else {
		k.settled.set(uint64(r), 0, data)
	}
	k.promises.set(uint64(r), 0, p)
	if state == rejected {
		switch p.policy {
		case Log:
			k.warn("a host message was rejected", "promise", r.String(), "body", string(data.Body))
		case Panic:
			throw("host message", &RejectedError{r, data})
		}
	}
}

// reject settles r with an error that the kernel makes itself.
func (k *Kernel) reject(r capdata.Kref, text string) {
	k.settle(r, rejected, capdata.KernelData{Body: errorBody(text)})
}

// textVatTerminated is what those hear who wait for a vat that has ended.
const textVatTerminated = "vat terminated"

// errorBody is the smallcaps body of an error.
func errorBody(text string) []byte { return capdata.ErrorBody(text) }

// inTextOrder gives the vats in the order of their text forms, which is
// SwingSet's: v1, v10, v2.
func inTextOrder(v []VatID) []VatID {
	if len(v) < 2 {
		return v
	}
	s := slices.Clone(v)
	slices.SortFunc(s, func(x, y VatID) int { return compareDecimal(uint64(x), uint64(y)) })
	return s
}
