package capdata

import (
	"encoding/binary"
	"math"
	"slices"
)

// The wire form of deliveries: little-endian, every u64 at a multiple of 8
// from the payload's start. The encoders of this file append to a buffer that
// the caller owns and grow it at most once; they allocate nothing else and
// keep nothing. They take what the kernel has checked: a body or list that does not fit
// a u32, or more than MaxRefs references, is a bug of the caller and panics,
// since a cut length would be read as something else.

// FlagPipelining is bit 0 of startVat's flags: the vat takes messages to
// promises that it decides.
const FlagPipelining uint32 = 1 << 0

// MaxRefs is how many references one dropExports, retireExports or
// retireImports holds; the rest goes in further deliveries.
const MaxRefs = 1000

const (
	capDataHeader  = 8  // u32 slot_count, u32 body_len
	startVatHeader = 8  // u32 incarnation, u32 flags
	messageHeader  = 16 // u64 target, u64 result
	notifyHeader   = 8  // u32 count, u32 more
	entryHeader    = 16 // u64 promise, u32 kind, u32 n
	refsHeader     = 8  // u32 count, u32 0
	answerHeader   = 8  // u32 failed, u32 0
)

// WireLen returns the length of d's wire form in bytes.
func (d Data[R]) WireLen() int { return capDataHeader + 8*len(d.Slots) + len(d.Body) }

// WireLen returns how many bytes r takes in a notify, padding included.
func (r Resolution) WireLen() int { return entryHeader + r.Data.WireLen() + padding(r.Data.WireLen()) }

// padding returns how many bytes are missing in n to a multiple of 8.
func padding(n int) int { return -n & 7 }

// count32 returns n as a u32, and panics if it does not fit.
func count32(n int) uint32 {
	if uint64(n) > math.MaxUint32 {
		panic("capdata: a length over 2^32-1 has no wire form")
	}
	return uint32(n)
}

// AppendData appends the wire form of d: u32 slot_count, u32 body_len, the
// slots, the body. It panics if a length does not fit a u32.
func AppendData[R ~uint64](b []byte, d Data[R]) []byte {
	slots, body := count32(len(d.Slots)), count32(len(d.Body))
	b = slices.Grow(b, d.WireLen())
	b = appendPair(b, slots, body)
	b = appendRefs(b, d.Slots)
	return append(b, d.Body...)
}

// AppendCapData is AppendData for capdata as a vat names things.
func AppendCapData(b []byte, d CapData) []byte { return AppendData(b, d) }

// AppendStartVat appends the payload of a startVat. incarnation counts from 1;
// flags are the Flag constants.
func AppendStartVat(b []byte, incarnation, flags uint32, params CapData) []byte {
	b = slices.Grow(b, startVatHeader+params.WireLen())
	return AppendData(appendPair(b, incarnation, flags), params)
}

// AppendMessage appends the payload of a message. result is 0 for none.
func AppendMessage(b []byte, target, result Vref, args CapData) []byte {
	b = slices.Grow(b, messageHeader+args.WireLen())
	b = binary.LittleEndian.AppendUint64(b, uint64(target))
	b = binary.LittleEndian.AppendUint64(b, uint64(result))
	return AppendData(b, args)
}

// AppendNotify appends the payload of a notify. more says that the batch goes
// on in the next one. Entries are padded with zeros to a multiple of 8; the
// length in an entry is the one without padding.
func AppendNotify(b []byte, rs []Resolution, more bool) []byte {
	size := notifyHeader
	for i := range rs {
		size += rs[i].WireLen()
	}
	b = slices.Grow(b, size)
	b = appendPair(b, count32(len(rs)), bit(more))
	for i := range rs {
		r := &rs[i]
		n := r.Data.WireLen()
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Promise))
		b = appendPair(b, uint32(r.How), count32(n))
		b = AppendData(b, r.Data)
		b = append(b, "\x00\x00\x00\x00\x00\x00\x00"[:padding(n)]...)
	}
	return b
}

// AppendRefs appends the payload of a dropExports, retireExports or
// retireImports. It panics if there are more than MaxRefs.
func AppendRefs(b []byte, refs []Vref) []byte {
	if len(refs) > MaxRefs {
		panic("capdata: more references than one delivery holds")
	}
	b = slices.Grow(b, refsHeader+8*len(refs))
	return appendRefs(appendPair(b, uint32(len(refs)), 0), refs)
}

// AppendAnswer appends a device's answer to call_now.
func AppendAnswer(b []byte, failed bool, answer CapData) []byte {
	b = slices.Grow(b, answerHeader+answer.WireLen())
	return AppendData(appendPair(b, bit(failed), 0), answer)
}

// appendPair appends two u32.
func appendPair(b []byte, x, y uint32) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(x)|uint64(y)<<32)
}

// appendRefs appends the references alone.
func appendRefs[R ~uint64](b []byte, refs []R) []byte {
	for _, r := range refs {
		b = binary.LittleEndian.AppendUint64(b, uint64(r))
	}
	return b
}

func bit(x bool) uint32 {
	if x {
		return 1
	}
	return 0
}
