package vat

import (
	"encoding/binary"
	"errors"
)

// MaxBody is the largest body, in bytes, that is read unless the vat says
// otherwise. A message with a larger one is rejected, and so is a promise. Any body of
// this size is decoded for less than half of the kernel's default gas limit.
const MaxBody = 32 << 10

// maxSlots is the most references that are looked at in one body.
const maxSlots = 10000

// Vat is what a vat is made of.
type Vat struct {
	// Start is called once in the life of an incarnation, before anything
	// else. parameters are those of the vat's configuration. An error is the end of the
	// vat. Start may not await: it has to be done when it returns.
	Start func(c *Call, incarnation uint32, parameters any) error
	// Methods are those of the root object.
	Methods Methods
	// MaxBody replaces the constant MaxBody, for a vat with another gas limit. 0: MaxBody.
	MaxBody uint32
}

var served Vat

// Serve says what the vat is. It is called once, from an init function.
func Serve(v Vat) {
	if v.MaxBody == 0 {
		v.MaxBody = MaxBody
	}
	served = v
	reset()
}

const (
	startVat = 1 + iota
	message
	notify
	dropExports
	retireExports
	retireImports
	reap
)

var (
	le     = binary.LittleEndian
	buffer []byte
)

// read returns n bytes of the payload. They are valid until the next read.
func read(offset, n uint32) []byte {
	if int(n) > cap(buffer) {
		buffer = make([]byte, 2*n)
	}
	b := buffer[:n]
	hostRead(b, offset)
	return b
}

// deliver serves a delivery of n bytes.
func deliver(kind, n uint32) {
	switch kind {
	case startVat:
		deliverStart()
	case message:
		deliverMessage()
	case notify:
		deliverNotify()
	case retireExports:
		eachRef(n, retireExport)
	case retireImports:
		eachRef(n, retireImport)
	case reap:
		bringOutYourDead()
	case dropExports: // retireExports will follow; until then the name stays
	}
	runJobs()
}

func eachRef(n uint32, f func(ref)) {
	for b := read(0, n)[8:]; len(b) > 0; b = b[8:] {
		f(ref(le.Uint64(b)))
	}
}

// readCapdata reads the capdata at an offset. Of one that is too large it
// returns only the slots, and ok = false. body is valid until the next read.
func readCapdata(at uint32) (body []byte, slots []ref, ok bool) {
	head := read(at, 8)
	count, size := le.Uint32(head), le.Uint32(head[4:])
	if ok = count <= maxSlots && size <= served.MaxBody; !ok {
		size = 0
	}
	b := read(at+8, 8*count+size)
	if count > 0 {
		slots = make([]ref, count)
		for i := range slots {
			slots[i] = ref(le.Uint64(b[8*i:]))
		}
	}
	return b[8*count:], slots, ok
}

func deliverStart() {
	reset()
	incarnation := le.Uint32(read(0, 4))
	// Names of an earlier incarnation may still be in the kernel's tables.
	nextPromise = uint64(incarnation-1)<<32 + 1
	nextObject = nextPromise
	objects[rootRef] = &Object{methods: served.Methods, ref: rootRef}
	c := &Call{method: "start"}
	body, slots, ok := readCapdata(8)
	parameters, err := decode(body, c.take(slots))
	if !ok || err != nil {
		fault("vatParameters do not decode")
	}
	if served.Start == nil {
		return
	}
	finished := false
	start(func() {
		if err := served.Start(c, incarnation, parameters); err != nil {
			fault("start: " + err.Error())
		}
		finished = true
	})
	c.end()
	if !finished {
		fault("start: it may not await")
	}
}

// fault ends the vat. It does not return.
func fault(text string) {
	const most = 1024
	hostFault(text[:min(len(text), most)])
	panic("unreachable")
}

// take lends c what slots stand for.
func (c *Call) take(slots []ref) []any {
	values, loans := arrive(slots)
	c.loans = append(c.loans, loans...)
	return values
}

var (
	errTooLarge   = errors.New("message too large for this vat")
	errNoCall     = errors.New("malformed call")
	errNoMethod   = errors.New("no such method")
	errNoSuchName = errors.New("no such object")
)

func deliverMessage() {
	head := read(0, 16)
	target := ref(le.Uint64(head))
	c := &Call{result: ref(le.Uint64(head[8:]))}
	body, slots, ok := readCapdata(16)
	if c.result != 0 {
		deciding[c.result] = &decided{ref: c.result}
	}
	refs := c.take(slots)
	if !ok {
		c.reject(errTooLarge)
		return
	}
	v, err := decode(body, refs)
	call, isCall := v.([]any)
	if err != nil || !isCall || len(call) != 2 {
		c.reject(errNoCall)
		return
	}
	var okMethod, okArgs bool
	c.method, okMethod = call[0].(string)
	c.args, okArgs = call[1].([]any)
	if !okMethod || !okArgs {
		c.reject(errNoCall)
		return
	}
	if d := deciding[target]; d != nil && target != c.result {
		d.calls = append(d.calls, c)
		return
	}
	c.dispatch(objects[target])
}

// reject ends a call that did not reach a method.
func (c *Call) reject(err error) {
	resolve(c.result, nil, err)
	c.end()
}

// dispatch has o serve the call.
func (c *Call) dispatch(o *Object) {
	if o == nil {
		c.reject(errNoSuchName)
		return
	}
	f := o.methods[c.method]
	if f == nil {
		c.reject(errNoMethod)
		return
	}
	start(func() { c.serve(f) })
}

// serve runs a method and settles the result. A panic, be it of the method or
// because its value cannot be sent, rejects it.
func (c *Call) serve(f func(*Call) (any, error)) {
	defer c.end()
	defer func() {
		if r := recover(); r != nil {
			resolve(c.result, nil, errors.New(c.method+" panicked: "+panicText(r)))
		}
	}()
	v, err := f(c)
	if v == nil && err == nil {
		v = Undefined{}
	}
	resolve(c.result, v, err)
}

func panicText(r any) string {
	switch r := r.(type) {
	case error:
		return r.Error()
	case string:
		return r
	}
	return "with a value that is no text"
}
