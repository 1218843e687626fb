package instrument

import "github.com/crankcase/crankcase/runtime"

// StackLimit is the most units of stack that nested calls may take together.
// A call takes at least one, so no more than StackLimit calls of functions
// that call are nested. wazero's interpreter overflows at 2,000 frames,
// host functions included; one function that calls nothing but a host function
// or the grow function, and that function, may come on top of StackLimit.
const StackLimit = 1_900

// What makes a call take more than one unit of stack, so that 1,900 units of any
// mixture of functions fit the stacks that compiled code has. wasmtime keeps
// what is alive in a frame: locals and operands. wazero's compiler stops
// at 50 MB, 26 KB a unit, and gives each value that is ever spilled a slot of
// its own: measured, up to one for 3 bytes of body, and 0.4 for each
// value merged at the end of a block or the head of a loop. QuickJS's
// interpreter loop takes 6 units.
const (
	slotsPerUnit  = 128
	bytesPerUnit  = 8_192
	mergesPerUnit = 6_144
)

// A charge is a place in the rewritten body where gas is subtracted: for all
// instructions that are sure to run, each once, if control gets there and
// nothing traps.
type charge struct {
	pos   int // in function.body
	cost  uint64
	check bool // trap if the gas is negative after the subtraction
}

func (f *function) reset() {
	f.ops, f.ctrl, f.body, f.charges, f.added = f.ops[:0], f.ctrl[:0], f.body[:0], f.charges[:0], f.added[:0]
	f.height, f.calls, f.pending, f.loops, f.sets = 0, false, none, 0, 0
	f.loopWork, f.mergeWork, f.branchTable, f.merges = 0, 0, 0, 0
	f.scratch = [4]int{-1, -1, -1, -1}
}

// emit copies the instruction from start to the reader's position to the new
// body. Code that control does not reach is left out.
func (f *function) emit(start int) {
	if f.live && f.err == nil {
		f.body = append(f.body, f.b[start:f.pos]...)
	}
}

// openCharge begins a new charge here.
func (f *function) openCharge(check bool) {
	if !f.live {
		return
	}
	f.current = int32(len(f.charges))
	f.charges = append(f.charges, charge{pos: len(f.body), check: check})
}

// continueCharge decides which charge the code after a block, loop or if
// belongs to. at is the frame's index, fellThrough tells whether control
// reaches the end from inside.
//
// If no branch inside leads past the end, then whoever entered comes out at
// the end, once, or not at all: what follows can be paid where the block was
// entered. (It comes out not at all by a trap, which may then have been
// preceded by a higher charge than what ran: still the same on every machine.)
func (f *function) continueCharge(fr *frame, at int32, fellThrough bool) {
	switch {
	case fr.lowest >= at:
		f.current = fr.charge
	case fellThrough && (fr.op == opLoop || fr.op == opBlock && fr.branches == 0):
		// The end is reached from just before only.
	default:
		f.openCharge(false)
	}
}

// local index of the scratch local of type t, which is added if need be.
func (f *function) scratchLocal(t byte) uint32 {
	at := &f.scratch[i32-t]
	if *at < 0 {
		*at = len(f.locals) + len(f.added)
		f.added = append(f.added, t)
	}
	return uint32(*at)
}

// settle is called before an instruction with the given part in NaNs while the
// float on top of the stack is to be canonicalised. If the instruction cannot
// tell one NaN from another, nothing needs to be done.
func (f *function) settle(role nanRole) {
	t := f.pending
	f.pending = none
	if role&nanBlind != 0 {
		return
	}
	// tee x; nan; x == x, false for a NaN only; select. It has no branch.
	x := f.scratchLocal(t)
	b := appendU32(append(f.body, opLocalTee), x)
	if t == f32 {
		b = append(b, opF32Const, 0, 0, 0xc0, 0x7f)
	} else {
		b = append(b, opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	}
	// The tee has left x below the NaN: select takes x if x == x.
	b = appendU32(append(b, opLocalGet), x)
	b = appendU32(append(b, opLocalGet), x)
	if t == f32 {
		b = append(b, opF32Eq)
	} else {
		b = append(b, opF64Eq)
	}
	f.body = append(b, opSelect)
}

// emitReturn branches out of the body: the label of the body is that of the
// block around it, if finish makes one.
func (f *function) emitReturn() {
	if f.live {
		f.body = appendU32(append(f.body, opBr), uint32(len(f.ctrl)-1))
	}
}

// emitGrow calls the grow function, which is the last of the module.
func (f *function) emitGrow() {
	if f.live {
		f.decoder.code.usesGrow = true
		f.body = appendU32(append(f.body, opCall), uint32(len(f.funcs)))
	}
}

// emitBulk charges for a length, which is on top of the stack, and then copies
// the instruction at start.
func (f *function) emitBulk(start int) {
	if !f.live || f.err != nil {
		return
	}
	n := f.scratchLocal(i32)
	b := appendU32(append(f.body, opLocalTee), n)
	b = f.appendGlobal(b, opGlobalGet, gasGlobal)
	b = appendU32(append(b, opLocalGet), n)
	b = append(b, opI64ExtendU, opI64Const, bulkBytesShift, opI64ShrU, opI64Sub)
	b = f.appendGasCheck(b, f.scratchLocal(i64))
	f.body = append(b, f.b[start:f.pos]...)
}

// The injected globals, in the order of their indexes.
const (
	gasGlobal = iota
	depthGlobal
	statusGlobal
	clockGlobal
	injectedGlobals
)

// appendGlobal reads or writes an injected global.
func (d *decoder) appendGlobal(b []byte, op byte, which int) []byte {
	return appendU32(append(b, op), uint32(len(d.globals)+which))
}

// appendGasCheck stores the new gas, which is on top of the stack, and traps
// if it is negative.
func (d *decoder) appendGasCheck(b []byte, scratch uint32) []byte {
	b = appendU32(append(b, opLocalTee), scratch)
	b = d.appendGlobal(b, opGlobalSet, gasGlobal)
	b = appendU32(append(b, opLocalGet), scratch)
	b = append(b, opI64Const, 0, opI64LtS)
	return d.appendTrapIf(b, runtime.StatusGas)
}

// appendTrapIf sets the status and traps if the i32 on top of the stack is not 0.
func (d *decoder) appendTrapIf(b []byte, status byte) []byte {
	b = append(b, opIf, emptyBlock, opI32Const, status)
	b = d.appendGlobal(b, opGlobalSet, statusGlobal)
	return append(b, opUnreachable, opEnd)
}

// finish puts the function together and appends it to the code section: locals,
// the charge and check of gas, then the check of the stack, then the body with
// the other charges put in. size is that of the original body.
func (f *function) finish(size int) {
	units := 1 + (len(f.locals)+f.height)/slotsPerUnit + size/bytesPerUnit + f.merges/mergesPerUnit
	// A function that calls no other of the module adds one level at most. It
	// goes uncounted if its frame is small.
	counted := f.calls || units > 1
	gas := f.scratchLocal(i64)
	depth := uint32(0)
	if counted {
		depth = f.scratchLocal(i32)
	}

	b := f.decoder.code.scratch[:0]
	b = appendU32(b, uint32(len(f.runs)+len(f.added)))
	for _, r := range f.runs {
		b = append(appendU32(b, r.count), r.typ)
	}
	for _, t := range f.added {
		b = append(b, 1, t)
	}
	b = f.appendCharge(b, &f.charges[0], gas)
	if counted {
		b = f.appendGlobal(b, opGlobalGet, depthGlobal)
		b = append(appendS64(append(b, opI32Const), int64(units)), opI32Add)
		b = appendU32(append(b, opLocalTee), depth)
		b = f.appendGlobal(b, opGlobalSet, depthGlobal)
		b = appendU32(append(b, opLocalGet), depth)
		b = append(appendS64(append(b, opI32Const), StackLimit), opI32GtS)
		b = f.appendTrapIf(b, runtime.StatusStack)
		b = f.appendWrapper(b)
	}
	done := 0
	for i := 1; i < len(f.charges); i++ {
		c := &f.charges[i]
		if c.cost == 0 && !c.check {
			continue
		}
		b = append(b, f.body[done:c.pos]...)
		done = c.pos
		b = f.appendCharge(b, c, gas)
	}
	b = append(b, f.body[done:]...)
	if counted {
		b = append(b, opEnd)
		b = f.appendGlobal(b, opGlobalGet, depthGlobal)
		b = append(appendS64(append(b, opI32Const), int64(units)), opI32Sub)
		b = f.appendGlobal(b, opGlobalSet, depthGlobal)
	}
	b = append(b, opEnd)
	c := &f.decoder.code
	c.scratch = b
	c.out = append(appendU32(c.out, uint32(len(b))), b...)
}

func (f *function) appendCharge(b []byte, c *charge, scratch uint32) []byte {
	b = f.appendGlobal(b, opGlobalGet, gasGlobal)
	b = append(appendS64(append(b, opI64Const), int64(c.cost)), opI64Sub)
	if c.check {
		return f.appendGasCheck(b, scratch)
	}
	return f.appendGlobal(b, opGlobalSet, gasGlobal)
}

// appendWrapper opens the block around a counted body, to whose end every way
// out of the function leads.
func (f *function) appendWrapper(b []byte) []byte {
	b = append(b, opBlock)
	switch len(f.typ.results) {
	case 0:
		return append(b, emptyBlock)
	case 1:
		return append(b, f.typ.results[0])
	}
	return appendS64(b, int64(f.wrapType(f.funcs[f.decoder.function])))
}

// wrapType returns the index of the type () -> (results of type i).
func (d *decoder) wrapType(i uint32) uint32 {
	if len(d.types[i].params) == 0 {
		return i
	}
	c := &d.code
	if c.wrapTypes == nil {
		c.wrapTypes = make([]int32, len(d.types))
	}
	if c.wrapTypes[i] == 0 {
		c.newTypes = append(c.newTypes, d.types[i].results)
		c.wrapTypes[i] = int32(len(d.types) + len(c.newTypes) - 1)
	}
	return uint32(c.wrapTypes[i])
}
