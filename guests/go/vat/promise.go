package vat

import "errors"

// A Promise is an answer that may not be there yet.
type Promise struct {
	ref     ref // its name while it is pending; 0 for one of the vat's own that was never sent
	local   bool
	settled bool
	visit   visit // while a batch is looked through
	told    *told // what the kernel told of it and nobody has read yet
	value   any   // see result
	err     error
	loans   []counted // what the value refers to
	holds   int
	then    []func() // run in order when it settles
}

// told is how a promise settled, as the kernel put it. It is decoded when
// somebody asks: nobody can make a vat decode what it does not want.
type told struct {
	how    uint32
	body   []byte
	values []any // what its slots stand for
}

// result returns the value or the error of a promise that has settled.
func (p *Promise) result() (any, error) {
	t := p.told
	if t == nil {
		return p.value, p.err
	}
	p.told = nil
	if t.how == howToObject {
		p.value = t.values[0]
		return p.value, nil
	}
	v, err := decode(t.body, t.values)
	switch {
	case err != nil:
		p.err = err
	case t.how == howRejected:
		if x, ok := v.(error); ok {
			p.err = x
		} else {
			p.err = &Rejection{v}
		}
	default:
		p.value = v
	}
	return p.value, p.err
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
			q.whenSettled(func() { p.settleLocal(q.result()) })
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
	if p.holds--; p.holds == 0 && p.settled {
		unwanted = append(unwanted, p)
		dropUnwanted()
	}
}

// unwanted are promises whose values nobody can read any more. It is a list,
// not a recursion: a chain of promises can be long.
var (
	unwanted []*Promise
	dropping bool
)

func dropUnwanted() {
	if dropping {
		return
	}
	dropping = true
	for len(unwanted) > 0 {
		p := unwanted[len(unwanted)-1]
		unwanted = unwanted[:len(unwanted)-1]
		loans := p.loans
		p.told, p.value, p.loans = nil, nil, nil
		giveBack(loans)
	}
	dropping = false
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
	if !p.settled {
		p.retain() // who else keeps it may drop it meanwhile
		defer p.release()
		park(func(wake func()) { p.then = append(p.then, wake) })
	}
	for _, x := range p.loans {
		c.lend(x)
	}
	return p.result()
}

// Send implements Target. Before p has settled the call is kept where p is
// decided, and then goes to what p was fulfilled with.
func (p *Promise) Send(c *Call, method string, args ...any) *Promise {
	p.check()
	if !p.settled {
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
	if !p.settled && !p.local {
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
	v, err := p.result()
	if err != nil {
		return nil, err
	}
	if t := targetOf(v); t != nil {
		return t, nil
	}
	return nil, errNoTarget
}

// targetOf returns v as what messages can be sent to, or nil.
func targetOf(v any) Target {
	if r, ok := v.(*Remote); ok && r.ref.kind() != kindObject {
		return nil // a device
	}
	t, _ := v.(Target)
	return t
}

// whenSettled runs f when p has settled, at once if it has.
func (p *Promise) whenSettled(f func()) {
	if p.settled {
		f()
		return
	}
	p.retain()
	p.then = append(p.then, func() { f(); p.release() })
}

// settle lets go on what waits for p, whose value has been put in place. loans
// are what the value refers to, retained once.
func (p *Promise) settle(loans []counted) {
	p.ref, p.settled, p.loans = 0, true, loans
	jobs = append(jobs, p.then...)
	p.then = nil
	if p.holds == 0 {
		unwanted = append(unwanted, p)
		dropUnwanted()
	}
}

// settleLocal settles a promise of the vat's own, for itself and, if it was
// sent, for others.
func (p *Promise) settleLocal(v any, err error) {
	if p.settled {
		return
	}
	r := p.ref
	if err != nil {
		v = nil
	}
	p.value, p.err = v, err
	p.settle(retainAll(v))
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
