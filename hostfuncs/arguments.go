package hostfuncs

import (
	"encoding/binary"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
)

// The arguments of an import are checked in three passes, each in the order of
// the arguments: limits of lengths and counts, then ranges of memory, then
// contents. All arithmetic is on 64 bits, with i32s taken as unsigned.

// arg returns parameter i, an i32, as unsigned.
func arg(stack []uint64, i int) uint64 { return uint64(uint32(stack[i])) }

// fault returns a guest fault of the import that runs, with a formatted text.
// In a record of a resolve the text begins with the record's number.
func (g *Guest) fault(code fault.Code, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if g.record >= 0 {
		text = fmt.Sprintf("record %d: %s", g.record, text)
	}
	return &fault.Guest{Code: code, Import: g.imp.title, Text: text}
}

// limit checks a length or count against max, which is at most maxLength.
func (g *Guest) limit(what string, n uint64, max uint32) error {
	if n <= uint64(max) {
		return nil
	}
	return g.overLimit(what, n, max)
}

func (g *Guest) overLimit(what string, n uint64, max uint32) error {
	if n > maxLength {
		return g.fault(fault.OverLimit, "%s is %d, more than 2^31-1", what, n)
	}
	return g.fault(fault.OverLimit, "%s is %d, the limit is %d", what, n, max)
}

// view takes hold of the guest's memory for the checks and copies of one call.
func (g *Guest) view() { g.mem = g.inst.Memory() }

// within checks that a range lies in memory. Of an empty one the pointer is
// not looked at.
func (g *Guest) within(what string, ptr, n uint64) error {
	if n == 0 || ptr+n <= uint64(len(g.mem)) {
		return nil
	}
	return g.fault(fault.BadRange, "%s %#x+%d lies outside memory (%d bytes)", what, ptr, n, len(g.mem))
}

// inside is within for imports that answer with an error number.
func (g *Guest) inside(ptr, n uint64) bool { return n == 0 || ptr+n <= uint64(len(g.mem)) }

// bytes returns a range of memory that has been checked, as the memory itself.
// It is never nil.
func (g *Guest) bytes(ptr, n uint64) []byte {
	if n == 0 {
		return []byte{}
	}
	return g.mem[ptr : ptr+n : ptr+n]
}

// vrefs decodes a checked array of references into the guest's scratch list,
// which the next call of vrefs overwrites.
func (g *Guest) vrefs(ptr, count uint64) []capdata.Vref {
	if count == 0 {
		return nil
	}
	if uint64(cap(g.slots)) < count {
		g.slots = make([]capdata.Vref, count)
	}
	list := g.slots[:count]
	src := g.mem[ptr : ptr+count*8]
	for i := range list {
		list[i] = capdata.Vref(binary.LittleEndian.Uint64(src[i*8:]))
	}
	return list
}

// A capdataArg is capdata as imports take it: two pointers with their lengths.
type capdataArg struct{ body, bodyLen, slots, slotCount uint64 }

// capdataArgs takes four parameters from i on.
func capdataArgs(stack []uint64, i int) capdataArg {
	return capdataArg{arg(stack, i), arg(stack, i+1), arg(stack, i+2), arg(stack, i+3)}
}

// check checks limits, then ranges, and charges for the sizes.
func (c capdataArg) check(g *Guest) error {
	if err := g.limit("body_len", c.bodyLen, g.limits.MaxBody); err != nil {
		return err
	}
	if err := g.limit("slot_count", c.slotCount, g.limits.MaxSlots); err != nil {
		return err
	}
	if err := g.within("body", c.body, c.bodyLen); err != nil {
		return err
	}
	if err := g.within("slots", c.slots, c.slotCount*8); err != nil {
		return err
	}
	return g.chargeData(c.bodyLen, c.slotCount)
}

// data returns the capdata after check; it is valid until the next call of vrefs.
func (c capdataArg) data(g *Guest) capdata.CapData {
	return capdata.CapData{Body: g.bytes(c.body, c.bodyLen), Slots: g.vrefs(c.slots, c.slotCount)}
}

// keyLimit checks the length of a vatstore key.
func (g *Guest) keyLimit(n uint64) error {
	if n == 0 {
		return g.fault(fault.BadArgument, "key_len is 0, a key has 1 to %d bytes", g.limits.MaxKey)
	}
	return g.limit("key_len", n, g.limits.MaxKey)
}
