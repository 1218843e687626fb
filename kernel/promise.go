package kernel

import (
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// Queues by number, the A of TableQueue.
const (
	queueAccept = 1
	queueRun    = 2
)

// accept puts an event on the acceptance queue, which decides where it goes.
func (k *Kernel) accept(e event) {
	k.queue.fresh(queueAccept, k.st.acceptTail)
	k.queue.set(queueAccept, k.st.acceptTail, e)
	k.st.acceptTail++
}

// enqueue puts an event on the run-queue.
func (k *Kernel) enqueue(e event) {
	k.queue.fresh(queueRun, k.st.runTail)
	k.queue.set(queueRun, k.st.runTail, e)
	k.st.runTail++
}

// dequeue takes the event at a queue's head.
func (k *Kernel) dequeue(queue uint64, head *uint64) event {
	e, ok := k.queue.get(queue, *head)
	if !ok {
		bug("event %d of queue %d is missing", *head, queue)
	}
	k.queue.del(queue, *head)
	*head++
	return e
}

// send counts a message's references and puts it on the acceptance queue.
func (k *Kernel) send(m message) {
	k.incref(m.target)
	if m.result != 0 {
		k.incref(m.result)
	}
	k.increfData(m.data)
	k.accept(event{kind: eventSend, msg: m})
}

// decrefMessage lets go of what a message in a queue refers to.
func (k *Kernel) decrefMessage(m message) {
	k.decref(m.target)
	if m.result != 0 {
		k.decref(m.result)
	}
	for _, s := range m.data.Slots {
		k.decref(s)
	}
}

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
	k.incref(r)
	k.accept(event{kind: eventNotify, vat: vat, promise: r})
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
	k.promises.set(uint64(r), 0, p)
	k.settled.fresh(uint64(r), 0)
	k.settled.set(uint64(r), 0, data)
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
