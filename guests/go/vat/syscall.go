package vat

import "errors"

// enc is used for one body at a time. Encoding can panic, so it is reset when
// it is taken and not when it is done.
var enc encoder

func encodeCall(method string, args []any) []lateResolve {
	enc.reset()
	if args == nil {
		args = []any{}
	}
	enc.call(method, args)
	return takeLate()
}

// takeLate takes the list away from enc, which settling it uses again.
func takeLate() []lateResolve {
	if len(enc.late) == 0 {
		return nil
	}
	late := enc.late
	enc.late = nil
	return late
}

func settleLate(late []lateResolve) {
	for _, l := range late {
		v, err := l.from.result()
		resolve(l.to, v, err)
	}
}

func checkTarget(target ref) {
	if target.kind() == kindDevice {
		panic("vat: a device takes no messages: use CallNow")
	}
}

func send(c *Call, target ref, method string, args []any) *Promise {
	checkTarget(target)
	late := encodeCall(method, args)
	p := &Promise{ref: newPromiseRef()}
	hostSend(target, enc.b, enc.slots, p.ref)
	hostSubscribe(p.ref)
	promises[p.ref] = p
	c.lend(p)
	settleLate(late)
	return p
}

func sendOnly(target ref, method string, args []any) {
	checkTarget(target)
	late := encodeCall(method, args)
	hostSend(target, enc.b, enc.slots, 0)
	settleLate(late)
}

var errOwnAnswer = errors.New("a promise cannot be its own answer")

// resolve settles a promise that this vat decides, if r is one, and lets the
// calls that came to it go on.
func resolve(r ref, v any, err error) {
	if r == 0 {
		return
	}
	d := deciding[r]
	if p, ok := v.(*Promise); ok && err == nil && d != nil && d.p == p {
		v, err = nil, errOwnAnswer
	}
	if p, ok := v.(*Promise); ok && err == nil {
		p.check()
		p.whenSettled(func() {
			v, err := p.result()
			resolve(r, v, err)
		})
		return
	}
	enc.reset()
	how := uint32(howFulfilled)
	switch x := v.(type) {
	case *Object:
		how = howToObject
	case *Remote:
		if x.ref.kind() == kindObject {
			how = howToObject
		}
	}
	if err != nil {
		how = howRejected
		enc.value(err)
	} else {
		enc.value(v)
	}
	late := takeLate()
	hostResolve(r, how, enc.b, enc.slots)
	delete(deciding, r)
	if d != nil && d.p != nil && !d.p.settled {
		d.p.value, d.p.err = v, err
		d.p.settle(retainAll(v))
	}
	settleLate(late)
	if d != nil && len(d.calls) > 0 {
		loans := retainAll(v)
		jobs = append(jobs, func() {
			for _, c := range d.calls {
				c.forward(v, err)
			}
			giveBack(loans)
		})
	}
}

// forward has a call go to what a promise settled to.
func (c *Call) forward(v any, err error) {
	switch t := v.(type) {
	case *Object:
		c.dispatch(t)
	default:
		to := targetOf(v)
		switch {
		case err != nil:
			c.reject(err)
		case to == nil:
			c.reject(errNoTarget)
		default:
			resolve(c.result, to.Send(c, c.method, c.args...), nil)
			c.end()
		}
	}
}

// CallNow calls a device, which answers at once. What the answer refers to is
// on loan to c. A device's failure is an error.
func (r *Remote) CallNow(c *Call, method string, args ...any) (any, error) {
	late := encodeCall(method, args)
	n := hostCallNow(r.live(), enc.b, enc.slots)
	answer := make([]byte, n)
	hostAnswer(answer, 0)
	settleLate(late)
	return decodeAnswer(c, answer)
}
