package vat

import "errors"

type promiseState uint8

const (
	pending promiseState = iota
	fulfilled
	rejected
)

// A Promise is an answer that may not be there yet.
type Promise struct {
	ref   ref // its name while it is pending; 0 for one of the vat's own that was never sent
	local bool
	state promiseState
	value any
	err   error
	loans []counted // what value refers to
	holds int
	then  []func() // run in order when it settles
}

// decided is a promise that this vat has to settle: the result of a call, or
// one that it made and sent.
type decided struct {
	ref   ref
	p     *Promise // nil as long as only the kernel knows it
	calls []*Call  // to the promise, which arrived before it settled
}

// promise makes the promise visible to the vat's own code, where its name
// comes back to the vat that decides it.
func (d *decided) promise() *Promise {
	if d.p == nil {
		d.p = &Promise{ref: d.ref, local: true}
	}
	return d.p
}

// NewPromise returns a promise of the vat's own, which belongs to c, and the
// function that settles it: with a value, or with an error if err is not nil.
// Settling it a second time is nothing.
func NewPromise(c *Call) (p *Promise, settle func(v any, err error)) {
	p = &Promise{local: true}
	c.lend(p)
	return p, func(v any, err error) {
		if q, ok := v.(*Promise); ok && err == nil {
			q.check()
			q.whenSettled(func() { p.settleLocal(q.value, q.err) })
			return
		}
		p.settleLocal(v, err)
	}
}

func newPromiseRef() ref {
	r := promiseRef(nextPromise)
	nextPromise++
	return r
}

// Keep keeps p, and what it settles to, beyond the call that it belongs to. It
// returns p.
func (p *Promise) Keep() *Promise { p.check(); p.retain(); return p }

// Drop undoes one Keep.
func (p *Promise) Drop() { p.check(); p.release() }

func (p *Promise) retain() { p.holds++ }

func (p *Promise) release() {
	if p.holds--; p.holds == 0 && p.state != pending {
		giveBack(p.loans)
		p.value, p.loans = nil, nil
	}
}

func (p *Promise) check() {
	if p.holds == 0 {
		panic("vat: a promise was used after it was given back: call Keep on what is stored")
	}
}

// Await waits until p settles. It returns the value, what it refers to being
// on loan to c, or an error: an *Error if p was rejected with one, else a
// *Rejection. It may only be called by a method of the vat, on the goroutine that runs it.
func (p *Promise) Await(c *Call) (any, error) {
	p.check()
	if p.state == pending {
		p.retain() // who else keeps it may drop it meanwhile
		defer p.release()
		park(func(wake func()) { p.then = append(p.then, wake) })
	}
	for _, x := range p.loans {
		c.lend(x)
	}
	return p.value, p.err
}

// Send implements Target. Before p has settled the call is kept where p is
// decided, and then goes to what p was fulfilled with.
func (p *Promise) Send(c *Call, method string, args ...any) *Promise {
	p.check()
	if p.state == pending {
		if p.local {
			return p.sendLater(c, method, args)
		}
		return send(c, p.ref, method, args)
	}
	if t, err := p.target(); err != nil {
		q, settle := NewPromise(c)
		settle(nil, err)
		return q
	} else {
		return t.Send(c, method, args...)
	}
}

// SendOnly implements Target.
func (p *Promise) SendOnly(method string, args ...any) {
	p.check()
	if p.state == pending && !p.local {
		sendOnly(p.ref, method, args)
		return
	}
	loans := retainAll(args...)
	p.whenSettled(func() {
		if t, err := p.target(); err == nil {
			t.SendOnly(method, args...)
		}
		giveBack(loans)
	})
}

// sendLater sends once a promise that this vat decides has settled: the kernel
// would have to ask this vat.
func (p *Promise) sendLater(c *Call, method string, args []any) *Promise {
	answer, settle := NewPromise(c)
	answer.retain()
	later := &Call{loans: retainAll(args...)}
	p.whenSettled(func() {
		defer later.end()
		t, err := p.target()
		if err != nil {
			settle(nil, err)
		} else {
			settle(t.Send(later, method, args...), nil)
		}
		answer.release()
	})
	return answer
}

var errNoTarget = errors.New("cannot send to data")

// target returns what a settled promise's messages go to.
func (p *Promise) target() (Target, error) {
	if p.err != nil {
		return nil, p.err
	}
	if t, ok := p.value.(Target); ok {
		return t, nil
	}
	return nil, errNoTarget
}

// whenSettled runs f when p has settled, at once if it has.
func (p *Promise) whenSettled(f func()) {
	if p.state != pending {
		f()
		return
	}
	p.retain()
	p.then = append(p.then, func() { f(); p.release() })
}

// settle gives p its value. loans are what the value refers to, retained once.
func (p *Promise) settle(v any, err error, loans []counted) {
	p.ref = 0
	p.state, p.value, p.err, p.loans = fulfilled, v, err, loans
	if err != nil {
		p.state = rejected
	}
	then := p.then
	p.then = nil
	if p.holds == 0 {
		giveBack(loans)
		p.value, p.loans = nil, nil
	}
	for _, f := range then {
		jobs = append(jobs, f)
	}
}

// settleLocal settles a promise of the vat's own, for itself and, if it was
// sent, for others.
func (p *Promise) settleLocal(v any, err error) {
	if p.state != pending {
		return
	}
	r := p.ref
	if err != nil {
		v = nil
	}
	p.settle(v, err, retainAll(v))
	if r != 0 {
		resolve(r, v, err)
	}
}

// retainAll retains what values refer to, and returns it.
func retainAll(values ...any) (refs []counted) {
	for _, v := range values {
		switch v := v.(type) {
		case counted:
			v.retain()
			refs = append(refs, v)
		case []any:
			refs = append(refs, retainAll(v...)...)
		case Record:
			for _, x := range v { // the order is of no consequence: it only counts
				refs = append(refs, retainAll(x)...)
			}
		case *Tagged:
			refs = append(refs, retainAll(v.Payload)...)
		}
	}
	return refs
}
