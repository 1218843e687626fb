package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/crankcase/crankcase/capdata"
	guest "github.com/crankcase/crankcase/guests/puppet"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/scenario/jsjson"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// gasLimit of a crank: scenarios are about the kernel, not about gas.
const gasLimit = 2_000_000_000

// Play plays a scenario on a fresh kernel in a temporary file, with puppets
// that run on engine, and returns the answer. engine was made with
// hostfuncs.HostFuncs() and stays the caller's. Errors are those of Player.Play.
func Play(sc *Scenario, engine runtime.Engine) (answer *jsjson.Object, err error) {
	dir, err := os.MkdirTemp("", "crankcase-scenario-")
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := sqlitestore.Open(filepath.Join(dir, "kernel.db"), &sqlitestore.Options{Create: true, UnsafeNoSync: true})
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	p := NewPlayer(sc)
	workers, err := worker.New(worker.Config{Engine: engine, Console: p.Console})
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer func() { err = errors.Join(err, workers.Close()) }()
	counted := &countedWorkers{Workers: workers}
	k, err := kernel.Initialize(store, counted, kernel.Genesis{DefaultGasLimit: gasLimit}, kernel.Options{})
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer func() { err = errors.Join(err, k.Close()) }()

	e := &engineKernel{kernel: k, harness: k.Harness(), workers: counted}
	for _, s := range sc.Steps {
		e.mayPanic = e.mayPanic || s.Queue != nil && s.Queue.Policy == "panic"
	}
	return p.Play(e)
}

// countedWorkers counts deliveries. Vats are never evicted here, so that none
// is a replay.
type countedWorkers struct {
	kernel.Workers
	deliveries int
}

func (c *countedWorkers) Spawn(v kernel.VatSpec) (kernel.Worker, error) {
	w, err := c.Workers.Spawn(v)
	if err != nil {
		return nil, err
	}
	return &countedWorker{w, c}, nil
}

type countedWorker struct {
	kernel.Worker
	counted *countedWorkers
}

func (c *countedWorker) Deliver(d kernel.Delivery, sys kernel.Syscalls) (kernel.Outcome, error) {
	c.counted.deliveries++
	return c.Worker.Deliver(d, sys)
}

// engineKernel is the Kernel of this module.
type engineKernel struct {
	kernel  *kernel.Kernel
	harness kernel.Harness
	workers *countedWorkers
	// mayPanic says that a message asks for a panic: then each crank is
	// committed, so that the dump after it shows the state before the crank.
	mayPanic bool
}

func (e *engineKernel) AddVat(name string, o VatOptions) (kernel.VatID, error) {
	return e.harness.AddVat(name, guest.Wasm, kernel.VatOptions{Pipelining: o.Pipelining, ReapInterval: o.ReapInterval, ReapGCKrefs: o.ReapGCKrefs}, o.CountStart)
}

func (e *engineKernel) Lookup(vat kernel.VatID, v capdata.Vref) (capdata.Kref, error) {
	return e.harness.Lookup(vat, v)
}

func (e *engineKernel) AddExport(vat kernel.VatID, v capdata.Vref, pin bool) (capdata.Kref, error) {
	return e.harness.AddExport(vat, v, pin)
}

func (e *engineKernel) AddImport(vat kernel.VatID, k capdata.Kref) (capdata.Vref, error) {
	return e.harness.AddImport(vat, k)
}

func (e *engineKernel) Queue(m Message) (capdata.Kref, error) {
	o := kernel.QueueOptions{NoResult: m.NoResult}
	switch m.Policy {
	case "ignore":
	case "logAlways", "logFailure":
		o.OnReject = kernel.Log
	case "panic":
		o.OnReject = kernel.Panic
	default:
		return 0, fmt.Errorf("there is no policy %q", m.Policy)
	}
	return e.kernel.Queue(m.Target, m.Data, o)
}

func (e *engineKernel) Watch(k capdata.Kref) error { return e.kernel.Watch(k) }

func (e *engineKernel) Pin(k capdata.Kref) error {
	if k.Kind() == capdata.Promise {
		return e.kernel.Watch(k)
	}
	return e.harness.Pin(k)
}

func (e *engineKernel) Reap(vat kernel.VatID) error { return e.harness.Reap(vat) }

func (e *engineKernel) Terminate(vat kernel.VatID, reason string) error {
	err := e.kernel.TerminateVat(vat, reason)
	if errors.Is(err, kernel.ErrNoVat) { // it has ended already: there that is nothing
		return nil
	}
	return err
}

func (e *engineKernel) Run(limit int, cleanup Cleanup) (int, error) {
	p := &policy{limit: limit, cleanup: cleanup}
	if !e.mayPanic {
		return e.run(p)
	}
	for total := 0; ; {
		if err := e.kernel.Commit(); err != nil {
			return total, err
		}
		p.limit = 1
		n, err := e.run(p)
		total += n
		if err != nil || n == 0 || total == limit {
			return total, err
		}
		p.cranks = 0
	}
}

func (e *engineKernel) run(p *policy) (int, error) {
	n, err := e.kernel.Run(p)
	var rejected *kernel.RejectedError
	if errors.As(err, &rejected) {
		return n, &Panic{Promise: rejected.Promise, Data: rejected.Data}
	}
	return n, err
}

func (e *engineKernel) Dump() (*kernel.Dump, error) { return e.kernel.Dump() }

func (e *engineKernel) Deliveries() int { return e.workers.deliveries }

// policy ends a run after limit cranks; 0: never.
type policy struct {
	limit, cranks int
	cleanup       Cleanup
}

func (p *policy) AllowCleanup() (bool, int) { return p.cleanup.Allow, p.cleanup.Budget }

func (p *policy) Cranked(kernel.CrankInfo) bool {
	p.cranks++
	return p.cranks != p.limit
}
