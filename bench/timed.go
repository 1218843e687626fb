package bench

import (
	"time"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// timedWorkers times the guests' own code as it runs in a kernel: each delivery, less what
// the kernel does in the syscalls that it makes.
func timedWorkers(w kernel.Workers, t *times) kernel.Workers { return timing{w, t} }

type timing struct {
	kernel.Workers
	t *times
}

func (w timing) Spawn(v kernel.VatSpec) (kernel.Worker, error) {
	one, err := w.Workers.Spawn(v)
	return &timedWorker{Worker: one, t: w.t, vat: v.ID}, err
}

type timedWorker struct {
	kernel.Worker
	t   *times
	vat kernel.VatID
	sys timedSyscalls
}

func (w *timedWorker) Deliver(d kernel.Delivery, sys kernel.Syscalls) (kernel.Outcome, error) {
	w.sys = timedSyscalls{Syscalls: sys}
	start := time.Now()
	out, err := w.Worker.Deliver(d, &w.sys)
	w.t.wasm[w.vat] += time.Since(start) - w.sys.spent
	return out, err
}

// timedSyscalls adds up the time of the syscalls that the exchange's vats make.
type timedSyscalls struct {
	kernel.Syscalls
	spent time.Duration
}

func (s *timedSyscalls) since(start time.Time) { s.spent += time.Since(start) }

func (s *timedSyscalls) Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error {
	defer s.since(time.Now())
	return s.Syscalls.Send(target, args, result)
}

func (s *timedSyscalls) Subscribe(p capdata.Vref) error {
	defer s.since(time.Now())
	return s.Syscalls.Subscribe(p)
}

func (s *timedSyscalls) Resolve(count int, record func(int) (capdata.Resolution, error)) error {
	defer s.since(time.Now())
	return s.Syscalls.Resolve(count, record)
}

func (s *timedSyscalls) DropImports(v []capdata.Vref) error {
	defer s.since(time.Now())
	return s.Syscalls.DropImports(v)
}

func (s *timedSyscalls) RetireImports(v []capdata.Vref) error {
	defer s.since(time.Now())
	return s.Syscalls.RetireImports(v)
}

func (s *timedSyscalls) RetireExports(v []capdata.Vref) error {
	defer s.since(time.Now())
	return s.Syscalls.RetireExports(v)
}
