package kernel

import "github.com/crankcase/crankcase/capdata"

// References that messages and notifies in the queues hold are not in the rows of what
// they refer to: they are counted in memory, from the queues themselves. Nearly every
// crank takes an event from a queue or puts one there, and would else write a row for each
// thing that the event mentions. The counts follow from TableQueue and TableParked, so a restart
// counts them again.

// inflight counts the references of the queues.
type inflight struct {
	clean map[capdata.Kref]uint64 // as flushed; never 0
	dirty rows[capdata.Kref, uint64]
}

func (f *inflight) get(r capdata.Kref) uint64 {
	if n, ok := f.dirty.get(r); ok {
		return n
	}
	return f.clean[r]
}

func (f *inflight) flushed() {
	for i := range f.dirty.list {
		e := &f.dirty.list[i]
		if e.v == 0 {
			delete(f.clean, e.k)
		} else {
			f.clean[e.k] = e.v
		}
	}
	f.dirty.reset()
}

// hold counts one mention of r in a queue.
func (k *Kernel) hold(r capdata.Kref) { k.inflight.dirty.set(r, k.inflight.get(r)+1) }

// unhold undoes hold. What nobody refers to any more is looked at when the crank ends.
func (k *Kernel) unhold(r capdata.Kref) {
	n := k.inflight.get(r)
	if n == 0 {
		bug("no queue mentions %v", r)
	}
	n--
	k.inflight.dirty.set(r, n)
	if n > 0 {
		return
	}
	switch r.Kind() {
	case capdata.Promise:
		if k.promise(r).refs == 0 {
			k.free.add(r)
		}
	case capdata.Object:
		if o, ok := k.objects.get(uint64(r), 0); ok && (o.reachable == 0 || o.recognizable == 0) {
			k.free.add(r)
		}
	}
}

// mentions calls f for each reference of an event, in the order in which they are let go of.
func (e *event) mentions(f func(capdata.Kref)) {
	switch e.kind {
	case eventSend:
		f(e.msg.target)
		if e.msg.result != 0 {
			f(e.msg.result)
		}
		for _, s := range e.msg.data.Slots {
			f(s)
		}
	case eventNotify:
		f(e.promise)
	}
}

// countInflight counts what the stored queues hold.
func countInflight(s Store) (map[capdata.Kref]uint64, error) {
	counts := map[capdata.Kref]uint64{}
	for _, t := range []Table{TableQueue, TableParked} {
		err := s.ScanTable(t, func(w Write) bool {
			d := decoder{tableNames[t], w.Value}
			e := decodeEvent(&d)
			d.end()
			e.mentions(func(r capdata.Kref) { counts[r]++ })
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}
