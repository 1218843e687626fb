package kernel_test

import (
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// A mode is how a call of the store or of a worker fails.
type mode string

const (
	byError mode = "an error"               // and nothing done
	byLate  mode = "an error after the act" // which has to be rolled back
	byPanic mode = "a Go panic"
	byShort mode = "a row cut short"    // Get only
	byGas   mode = "more gas than lent" // Deliver only
)

var errInjected = errors.New("injected fault")

// injector fails the n-th call of one method, and counts the calls of all. It
// also holds the kernel to the rule that after an error the store is only asked to roll back.
type injector struct {
	method string
	n      int
	mode   mode

	calls      map[string]int
	fired      bool
	rolledBack bool
	broken     []string // rules that the kernel has broken
}

func (i *injector) arm(method string, n int, m mode) {
	*i = injector{method: method, n: n, mode: m, calls: map[string]int{}}
}

// hit counts a call and says how it fails; "": not at all. late is called by a method that is to
// fail after its act.
func (i *injector) hit(method string) mode {
	if i.fired && !i.rolledBack && method != "Close" && method != "WorkerClose" {
		i.broken = append(i.broken, fmt.Sprintf("%s is called after a fault, before Rollback", method))
	}
	i.calls[method]++
	if i.fired || method != i.method || i.calls[method] != i.n {
		return ""
	}
	i.fired = true
	if i.mode == byPanic {
		panic("injected panic")
	}
	return i.mode
}

// act does a call that only can fail.
func (i *injector) act(method string, do func() error) error {
	switch i.hit(method) {
	case byError:
		return errInjected
	case byLate:
		i.fired = false // what happens inside is no reaction to the fault
		err := do()
		i.fired = true
		return errors.Join(errInjected, err)
	}
	return do()
}

// faultyStore is a store whose calls fail as its injector says.
type faultyStore struct {
	kernel.Store
	*injector
}

func (s *faultyStore) Get(t kernel.Table, a, b uint64) ([]byte, uint64, error) {
	if s.mode == byShort { // only rows that are there count
		v, c, err := s.Store.Get(t, a, b)
		if len(v) > 0 && s.hit("Get") == byShort {
			v = v[:len(v)-1]
		}
		return v, c, err
	}
	if s.hit("Get") != "" {
		return nil, 0, errInjected
	}
	return s.Store.Get(t, a, b)
}

func (s *faultyStore) ByVref(vat kernel.VatID, v capdata.Vref) (capdata.Kref, []byte, error) {
	if s.hit("ByVref") != "" {
		return 0, nil, errInjected
	}
	return s.Store.ByVref(vat, v)
}

func (s *faultyStore) Importers(r capdata.Kref) ([]kernel.VatID, error) {
	if s.hit("Importers") != "" {
		return nil, errInjected
	}
	return s.Store.Importers(r)
}

func (s *faultyStore) Scan(t kernel.Table, a, from uint64, f func(b, c uint64, value []byte) bool) error {
	return s.act("Scan", func() error { return s.Store.Scan(t, a, from, f) })
}

func (s *faultyStore) ScanTable(t kernel.Table, f func(kernel.Write) bool) error {
	return s.act("ScanTable", func() error { return s.Store.ScanTable(t, f) })
}

func (s *faultyStore) GetKey(vat kernel.VatID, key []byte) ([]byte, bool, error) {
	if s.hit("GetKey") != "" {
		return nil, false, errInjected
	}
	return s.Store.GetKey(vat, key)
}

func (s *faultyStore) NextKey(vat kernel.VatID, after []byte) ([]byte, bool, error) {
	if s.hit("NextKey") != "" {
		return nil, false, errInjected
	}
	return s.Store.NextKey(vat, after)
}

func (s *faultyStore) Flush(w []kernel.Write, items []kernel.TranscriptItem) error {
	return s.act("Flush", func() error { return s.Store.Flush(w, items) })
}

func (s *faultyStore) Transcript(vat kernel.VatID, incarnation uint32, from uint64, f func(kernel.TranscriptItem) (bool, error)) error {
	return s.act("Transcript", func() error { return s.Store.Transcript(vat, incarnation, from, f) })
}

func (s *faultyStore) DropTranscript(vat kernel.VatID, most int) (n int, err error) {
	err = s.act("DropTranscript", func() (err error) {
		n, err = s.Store.DropTranscript(vat, most)
		return err
	})
	return n, err
}

func (s *faultyStore) PutBundle(b kernel.Bundle) error {
	return s.act("PutBundle", func() error { return s.Store.PutBundle(b) })
}

func (s *faultyStore) GetBundle(hash [32]byte) (kernel.Bundle, bool, error) {
	if s.hit("GetBundle") != "" {
		return kernel.Bundle{}, false, errInjected
	}
	return s.Store.GetBundle(hash)
}

func (s *faultyStore) HostGet(key string) ([]byte, error) {
	if s.hit("HostGet") != "" {
		return nil, errInjected
	}
	return s.Store.HostGet(key)
}

func (s *faultyStore) HostSet(key string, value []byte) error {
	return s.act("HostSet", func() error { return s.Store.HostSet(key, value) })
}

func (s *faultyStore) Commit() error { return s.act("Commit", s.Store.Commit) }

func (s *faultyStore) Rollback() error {
	s.rolledBack = true
	return s.Store.Rollback()
}

// faultyWorkers are workers whose calls fail in the same way.
type faultyWorkers struct {
	kernel.Workers
	*injector
}

func (w *faultyWorkers) Spawn(v kernel.VatSpec) (kernel.Worker, error) {
	if w.hit("Spawn") != "" {
		return nil, errInjected
	}
	one, err := w.Workers.Spawn(v)
	if err != nil {
		return nil, err
	}
	return &faultyWorker{one, w.injector}, nil
}

type faultyWorker struct {
	kernel.Worker
	*injector
}

func (w *faultyWorker) Deliver(d kernel.Delivery, sys kernel.Syscalls) (out kernel.Outcome, err error) {
	switch w.hit("Deliver") {
	case byError:
		return kernel.Outcome{}, errInjected
	case byLate:
		w.fired = false
		_, err := w.Worker.Deliver(d, sys)
		w.fired = true
		return kernel.Outcome{}, errors.Join(errInjected, err)
	case byGas:
		w.fired = false
		out, err := w.Worker.Deliver(d, sys)
		w.fired = true
		out.GasUsed = d.GasLimit + 1
		return out, err
	}
	return w.Worker.Deliver(d, sys)
}

// Close frees the worker in any case: the tests leave nothing open.
func (w *faultyWorker) Close() error {
	err := w.Worker.Close()
	if w.hit("WorkerClose") != "" {
		return errors.Join(errInjected, err)
	}
	return err
}
