package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
)

// The rows of the kernel's tables and their encodings. Encodings are part of
// the crank hash: they are canonical (one value, one encoding) and never change
// within a behaviour. Numbers are unsigned LEB128 (binary.Uvarint), strings and bytes
// carry their length in front.

// object is a row of TableObject.
type object struct {
	owner        VatID  // 0: orphaned
	reachable    uint64 // references that keep it reachable
	recognizable uint64 // references that can still tell it; at least reachable
}

type promiseState uint8

const (
	unresolved promiseState = iota
	fulfilled               // with data
	rejected
	toObject // fulfilled with an object: messages are routed to it
)

func (s promiseState) String() string {
	switch s {
	case unresolved:
		return "unresolved"
	case rejected:
		return "rejected"
	}
	return "fulfilled"
}

func stateOf(how capdata.Settlement) promiseState {
	switch how {
	case capdata.Rejected:
		return rejected
	case capdata.ToObject:
		return toObject
	}
	return fulfilled
}

func (s promiseState) settlement() capdata.Settlement {
	switch s {
	case rejected:
		return capdata.Rejected
	case toObject:
		return capdata.ToObject
	}
	return capdata.Fulfilled
}

// promise is a row of TablePromise. Large settled data lies in TableSettled, so that a
// change of the count does not write it again.
type promise struct {
	state       promiseState
	policy      RejectPolicy
	refs        uint64
	watch       uint64  // how many of refs are the host's interest
	decider     VatID   // 0: nobody; a message in a queue holds it as its result
	subscribers []VatID // ascending; never changed in place
	parked      uint64  // messages in TableParked, numbered from 0
	// data is how it settled, if that is small; a larger one is in TableSettled.
	data *capdata.KernelData
}

// maxInline is the size of settled data, slots of 8 bytes included, up to which it
// lies in the promise's own row.
const maxInline = 1 << 10

// clistRow is a row of TableCList.
type clistRow struct {
	vref      capdata.Vref
	reachable bool
}

// message is a send on its way.
type message struct {
	target capdata.Kref
	result capdata.Kref // 0: none
	data   capdata.KernelData
}

type eventKind uint8

const (
	eventSend     eventKind = 1
	eventNotify   eventKind = 2
	eventStartVat eventKind = 3
)

// event is a row of TableQueue; of TableParked too, always a send there.
type event struct {
	kind    eventKind
	vat     VatID        // notify, startVat
	promise capdata.Kref // notify
	msg     message      // send
}

// vatRow is a row of TableVat: what rarely changes.
type vatRow struct {
	name        string
	static      bool
	ended       bool // terminated; the row stays until clean-up is done
	options     VatOptions
	bundle      [32]byte
	parameters  capdata.KernelData
	incarnation uint32
	fault       string // why it ended
	swept       uint64 // how many of its own rows clean-up has counted
}

// vatState is a row of TableVatState: what changes with each delivery.
type vatState struct {
	nextObject, nextPromise, nextDevice uint64
	position                            uint64 // deliveries in its life: the next transcript position
	gasUsed                             uint64
	dirtDeliveries, dirtKrefs           uint64
	// The index after the highest that the vat has given to an object (without bit 3) or promise
	// of its own: what lies above is new.
	topObject, topPromise uint64
	transcript            [32]byte // rolling hash of the incarnation's transcript
}

// state is the one row of TableState that changes with each crank.
type state struct {
	crank                               uint64
	nextVat                             VatID
	nextObject, nextPromise, nextDevice uint64
	// Events are numbered as they are accepted, and both queues are one table:
	// from routed to nextEvent lies the acceptance queue, below routed the
	// run-queue, with gaps where an event was parked or splatted. So routing moves
	// no rows.
	nextEvent, routed    uint64
	runHead, runLen      uint64 // no event of the run-queue lies below runHead
	deliveries, gasUsed  uint64
	reap, terminated, gc []VatID // never changed in place
}

// Numbers of the rows of TableState.
const (
	rowState  = 1 // state, and behind it the activity hash, which no hash covers
	rowParams = 2
	rowRoster = 3 // static vats
	rowNotify = 4 // a notify batch that goes on in the next crank
)

// batch is the rest of a notify that was cut.
type batch struct {
	vat  VatID
	done int
	all  []capdata.Kref
}

type encoder []byte

func (e *encoder) uint(n uint64)   { *e = binary.AppendUvarint(*e, n) }
func (e *encoder) byte(b byte)     { *e = append(*e, b) }
func (e *encoder) bytes(b []byte)  { e.uint(uint64(len(b))); *e = append(*e, b...) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); *e = append(*e, s...) }
func (e *encoder) raw(b []byte)    { *e = append(*e, b...) }
func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (e *encoder) vats(v []VatID) {
	e.uint(uint64(len(v)))
	for _, x := range v {
		e.uint(uint64(x))
	}
}

func (e *encoder) data(d capdata.KernelData) {
	e.bytes(d.Body)
	e.uint(uint64(len(d.Slots)))
	for _, s := range d.Slots {
		e.uint(uint64(s))
	}
}

// decoder reads a row. A row that does not decode means that the file is
// damaged: it throws.
type decoder struct {
	what string
	b    []byte
}

func (d *decoder) bad() { throw("decode", fmt.Errorf("row of %s is damaged", d.what)) }

func (d *decoder) uint() uint64 {
	n, w := binary.Uvarint(d.b)
	if w <= 0 {
		d.bad()
	}
	d.b = d.b[w:]
	return n
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad()
	}
	x := d.b[0]
	d.b = d.b[1:]
	return x
}

func (d *decoder) bool() bool { return d.byte() != 0 }

func (d *decoder) raw(n int) []byte {
	if len(d.b) < n {
		d.bad()
	}
	x := d.b[:n:n]
	d.b = d.b[n:]
	return x
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.bad()
	}
	return d.raw(int(n))
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) { // each element takes a byte at least
		d.bad()
	}
	return int(n)
}

func (d *decoder) vats() []VatID {
	n := d.count()
	if n == 0 {
		return nil
	}
	v := make([]VatID, n)
	for i := range v {
		v[i] = VatID(d.uint())
	}
	return v
}

func (d *decoder) data() capdata.KernelData {
	var k capdata.KernelData
	k.Body = d.bytes()
	if n := d.count(); n > 0 {
		k.Slots = make([]capdata.Kref, n)
		for i := range k.Slots {
			k.Slots[i] = capdata.Kref(d.uint())
		}
	}
	return k
}

func (d *decoder) end() {
	if len(d.b) != 0 {
		d.bad()
	}
}

func encodeObject(e *encoder, o object) {
	e.uint(uint64(o.owner))
	e.uint(o.reachable)
	e.uint(o.recognizable)
}

func decodeObject(d *decoder) object {
	return object{VatID(d.uint()), d.uint(), d.uint()}
}

func encodePromise(e *encoder, p promise) {
	e.byte(byte(p.state))
	e.byte(byte(p.policy))
	e.uint(p.refs)
	e.uint(p.watch)
	e.uint(uint64(p.decider))
	e.vats(p.subscribers)
	e.uint(p.parked)
	e.bool(p.data != nil)
	if p.data != nil {
		e.data(*p.data)
	}
}

func decodePromise(d *decoder) promise {
	p := promise{promiseState(d.byte()), RejectPolicy(d.byte()), d.uint(), d.uint(), VatID(d.uint()), d.vats(), d.uint(), nil}
	if d.bool() {
		data := d.data()
		p.data = &data
	}
	return p
}

func encodeEvent(e *encoder, v event) {
	e.byte(byte(v.kind))
	switch v.kind {
	case eventSend:
		e.uint(uint64(v.msg.target))
		e.uint(uint64(v.msg.result))
		e.data(v.msg.data)
	case eventNotify:
		e.uint(uint64(v.vat))
		e.uint(uint64(v.promise))
	case eventStartVat:
		e.uint(uint64(v.vat))
	}
}

func decodeEvent(d *decoder) event {
	v := event{kind: eventKind(d.byte())}
	switch v.kind {
	case eventSend:
		v.msg = message{capdata.Kref(d.uint()), capdata.Kref(d.uint()), d.data()}
	case eventNotify:
		v.vat, v.promise = VatID(d.uint()), capdata.Kref(d.uint())
	case eventStartVat:
		v.vat = VatID(d.uint())
	default:
		d.bad()
	}
	return v
}

func encodeVat(e *encoder, v vatRow) {
	e.string(v.name)
	e.bool(v.static)
	e.bool(v.ended)
	e.bool(v.options.Pipelining)
	e.bool(v.options.Critical)
	e.string(string(v.options.OnFault))
	e.uint(v.options.ReapInterval)
	e.uint(v.options.ReapGCKrefs)
	e.uint(v.options.GasLimit)
	e.raw(v.bundle[:])
	e.data(v.parameters)
	e.uint(uint64(v.incarnation))
	e.string(v.fault)
	e.uint(v.swept)
}

func decodeVat(d *decoder) vatRow {
	v := vatRow{name: d.string(), static: d.bool(), ended: d.bool()}
	v.options = VatOptions{Pipelining: d.bool(), Critical: d.bool(), OnFault: FaultPolicy(d.string()),
		ReapInterval: d.uint(), ReapGCKrefs: d.uint(), GasLimit: d.uint()}
	copy(v.bundle[:], d.raw(32))
	v.parameters = d.data()
	v.incarnation = uint32(d.uint())
	v.fault = d.string()
	v.swept = d.uint()
	return v
}

func encodeVatState(e *encoder, v vatState) {
	for _, n := range [...]uint64{v.nextObject, v.nextPromise, v.nextDevice, v.position, v.gasUsed, v.dirtDeliveries, v.dirtKrefs,
		v.topObject, v.topPromise} {
		e.uint(n)
	}
	e.raw(v.transcript[:])
}

func decodeVatState(d *decoder) vatState {
	v := vatState{d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), [32]byte{}}
	copy(v.transcript[:], d.raw(32))
	return v
}

func encodeState(e *encoder, s state) {
	for _, n := range [...]uint64{s.crank, uint64(s.nextVat), s.nextObject, s.nextPromise, s.nextDevice,
		s.nextEvent, s.routed, s.runHead, s.runLen, s.deliveries, s.gasUsed} {
		e.uint(n)
	}
	e.vats(s.reap)
	e.vats(s.terminated)
	e.vats(s.gc)
}

func decodeState(d *decoder) state {
	return state{d.uint(), VatID(d.uint()), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(), d.uint(),
		d.uint(), d.uint(), d.vats(), d.vats(), d.vats()}
}

func encodeBatch(e *encoder, b batch) {
	e.uint(uint64(b.vat))
	e.uint(uint64(b.done))
	e.uint(uint64(len(b.all)))
	for _, k := range b.all {
		e.uint(uint64(k))
	}
}

func decodeBatch(d *decoder) batch {
	b := batch{vat: VatID(d.uint()), done: int(d.uint())}
	b.all = make([]capdata.Kref, d.count())
	for i := range b.all {
		b.all[i] = capdata.Kref(d.uint())
	}
	return b
}
