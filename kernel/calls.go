package kernel

import (
	"encoding/binary"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
)

// op is a syscall in a log. The numbers are those of the transcript.
type op uint8

const (
	opSend            op = 1
	opSubscribe       op = 2
	opResolve         op = 3
	opExit            op = 4
	opVatstoreGet     op = 5
	opVatstoreSet     op = 6
	opVatstoreDelete  op = 7
	opVatstoreNextKey op = 8
	opDropImports     op = 9
	opRetireImports   op = 10
	opRetireExports   op = 11
	opAbandonExports  op = 12
	opCallNow         op = 13
)

var opNames = [...]string{"", "send", "subscribe", "resolve", "exit", "vatstore_get", "vatstore_set", "vatstore_delete",
	"vatstore_next_key", "drop_imports", "retire_imports", "retire_exports", "abandon_exports", "call_now"}

func (o op) String() string {
	if int(o) < len(opNames) && o != 0 {
		return opNames[o]
	}
	return "unknown syscall"
}

// call is a syscall that was checked.
type call struct {
	op             op
	failure        bool
	target, result capdata.Vref // subscribe: target is the promise
	data           capdata.CapData
	settle         []resolution
	refs           []capdata.Vref
	key, value     []byte
}

type resolution struct {
	promise capdata.Vref
	how     capdata.Settlement
	data    capdata.CapData
}

// append encodes a call as the transcript keeps it: what the guest asked for, in
// its own names.
func (c *call) append(e *encoder) {
	e.byte(byte(c.op))
	switch c.op {
	case opSend:
		e.vref(c.target)
		e.vref(c.result)
		e.capdata(c.data)
	case opSubscribe:
		e.vref(c.target)
	case opResolve:
		e.uint(uint64(len(c.settle)))
		for _, r := range c.settle {
			e.vref(r.promise)
			e.byte(byte(r.how))
			e.capdata(r.data)
		}
	case opExit:
		e.bool(c.failure)
		e.capdata(c.data)
	case opVatstoreGet, opVatstoreDelete, opVatstoreNextKey:
		e.bytes(c.key)
	case opVatstoreSet:
		e.bytes(c.key)
		e.bytes(c.value)
	case opDropImports, opRetireImports, opRetireExports, opAbandonExports:
		e.uint(uint64(len(c.refs)))
		for _, v := range c.refs {
			e.vref(v)
		}
	case opCallNow:
		e.vref(c.target)
		e.capdata(c.data)
	}
}

func (e *encoder) vref(v capdata.Vref) { e.uint(uint64(v)) }

func (e *encoder) capdata(c capdata.CapData) {
	e.bytes(c.Body)
	e.uint(uint64(len(c.Slots)))
	for _, v := range c.Slots {
		e.vref(v)
	}
}

// record logs a call that changes something, with an empty answer, and keeps it
// for apply. The call's slices are the caller's: what is kept is copied.
func (d *delivery) record(c call) error {
	if err := d.room(len(c.data.Body) + 8*len(c.data.Slots) + 8*len(c.refs) + len(c.key) + len(c.value)); err != nil {
		return err
	}
	if c.op != opResolve { // its records are kept already
		c.data = d.keep(c.data)
	}
	c.refs = d.keepRefs(c.refs)
	if c.key != nil {
		c.key = append([]byte(nil), c.key...)
	}
	if c.op == opVatstoreSet {
		c.value = append([]byte{}, c.value...)
	}
	d.append(&c)
	d.log.uint(0)
	d.calls = append(d.calls, c)
	return nil
}

// recordRead logs a call that asks for something, with what it was answered.
func (d *delivery) recordRead(c call, answer []byte, ok bool) error {
	if err := d.room(len(c.key) + len(answer)); err != nil {
		return err
	}
	d.append(&c)
	d.log.uint(uint64(len(answer)) + 1)
	d.log.bool(ok)
	d.log.raw(answer)
	return nil
}

// append puts the call's encoding, with its length in four bytes in front, at the
// log's end. What follows is the answer: 0, or its length + 1, a flag and the bytes.
func (d *delivery) append(c *call) {
	at := len(d.log)
	d.log = append(d.log, 0, 0, 0, 0)
	c.append(&d.log)
	binary.LittleEndian.PutUint32(d.log[at:], uint32(len(d.log)-at-4))
}

// room refuses a delivery whose log grows over the limit of a crank.
func (d *delivery) room(n int) error {
	if len(d.log)+n > d.k.params.MaxLog {
		return fault.New(fault.OverLimit, "", "the syscalls of this crank take more than %d bytes", d.k.params.MaxLog)
	}
	return nil
}

// keep copies capdata that belongs to the caller.
func (d *delivery) keep(c capdata.CapData) capdata.CapData {
	if c.Body != nil {
		c.Body = append([]byte(nil), c.Body...)
	}
	c.Slots = d.keepRefs(c.Slots)
	return c
}

func (d *delivery) keepRefs(v []capdata.Vref) []capdata.Vref {
	if len(v) == 0 {
		return nil
	}
	from := len(d.slots)
	d.slots = append(d.slots, v...)
	return d.slots[from:len(d.slots):len(d.slots)]
}

// apply carries a delivery's calls out, in order. Kernel ids come out as if each
// had acted at once. The overlay has checked everything: what fails here is the kernel's fault.
func (k *Kernel) apply(d *delivery) {
	vat := d.vat
	for i := range d.calls {
		c := &d.calls[i]
		switch c.op {
		case opSend:
			m := message{target: k.toKernel(vat, c.target)}
			m.data = k.toKernelData(vat, c.data)
			if c.result != 0 {
				m.result = k.toKernel(vat, c.result)
				p := k.promise(m.result)
				if p.decider != vat || p.state != unresolved {
					bug("v%d gives %v away, which it does not decide", vat, m.result)
				}
				p.decider = 0
				k.promises.set(uint64(m.result), 0, p)
			}
			k.send(m)
		case opSubscribe:
			k.subscribe(vat, k.toKernel(vat, c.target))
		case opResolve:
			k.applyResolve(vat, c.settle)
		case opExit:
			k.toKernelData(vat, c.data)
		case opVatstoreSet:
			k.vatstore.dirty[vatKey{vat, string(c.key)}] = cell[[]byte]{c.value, true}
		case opVatstoreDelete:
			k.vatstore.dirty[vatKey{vat, string(c.key)}] = cell[[]byte]{}
		case opDropImports:
			for _, v := range c.refs {
				k.clearReachable(vat, k.has(vat, v))
			}
		case opRetireImports:
			for _, v := range c.refs {
				k.deleteEntry(vat, k.has(vat, v))
			}
		case opRetireExports:
			for _, v := range c.refs {
				r := k.has(vat, v)
				k.deleteEntry(vat, r)
				k.retireObject(r)
			}
		case opAbandonExports:
			for _, v := range c.refs {
				k.orphan(vat, k.has(vat, v))
			}
		default:
			bug("%v cannot be applied", c.op)
		}
	}
}

func (k *Kernel) applyResolve(vat VatID, records []resolution) {
	type settling struct {
		r    capdata.Kref
		how  capdata.Settlement
		data capdata.KernelData
	}
	all := make([]settling, len(records))
	for i, r := range records {
		s := settling{r: k.toKernel(vat, r.promise), how: r.how}
		s.data = k.toKernelData(vat, r.data)
		all[i] = s
	}
	for _, s := range all {
		k.deleteEntry(vat, s.r)
	}
	for _, s := range all {
		if p := k.promise(s.r); p.decider != vat {
			bug("v%d resolves %v, which it does not decide", vat, s.r)
		}
		k.settle(s.r, stateOf(s.how), s.data)
	}
}

// has gives the kref of a name that the vat must have.
func (k *Kernel) has(vat VatID, v capdata.Vref) capdata.Kref {
	r := k.clist.byVref(vat, v)
	if r == 0 {
		bug("v%d names %v, which it does not have", vat, v)
	}
	return r
}

// item encodes a delivery for the transcript: kind, gas limit and use, the payload, then each
// call with its answer.
func (k *Kernel) item(dl Delivery, gasUsed uint64, d *delivery) []byte {
	e := k.itemBuf // emptied by catchUp
	from := len(e)
	e = append(e, byte(dl.Kind))
	e = binary.AppendUvarint(e, dl.GasLimit)
	e = binary.AppendUvarint(e, gasUsed)
	e = binary.AppendUvarint(e, uint64(len(dl.Payload)))
	e = append(e, dl.Payload...)
	e = append(e, d.log...)
	k.itemBuf = e
	return e[from:len(e):len(e)]
}
