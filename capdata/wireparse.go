package capdata

import (
	"encoding/binary"
	"strconv"
)

// The parsers of this file read the wire form that wire.go writes. They are
// total: any bytes give a result or a *ParseError with the offset and what was
// expected there. They accept exactly what the encoders make, reserved words
// and padding included, so encoding a result gives the input again. They do not judge
// references (ask WellFormed) nor bits in flags.
//
// A Body in a result aliases the input, with its capacity cut; slots are
// copied. A call allocates at most four times the length of its input, and
// counts are checked against the bytes that are there before anything is
// allocated.

// wireReader walks over a payload. The first failed read leaves its error in
// err; later reads return zeros.
type wireReader struct {
	what string
	b    []byte
	off  int
	err  error
}

func (r *wireReader) fail(at int, expected, found string) {
	if r.err == nil {
		r.err = &ParseError{What: r.what, Offset: at, Expected: expected, Found: found}
	}
}

// take returns the next n bytes.
func (r *wireReader) take(n uint64, of string) []byte {
	if r.err != nil {
		return nil
	}
	if left := uint64(len(r.b) - r.off); n > left {
		r.fail(r.off, strconv.FormatUint(n, 10)+" bytes of "+of, strconv.FormatUint(left, 10)+" bytes")
		return nil
	}
	end := r.off + int(n)
	p := r.b[r.off:end:end]
	r.off = end
	return p
}

func (r *wireReader) u64(of string) uint64 {
	if p := r.take(8, of); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// pair reads two u32.
func (r *wireReader) pair(of string) (x, y uint32) {
	v := r.u64(of)
	return uint32(v), uint32(v >> 32)
}

// upTo checks a u32 that was read from offset at.
func (r *wireReader) upTo(at int, v, max uint32, of string) {
	if v > max {
		expected := of + " from 0 to " + strconv.FormatUint(uint64(max), 10)
		if max == 0 {
			expected = of + " 0"
		}
		r.fail(at, expected, strconv.FormatUint(uint64(v), 10))
	}
}

// refs reads n references.
func refs[R ~uint64](r *wireReader, n uint32, of string) []R {
	p := r.take(8*uint64(n), of)
	if len(p) == 0 {
		return nil
	}
	out := make([]R, n)
	for i := range out {
		out[i] = R(binary.LittleEndian.Uint64(p[8*i:]))
	}
	return out
}

// data reads capdata.
func data[R ~uint64](r *wireReader) Data[R] {
	slotCount, bodyLen := r.pair("capdata header")
	// Both lengths before the first allocation: slots are not copied for a
	// body that is not there.
	if r.err == nil && 8*uint64(slotCount)+uint64(bodyLen) > uint64(len(r.b)-r.off) {
		r.fail(r.off, strconv.FormatUint(8*uint64(slotCount)+uint64(bodyLen), 10)+" bytes of slots and body",
			strconv.Itoa(len(r.b)-r.off)+" bytes")
	}
	slots := refs[R](r, slotCount, "slots")
	return Data[R]{Slots: slots, Body: r.take(uint64(bodyLen), "body")}
}

// end returns the error, which is also there if bytes are left.
func (r *wireReader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail(r.off, "the end", strconv.Itoa(len(r.b)-r.off)+" more bytes")
	}
	return r.err
}

// ParseData parses capdata that fills b.
func ParseData[R ~uint64](b []byte) (Data[R], error) {
	r := wireReader{what: "capdata", b: b}
	d := data[R](&r)
	if err := r.end(); err != nil {
		return Data[R]{}, err
	}
	return d, nil
}

// ParseCapData is ParseData for capdata as a vat names things.
func ParseCapData(b []byte) (CapData, error) { return ParseData[Vref](b) }

// ParseStartVat parses the payload of a startVat.
func ParseStartVat(b []byte) (incarnation, flags uint32, params CapData, err error) {
	r := wireReader{what: "startVat", b: b}
	incarnation, flags = r.pair("incarnation and flags")
	params = data[Vref](&r)
	if err := r.end(); err != nil {
		return 0, 0, CapData{}, err
	}
	return incarnation, flags, params, nil
}

// ParseMessage parses the payload of a message. A result of 0 is none.
func ParseMessage(b []byte) (target, result Vref, args CapData, err error) {
	r := wireReader{what: "message", b: b}
	target = Vref(r.u64("target"))
	result = Vref(r.u64("result"))
	args = data[Vref](&r)
	if err := r.end(); err != nil {
		return 0, 0, CapData{}, err
	}
	return target, result, args, nil
}

// ParseNotify parses the payload of a notify. It also checks that a Settlement
// exists, and that ToObject has one slot.
func ParseNotify(b []byte) (rs []Resolution, more bool, err error) {
	r := wireReader{what: "notify", b: b}
	count, moreWord := r.pair("count and more")
	r.upTo(4, moreWord, 1, "more")
	const least = entryHeader + capDataHeader
	if r.err == nil && uint64(count) > uint64(len(b)-r.off)/least {
		r.fail(0, "at most "+strconv.Itoa((len(b)-r.off)/least)+" entries in the bytes that follow", strconv.FormatUint(uint64(count), 10))
	}
	if r.err != nil {
		return nil, false, r.err
	}
	if count > 0 {
		rs = make([]Resolution, count)
	}
	for i := range rs {
		if rs[i] = resolution(&r); r.err != nil {
			return nil, false, r.err
		}
	}
	if err := r.end(); err != nil {
		return nil, false, err
	}
	return rs, moreWord == 1, nil
}

// resolution reads an entry of a notify with its padding.
func resolution(r *wireReader) Resolution {
	promise := Vref(r.u64("promise"))
	at := r.off
	how, n := r.pair("kind and length")
	r.upTo(at, how, uint32(ToObject), "kind")
	start := r.off
	p := r.take(uint64(n), "capdata")
	if r.err != nil {
		return Resolution{}
	}
	inner := wireReader{what: r.what, b: r.b[:start+len(p)], off: start}
	d := data[Vref](&inner)
	if r.err = inner.end(); r.err != nil {
		return Resolution{}
	}
	if Settlement(how) == ToObject && len(d.Slots) != 1 {
		r.fail(start, "one slot for a promise that is fulfilled with an object", strconv.Itoa(len(d.Slots)))
	}
	at = r.off
	for _, c := range r.take(uint64(padding(int(n))), "padding") {
		r.upTo(at, uint32(c), 0, "a padding byte")
		at++
	}
	return Resolution{Promise: promise, How: Settlement(how), Data: d}
}

// ParseRefs parses the payload of a dropExports, retireExports or
// retireImports.
func ParseRefs(b []byte) ([]Vref, error) {
	r := wireReader{what: "references", b: b}
	count, zero := r.pair("count and 0")
	r.upTo(0, count, MaxRefs, "a count")
	r.upTo(4, zero, 0, "a reserved word")
	list := refs[Vref](&r, count, "references")
	if err := r.end(); err != nil {
		return nil, err
	}
	return list, nil
}

// ParseAnswer parses a device's answer to call_now.
func ParseAnswer(b []byte) (failed bool, answer CapData, err error) {
	r := wireReader{what: "answer", b: b}
	word, zero := r.pair("failed and 0")
	r.upTo(0, word, 1, "failed")
	r.upTo(4, zero, 0, "a reserved word")
	answer = data[Vref](&r)
	if err := r.end(); err != nil {
		return false, CapData{}, err
	}
	return word == 1, answer, nil
}
