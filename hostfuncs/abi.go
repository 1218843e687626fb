package hostfuncs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
)

// copyOut serves imports of the form (dst, offset, len).
func (g *Guest) copyOut(stack []uint64, what string, src []byte) error {
	dst, offset, n := arg(stack, 0), arg(stack, 1), arg(stack, 2)
	if err := g.limit("len", n, maxLength); err != nil {
		return err
	}
	g.view()
	if err := g.within("dst", dst, n); err != nil {
		return err
	}
	if offset+n > uint64(len(src)) {
		return g.fault(fault.BadRange, "offset %d+%d lies past the end of the %s (%d bytes)", offset, n, what, len(src))
	}
	if err := g.charge(words(n) * gasCopyWord); err != nil {
		return err
	}
	copy(g.bytes(dst, n), src[offset:offset+n])
	return nil
}

func (g *Guest) read(stack []uint64) error       { return g.copyOut(stack, "payload", g.payload) }
func (g *Guest) answerRead(stack []uint64) error { return g.copyOut(stack, "answer", g.answer) }
func (g *Guest) bundleRead(stack []uint64) error { return g.copyOut(stack, "data blob", g.blob) }

func (g *Guest) bundleLen(stack []uint64) error {
	stack[0] = uint64(len(g.blob))
	return nil
}

func (g *Guest) send(stack []uint64) error {
	target, args, result := stack[0], capdataArgs(stack, 1), stack[5]
	g.view()
	if err := args.check(g); err != nil {
		return err
	}
	return g.sys.Send(capdata.Vref(target), args.data(g), capdata.Vref(result))
}

func (g *Guest) subscribe(stack []uint64) error {
	return g.sys.Subscribe(capdata.Vref(stack[0]))
}

// recordSize is the size of a record of resolve.
const recordSize = 32

func (g *Guest) resolve(stack []uint64) error {
	records, count := arg(stack, 0), arg(stack, 1)
	if err := g.limit("count", count, g.limits.MaxSlots); err != nil {
		return err
	}
	if count == 0 {
		return nil
	}
	g.view()
	if err := g.within("records", records, count*recordSize); err != nil {
		return err
	}
	if err := g.charge(count * gasRecord); err != nil {
		return err
	}
	g.records, g.badRecord = g.mem[records:records+count*recordSize], nil
	err := g.sys.Resolve(int(count), g.nextRecord)
	if g.badRecord != nil && err != g.badRecord {
		return errors.Join(fmt.Errorf("hostfuncs: resolve: the kernel did not stop at a bad record: %v", g.badRecord), err)
	}
	return err
}

// readRecord gives the kernel record i of the resolve that runs.
func (g *Guest) readRecord(i int) (capdata.Resolution, error) {
	g.record = i
	r, err := g.resolution(g.records[i*recordSize:])
	g.record = -1
	if err != nil {
		g.badRecord = err
	}
	return r, err
}

// resolution checks and decodes a record. Its references are the kernel's to check.
func (g *Guest) resolution(b []byte) (capdata.Resolution, error) {
	u32 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(b[at:])) }
	promise := capdata.Vref(binary.LittleEndian.Uint64(b))
	kind, reserved := u32(8), u32(12)
	data := capdataArg{u32(16), u32(20), u32(24), u32(28)}
	if err := data.check(g); err != nil {
		return capdata.Resolution{}, err
	}
	if kind > uint64(capdata.ToObject) {
		return capdata.Resolution{}, g.fault(fault.BadArgument, "kind is %d, expected 0, 1 or 2", kind)
	}
	if reserved != 0 {
		return capdata.Resolution{}, g.fault(fault.BadArgument, "reserved word is %#x, expected 0", reserved)
	}
	return capdata.Resolution{Promise: promise, How: capdata.Settlement(kind), Data: data.data(g)}, nil
}

func (g *Guest) exit(stack []uint64) error {
	failure, info := arg(stack, 0), capdataArgs(stack, 1)
	g.view()
	if err := info.check(g); err != nil {
		return err
	}
	if failure > 1 {
		return g.fault(fault.BadArgument, "failure is %d, expected 0 or 1", failure)
	}
	return g.sys.Exit(failure == 1, info.data(g))
}

// absent is the result of an import that found nothing: -1.
const absent = uint64(1<<32 - 1)

// give hands out an answer: the first bytes at dst, all of it to the import
// answer, and its length or -1 to the guest.
func (g *Guest) give(stack []uint64, dst, room uint64, value []byte, ok bool) error {
	if !ok {
		g.answer = nil
		stack[0] = absent
		return nil
	}
	n := uint64(len(value))
	if n > maxLength {
		return fmt.Errorf("hostfuncs: %s: the kernel answered with %d bytes, more than 2^31-1", g.imp.title, n)
	}
	if err := g.charge(words(n) * gasReadWord); err != nil {
		return err
	}
	g.answer = value
	copy(g.bytes(dst, min(n, room)), value)
	stack[0] = n
	return nil
}

func (g *Guest) vatstoreGet(stack []uint64) error {
	key, keyLen, dst, room := arg(stack, 0), arg(stack, 1), arg(stack, 2), arg(stack, 3)
	if err := g.keyLimit(keyLen); err != nil {
		return err
	}
	if err := g.keyAndRoom("key", key, keyLen, dst, room); err != nil {
		return err
	}
	value, ok, err := g.sys.VatstoreGet(g.bytes(key, keyLen))
	if err != nil {
		return err
	}
	return g.give(stack, dst, room, value, ok)
}

func (g *Guest) vatstoreNextKey(stack []uint64) error {
	prior, priorLen, dst, room := arg(stack, 0), arg(stack, 1), arg(stack, 2), arg(stack, 3)
	if err := g.limit("prior_len", priorLen, g.limits.MaxKey); err != nil {
		return err
	}
	if err := g.keyAndRoom("prior", prior, priorLen, dst, room); err != nil {
		return err
	}
	key, ok, err := g.sys.VatstoreNextKey(g.bytes(prior, priorLen))
	if err != nil {
		return err
	}
	return g.give(stack, dst, room, key, ok)
}

// keyAndRoom checks what is left to check of (key, key_len, dst, cap), and
// charges for the key.
func (g *Guest) keyAndRoom(what string, key, keyLen, dst, room uint64) error {
	if err := g.limit("cap", room, maxLength); err != nil {
		return err
	}
	g.view()
	if err := g.within(what, key, keyLen); err != nil {
		return err
	}
	if err := g.within("dst", dst, room); err != nil {
		return err
	}
	return g.charge(words(keyLen) * gasReadWord)
}

func (g *Guest) vatstoreSet(stack []uint64) error {
	key, keyLen, value, valueLen := arg(stack, 0), arg(stack, 1), arg(stack, 2), arg(stack, 3)
	if err := g.keyLimit(keyLen); err != nil {
		return err
	}
	if err := g.limit("value_len", valueLen, g.limits.MaxValue); err != nil {
		return err
	}
	g.view()
	if err := g.within("key", key, keyLen); err != nil {
		return err
	}
	if err := g.within("value", value, valueLen); err != nil {
		return err
	}
	if err := g.charge((words(keyLen) + words(valueLen)) * gasWriteWord); err != nil {
		return err
	}
	return g.sys.VatstoreSet(g.bytes(key, keyLen), g.bytes(value, valueLen))
}

func (g *Guest) vatstoreDelete(stack []uint64) error {
	key, keyLen := arg(stack, 0), arg(stack, 1)
	if err := g.keyLimit(keyLen); err != nil {
		return err
	}
	g.view()
	if err := g.within("key", key, keyLen); err != nil {
		return err
	}
	if err := g.charge(words(keyLen) * gasReadWord); err != nil {
		return err
	}
	return g.sys.VatstoreDelete(g.bytes(key, keyLen))
}

func (g *Guest) dropImports(stack []uint64) error {
	return g.list(stack, gasDrop, Syscalls.DropImports)
}
func (g *Guest) retireImports(stack []uint64) error {
	return g.list(stack, gasRetire, Syscalls.RetireImports)
}
func (g *Guest) retireExports(stack []uint64) error {
	return g.list(stack, gasRetire, Syscalls.RetireExports)
}
func (g *Guest) abandonExports(stack []uint64) error {
	return g.list(stack, gasRetire, Syscalls.AbandonExports)
}

// list serves imports of the form (refs, count). An empty list is nothing.
func (g *Guest) list(stack []uint64, price uint64, call func(Syscalls, []capdata.Vref) error) error {
	refs, count := arg(stack, 0), arg(stack, 1)
	if err := g.limit("count", count, g.limits.MaxSlots); err != nil {
		return err
	}
	if count == 0 {
		return nil
	}
	g.view()
	if err := g.within("refs", refs, count*8); err != nil {
		return err
	}
	if err := g.charge(count * price); err != nil {
		return err
	}
	return call(g.sys, g.vrefs(refs, count))
}

func (g *Guest) callNow(stack []uint64) error {
	device, args := stack[0], capdataArgs(stack, 1)
	g.view()
	if err := args.check(g); err != nil {
		return err
	}
	failed, answer, err := g.sys.CallNow(capdata.Vref(device), args.data(g))
	if err != nil {
		return err
	}
	n := 8 + uint64(answer.WireLen())
	if n > maxLength {
		return fmt.Errorf("hostfuncs: call_now: the device's answer has %d bytes, more than 2^31-1", n)
	}
	if err := g.charge(words(n)*gasReadWord + uint64(len(answer.Slots))*gasSlot); err != nil {
		return err
	}
	g.encoded = capdata.AppendAnswer(g.encoded[:0], failed, answer)
	g.answer = g.encoded
	stack[0] = n
	return nil
}

// told is the import fault. A text over the limit is cut first, and only what
// is left of it must lie in memory. A character that the cut parts is replaced
// like other invalid UTF-8, each run of it by one U+FFFD.
func (g *Guest) told(stack []uint64) error {
	text, n := arg(stack, 0), arg(stack, 1)
	if err := g.limit("len", n, maxLength); err != nil {
		return err
	}
	n = min(n, uint64(g.limits.MaxFaultText))
	g.view()
	if err := g.within("text", text, n); err != nil {
		return err
	}
	if err := g.charge(words(n) * gasCopyWord); err != nil {
		return err
	}
	return &fault.Guest{Code: fault.Told, Import: g.imp.title, Text: strings.ToValidUTF8(string(g.bytes(text, n)), "\ufffd")}
}
