package kernel

import (
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
)

// QueueOptions says what a host wants of a message that it queues.
type QueueOptions struct {
	OnReject RejectPolicy
	// Watch keeps the result until Release, so that PromiseResult can tell it.
	Watch bool
	// NoResult sends without a result promise.
	NoResult bool
}

// Queue sends a message to an object or promise of the kernel's, as if a vat
// had sent it. It runs nothing: see Run. It returns the result promise, or 0
// with NoResult. args is copied. An unknown target or slot, one that
// nobody holds any more, or a size over MaxBody or MaxSlots gives an error that wraps ErrBadArgument.
func (k *Kernel) Queue(target capdata.Kref, args capdata.KernelData, o QueueOptions) (result capdata.Kref, err error) {
	err = k.protect(func() error {
		if target.Kind() == capdata.Device {
			return fmt.Errorf("%w: %v is a device, messages go to objects and promises", ErrBadArgument, target)
		}
		if err := checkSize("the message", len(args.Body), len(args.Slots)); err != nil {
			return err
		}
		for _, r := range append([]capdata.Kref{target}, args.Slots...) {
			if !k.exists(r) {
				return fmt.Errorf("%w: there is no %v in the kernel", ErrBadArgument, r)
			}
			if !k.held(r) {
				return fmt.Errorf("%w: nobody holds %v any more, its vat has been or will be told so", ErrBadArgument, r)
			}
		}
		m := message{target: target, data: capdata.KernelData{Body: append([]byte{}, args.Body...), Slots: append([]capdata.Kref(nil), args.Slots...)}}
		if !o.NoResult {
			m.result = k.newPromise(0, o.OnReject)
			if o.Watch {
				k.interest(m.result)
			}
		}
		k.send(m)
		k.input()
		result = m.result
		return nil
	})
	return result, err
}

// held reports whether r may be given away: an object that nobody can reach is lost to
// its vat already, or soon.
func (k *Kernel) held(r capdata.Kref) bool {
	if r.Kind() != capdata.Object {
		return true
	}
	return k.object(r).reachable > 0 || k.inflight.get(r) > 0
}

// input ends a change that the host made between cranks.
func (k *Kernel) input() {
	k.settleRefcounts()
	k.flush(flushInput, false, 0)
}

func (k *Kernel) exists(r capdata.Kref) bool {
	switch {
	case r == 0:
	case r.Kind() == capdata.Object:
		_, ok := k.objects.get(uint64(r), 0)
		return ok
	case r.Kind() == capdata.Promise:
		_, ok := k.promises.get(uint64(r), 0)
		return ok
	}
	return false
}

// interest keeps a promise for the host.
func (k *Kernel) interest(r capdata.Kref) {
	p := k.promise(r)
	p.refs++
	p.watch++
	k.promises.set(uint64(r), 0, p)
}

// Watch keeps a promise until Release.
func (k *Kernel) Watch(r capdata.Kref) error {
	return k.protect(func() error {
		if r.Kind() != capdata.Promise || !k.exists(r) {
			return fmt.Errorf("%w: there is no promise %v in the kernel", ErrBadArgument, r)
		}
		k.interest(r)
		k.input()
		return nil
	})
}

// Release undoes one Watch, or the Watch of Queue.
func (k *Kernel) Release(r capdata.Kref) error {
	return k.protect(func() error {
		p, ok := k.promises.get(uint64(r), 0)
		if r.Kind() != capdata.Promise || !ok || p.watch == 0 {
			return fmt.Errorf("%w: %v is not watched", ErrBadArgument, r)
		}
		p.watch--
		k.promises.set(uint64(r), 0, p)
		k.decref(r)
		k.input()
		return nil
	})
}

// PromiseState is what a promise is now.
type PromiseState string

const (
	PromiseUnknown    PromiseState = "unknown" // never was, or nobody kept it
	PromiseUnresolved PromiseState = "unresolved"
	PromiseFulfilled  PromiseState = "fulfilled"
	PromiseRejected   PromiseState = "rejected"
)

// PromiseStatus tells what a promise is now.
func (k *Kernel) PromiseStatus(r capdata.Kref) (s PromiseState, err error) {
	err = k.protect(func() error {
		p, ok := k.promises.get(uint64(r), 0)
		if s = PromiseUnknown; ok && r.Kind() == capdata.Promise {
			s = PromiseState(p.state.String())
		}
		return nil
	})
	return s, err
}

// ErrUnresolved is returned by PromiseResult for a promise that has not settled.
var ErrUnresolved = errors.New("the promise has not settled")

// PromiseResult tells how a promise settled: the data belongs to the caller.
// Errors: ErrUnresolved; ErrBadArgument for a promise that nobody kept.
func (k *Kernel) PromiseResult(r capdata.Kref) (how capdata.Settlement, data capdata.KernelData, err error) {
	err = k.protect(func() error {
		p, ok := k.promises.get(uint64(r), 0)
		if r.Kind() != capdata.Promise || !ok {
			return fmt.Errorf("%w: there is no promise %v in the kernel", ErrBadArgument, r)
		}
		if p.state == unresolved {
			return fmt.Errorf("%w: %v", ErrUnresolved, r)
		}
		d := k.data(r)
		how = p.state.settlement()
		data = capdata.KernelData{Body: append([]byte{}, d.Body...), Slots: append([]capdata.Kref(nil), d.Slots...)}
		return nil
	})
	return how, data, err
}

// VatNamed gives the static vat of a name, if it lives.
func (k *Kernel) VatNamed(name string) (id VatID, err error) {
	err = k.protect(func() error {
		r, _ := k.roster.get(rowRoster, 0)
		for _, v := range r.vats {
			if v.name == name {
				if row := k.vat(v.id); row.ended {
					return fmt.Errorf("%w: vat %q has ended (%s)", ErrNoVat, name, row.fault)
				}
				id = v.id
				return nil
			}
		}
		return fmt.Errorf("%w: %q", ErrNoVat, name)
	})
	return id, err
}

// Root gives the root object of the static vat of a name.
func (k *Kernel) Root(name string) (root capdata.Kref, err error) {
	id, err := k.VatNamed(name)
	if err != nil {
		return 0, err
	}
	err = k.protect(func() error {
		if root = k.clist.byVref(id, capdata.Root); root == 0 {
			return fmt.Errorf("%w: vat %q has abandoned its root", ErrNoVat, name)
		}
		return nil
	})
	return root, err
}

// TerminateVat ends a vat from outside. Its pending results are rejected.
func (k *Kernel) TerminateVat(id VatID, reason string) error {
	return k.protect(func() error {
		if !k.alive(id) {
			return fmt.Errorf("%w: v%d", ErrNoVat, id)
		}
		k.terminate(ending{id, false, reason})
		k.closeWorker(id)
		k.input()
		return nil
	})
}

// Idle reports whether there is nothing left to do.
func (k *Kernel) Idle() (idle bool, err error) {
	err = k.protect(func() error {
		_, cut := k.batches.get(rowNotify, 0)
		s := &k.st
		idle = !cut && s.routed == s.nextEvent && s.runLen == 0 &&
			len(s.reap) == 0 && len(s.gc) == 0 && len(s.terminated) == 0
		return nil
	})
	return idle, err
}

// Commit makes all that was done since the last commit durable. A kernel that
// has panicked refuses.
func (k *Kernel) Commit() error {
	return k.protect(func() error {
		k.catchUp()
		must("commit", k.store.Commit())
		return nil
	})
}

// HostGet reads one of the host's own words; nil if it is absent.
func (k *Kernel) HostGet(key string) (value []byte, err error) {
	err = k.protect(func() error {
		value, err = k.store.HostGet(key)
		must("read host word", err)
		return nil
	})
	return value, err
}

// HostSet keeps a word of the host's own, such as a block height, in the same
// transaction as the kernel's state and outside all hashes. nil deletes it.
func (k *Kernel) HostSet(key string, value []byte) error {
	return k.protect(func() error {
		must("write host word", k.store.HostSet(key, value))
		return nil
	})
}

// ActivityHash is the chain of all crank hashes: it finds the crank at which two machines part.
func (k *Kernel) ActivityHash() [32]byte { return k.activity }

// StateRoot is the hash of the content: equal for equal state, whatever way led to it. It
// reads the whole state.
func (k *Kernel) StateRoot() (root [32]byte, err error) {
	err = k.protect(func() error {
		k.catchUp()
		root, err = stateRoot(k.store)
		must("read for the state root", err)
		return nil
	})
	return root, err
}

// Params gives the consensus parameters.
func (k *Kernel) Params() Params { return k.params }

// Cranks is the number of cranks since genesis; Deliveries those that entered a vat; GasUsed
// what they used.
func (k *Kernel) Cranks() uint64     { return k.st.crank }
func (k *Kernel) Deliveries() uint64 { return k.st.deliveries }
func (k *Kernel) GasUsed() uint64    { return k.st.gasUsed }

// Close frees the workers. What was not committed is rolled back when the store closes.
func (k *Kernel) Close() error {
	if k.dead == ErrClosed {
		return nil
	}
	if !k.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	defer k.busy.Store(false)
	k.closeWorkers()
	k.dead = ErrClosed
	return nil
}
