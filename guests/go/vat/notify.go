package vat

import "slices"

const (
	howFulfilled = 0
	howRejected  = 1
	howToObject  = 2
)

// A batch is what a run of notifies tells of: promises whose names end with
// its last part. They are held until then, since the value of any may refer to
// any other.
type batchState struct {
	open     bool
	names    map[ref]bool
	promises []*Promise
	found    []ref // new promises in the batch's values, to be subscribed to
}

var batch batchState

func deliverNotify() {
	head := read(0, 8)
	count, more := le.Uint32(head), le.Uint32(head[4:]) == 1
	if !batch.open {
		batch = batchState{open: true, names: make(map[ref]bool, count)}
	}
	type entry struct {
		p       *Promise
		how, at uint32
	}
	entries := make([]entry, count)
	at := uint32(8)
	for i := range entries {
		b := read(at, 16)
		entries[i] = entry{batch.add(ref(le.Uint64(b))), le.Uint32(b[8:]), at + 16}
		at = (at + 16 + le.Uint32(b[12:]) + 7) &^ 7
	}
	for _, e := range entries {
		body, slots, ok := readCapdata(e.at)
		values, loans := arrive(slots)
		if ok {
			e.p.told = &told{e.how, slices.Clone(body), values}
		} else {
			e.p.err = errTooLarge
		}
		e.p.settle(loans)
	}
	if !more {
		batch.end()
	}
}

func (b *batchState) add(name ref) *Promise {
	p := promises[name]
	if p == nil {
		p = &Promise{ref: name}
		promises[name] = p
	}
	p.retain()
	p.visit = inBatch
	b.names[name] = true
	b.promises = append(b.promises, p)
	return p
}

func (b *batchState) end() {
	for _, r := range b.found {
		if !b.names[r] {
			hostSubscribe(r)
		}
	}
	for name := range b.names { // the names end; the order is of no consequence
		delete(promises, name)
	}
	b.cutCircles()
	ended := b.promises
	*b = batchState{}
	for _, p := range ended {
		p.release()
	}
}

// visit is how far cutCircles is with a promise.
type visit uint8

const (
	notInBatch visit = iota
	inBatch
	onPath
	seen
)

// cutCircles looks for promises whose values lead back to themselves, which
// would hold each other for ever, and makes the last of them hold the first no longer. A
// circle can only close within a batch.
func (b *batchState) cutCircles() {
	type step struct {
		p    *Promise
		next int // in p.loans
	}
	for _, first := range b.promises {
		if first.visit != inBatch {
			continue
		}
		first.visit = onPath
		path := []step{{p: first}}
		for len(path) > 0 {
			s := &path[len(path)-1]
			if s.next == len(s.p.loans) {
				s.p.visit = seen
				path = path[:len(path)-1]
				continue
			}
			q, ok := s.p.loans[s.next].(*Promise)
			switch {
			case ok && q.visit == inBatch:
				s.next++
				q.visit = onPath
				path = append(path, step{p: q})
			case ok && q.visit == onPath:
				s.p.loans = slices.Delete(s.p.loans, s.next, s.next+1)
				q.release()
			default:
				s.next++
			}
		}
	}
	for _, p := range b.promises {
		p.visit = notInBatch
	}
}
