package bench

import (
	"bytes"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// trace is a run, recorded.
type trace struct {
	vats    []kernel.VatSpec
	steps   []step
	answers []answer
}

// step is a delivery that entered a vat, a flush or a commit.
type step struct {
	vat      kernel.VatID // 0: not a delivery
	delivery kernel.Delivery
	answers  [2]int // its part of trace.answers
	writes   []kernel.Write
	items    []kernel.TranscriptItem
	commit   bool
}

type answer struct {
	value []byte
	ok    bool
}

// recordingStore notes what is written.
type recordingStore struct {
	kernel.Store
	t *trace
}

func (s recordingStore) Flush(writes []kernel.Write, items []kernel.TranscriptItem) error {
	st := step{writes: make([]kernel.Write, len(writes)), items: make([]kernel.TranscriptItem, len(items))}
	for i, w := range writes {
		w.Key, w.Value = bytes.Clone(w.Key), bytes.Clone(w.Value)
		st.writes[i] = w
	}
	for i, it := range items {
		it.Data = bytes.Clone(it.Data)
		st.items[i] = it
	}
	s.t.steps = append(s.t.steps, st)
	return s.Store.Flush(writes, items)
}

func (s recordingStore) Commit() error {
	s.t.steps = append(s.t.steps, step{commit: true})
	return s.Store.Commit()
}

// recordingWorkers notes what enters the vats, and what they are answered.
type recordingWorkers struct {
	kernel.Workers
	t *trace
}

func (w recordingWorkers) Spawn(v kernel.VatSpec) (kernel.Worker, error) {
	w.t.vats = append(w.t.vats, v)
	one, err := w.Workers.Spawn(v)
	return recordingWorker{one, w.t, v.ID}, err
}

type recordingWorker struct {
	kernel.Worker
	t   *trace
	vat kernel.VatID
}

func (w recordingWorker) Deliver(d kernel.Delivery, sys kernel.Syscalls) (kernel.Outcome, error) {
	from := len(w.t.answers)
	out, err := w.Worker.Deliver(d, recordingSyscalls{sys, w.t})
	d.Payload = bytes.Clone(d.Payload)
	w.t.steps = append(w.t.steps, step{vat: w.vat, delivery: d, answers: [2]int{from, len(w.t.answers)}})
	return out, err
}

type recordingSyscalls struct {
	kernel.Syscalls
	t *trace
}

func (s recordingSyscalls) VatstoreGet(key []byte) ([]byte, bool, error) {
	v, ok, err := s.Syscalls.VatstoreGet(key)
	s.t.answers = append(s.t.answers, answer{bytes.Clone(v), ok})
	return v, ok, err
}

func (s recordingSyscalls) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	v, ok, err := s.Syscalls.VatstoreNextKey(prior)
	s.t.answers = append(s.t.answers, answer{bytes.Clone(v), ok})
	return v, ok, err
}

// answering answers a guest from a trace and does nothing else: it is no kernel.
type answering struct{ rest []answer }

func (a *answering) next() ([]byte, bool, error) {
	x := a.rest[0]
	a.rest = a.rest[1:]
	return x.value, x.ok, nil
}

func (a *answering) Send(capdata.Vref, capdata.CapData, capdata.Vref) error { return nil }
func (a *answering) Subscribe(capdata.Vref) error                           { return nil }

func (a *answering) Resolve(count int, record func(int) (capdata.Resolution, error)) error {
	for i := range count {
		if _, err := record(i); err != nil {
			return err
		}
	}
	return nil
}

func (a *answering) Exit(bool, capdata.CapData) error             { return nil }
func (a *answering) VatstoreGet([]byte) ([]byte, bool, error)     { return a.next() }
func (a *answering) VatstoreSet(_, _ []byte) error                { return nil }
func (a *answering) VatstoreDelete([]byte) error                  { return nil }
func (a *answering) VatstoreNextKey([]byte) ([]byte, bool, error) { return a.next() }
func (a *answering) DropImports([]capdata.Vref) error             { return nil }
func (a *answering) RetireImports([]capdata.Vref) error           { return nil }
func (a *answering) RetireExports([]capdata.Vref) error           { return nil }
func (a *answering) AbandonExports([]capdata.Vref) error          { return nil }

func (a *answering) CallNow(capdata.Vref, capdata.CapData) (bool, capdata.CapData, error) {
	return false, capdata.CapData{}, nil
}
