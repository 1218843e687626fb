package instrument

import "bytes"

// special checks and rewrites the instructions that have rules of their own.
// start is the instruction's offset.
func (f *function) special(code byte, start int) {
	switch code {
	case opUnreachable:
		f.emit(start)
		f.unreachable()
	case opNop:
	case opBlock, opLoop, opIf:
		f.openBlock(code, start)
	case opElse:
		f.switchToElse(start)
	case opEnd:
		f.closeBlock(start)
	case opBr:
		target := f.label()
		f.popAll(f.ctrl[target].labelTypes())
		f.branch(target)
		f.emit(start)
		f.unreachable()
	case opBrIf:
		target := f.label()
		f.pop(i32)
		types := f.ctrl[target].labelTypes()
		f.popAll(types)
		f.pushAll(types)
		f.branch(target)
		f.emit(start)
		f.openCharge(false)
	case opBrTable:
		f.brTable(start)
	case opReturn:
		f.popAll(f.typ.results)
		f.branch(0)
		f.emitReturn()
		f.unreachable()
	case opCall:
		i := f.functionIndex()
		if f.err != nil {
			return
		}
		f.call(&f.types[f.funcs[i]])
		if f.live && int(i) >= f.imported {
			f.calls = true
		}
		f.emit(start)
	case opCallIndirect:
		f.callIndirect()
	case opDrop:
		f.pop(unknown)
		f.emit(start)
	case opSelect, opSelectTyped:
		f.selectOne(code, start)
	case opLocalGet, opLocalSet, opLocalTee:
		f.local(code, start)
	case opGlobalGet, opGlobalSet:
		f.global(code, start)
	case opMemorySize:
		f.memoryIndex()
		f.push(i32)
		f.emit(start)
	case opMemoryGrow:
		f.memoryIndex()
		f.pop(i32)
		f.push(i32)
		f.emitGrow()
	case opI32Const:
		f.signed(32)
		f.push(i32)
		f.emit(start)
	case opI64Const:
		f.signed(64)
		f.push(i64)
		f.emit(start)
	case opF32Const:
		f.bytes(4)
		f.push(f32)
		f.emit(start)
	case opF64Const:
		f.bytes(8)
		f.push(f64)
		f.emit(start)
	}
}

func (f *function) openBlock(code byte, start int) {
	params, results := f.blockType()
	if f.err != nil {
		return
	}
	if code == opIf {
		f.pop(i32)
	}
	f.popAll(params)
	f.open(code, params, results)
	f.emit(start)
	if !f.live {
		return
	}
	switch code {
	case opLoop:
		f.loops++
		f.openCharge(true)
		f.charges[f.current].cost += priceLoop
	case opIf:
		f.openCharge(false)
	}
}

func (f *function) switchToElse(start int) {
	fr := &f.ctrl[len(f.ctrl)-1]
	if fr.op != opIf {
		f.refuse(start, "", "not in an if")
		return
	}
	f.close()
	fr.op, fr.unreachable = opElse, false
	f.live = !fr.dead
	f.pushAll(fr.params)
	f.emit(start)
	f.openCharge(false)
}

func (f *function) closeBlock(start int) {
	at := len(f.ctrl) - 1
	fr := &f.ctrl[at]
	if fr.op == opIf && !bytes.Equal(fr.params, fr.results) {
		f.refuse(start, "", "type mismatch: an if without else must give back the types it takes")
	}
	f.close()
	if at == 0 {
		f.ctrl = f.ctrl[:0]
		return
	}
	fellThrough := f.live
	f.live = !fr.dead
	f.emit(start)
	if f.live {
		f.addWork(fr)
		f.continueCharge(fr, int32(at), fellThrough)
	}
	parent := &f.ctrl[at-1]
	parent.lowest = min(parent.lowest, fr.lowest)
	f.ctrl = f.ctrl[:at]
	f.pushAll(fr.results)
}

// addWork adds what a compiler may have to do for a block that ends here, and
// holds it against the limits.
func (f *function) addWork(fr *frame) {
	changed := min(len(f.locals), f.sets-fr.sets)
	f.mergeWork += changed * int(fr.branches)
	if fr.branches > 0 || fr.op != opBlock {
		f.merges += changed
	}
	switch fr.op {
	case opLoop:
		f.loopWork += changed * changed * f.loops
		f.loops--
	case opIf, opElse:
		f.mergeWork += changed
	}
	f.overLimit("%d units of loop work", f.loopWork, f.config.Limits.LoopWork)
	f.overLimit("%d units of merge work", f.mergeWork, f.config.Limits.MergeWork)
}

func (f *function) brTable(start int) {
	n := f.count("branch-table entries", 1, f.config.Limits.BranchTable)
	f.labels = f.labels[:0]
	for i := 0; i <= n && f.err == nil; i++ {
		f.labels = append(f.labels, uint32(f.label()))
	}
	if f.err != nil {
		return
	}
	if f.live {
		f.branchTable += n + 1
		f.overLimit("%d branch-table entries in the function", f.branchTable, f.config.Limits.BranchTable)
	}
	f.pop(i32)
	arity := len(f.ctrl[f.labels[n]].labelTypes())
	for _, target := range f.labels {
		types := f.ctrl[target].labelTypes()
		if len(types) != arity {
			f.refuse(start, "", "type mismatch: labels that carry %d and %d values", len(types), arity)
			return
		}
		f.expect(types)
		f.branch(int(target))
	}
	f.emit(start)
	f.unreachable()
}

// expect checks that the stack ends with types, without popping them.
func (f *function) expect(types []byte) {
	fr := &f.ctrl[len(f.ctrl)-1]
	for i := range types {
		want := types[len(types)-1-i]
		at := len(f.ops) - 1 - i
		if at < int(fr.height) {
			if !fr.unreachable {
				f.refuse(f.pos, "", "type mismatch: an operand of type %s is needed, the stack is empty", valueTypeName(want))
			}
			return
		}
		if got := f.ops[at]; got != want && got != unknown {
			f.refuse(f.pos, "", "type mismatch: an operand of type %s is needed, it is %s", valueTypeName(want), valueTypeName(got))
			return
		}
	}
}

func (f *function) call(t *funcType) {
	f.popAll(t.params)
	f.pushAll(t.results)
}

func (f *function) callIndirect() {
	start := f.pos
	i := f.typeIndex()
	// LLVM pads the table's index to five bytes, so any encoding of 0 will do.
	table := f.u32()
	if f.err != nil {
		return
	}
	if table != 0 || !f.table.present {
		f.refuse(start, "", "unknown table %d", table)
		return
	}
	f.pop(i32)
	f.call(&f.types[i])
	if f.live {
		f.calls = true
		f.body = append(appendU32(append(f.body, opCallIndirect), i), 0)
	}
}

func (f *function) selectOne(code byte, start int) {
	want := byte(unknown)
	if code == opSelectTyped {
		at := f.pos
		if n := f.u32(); f.err == nil && n != 1 {
			f.refuse(at, "", "select with %d types", n)
		}
		at = f.pos
		want = f.byte()
		if f.err == nil && !isValueType(want) {
			f.refuseValueType(at, want)
		}
	}
	f.pop(i32)
	a := f.pop(want)
	b := f.pop(want)
	switch {
	case want != unknown:
		f.push(want)
	case a == unknown:
		f.push(b)
	default:
		if b != unknown && a != b {
			f.refuse(start, "", "type mismatch: a choice between %s and %s", valueTypeName(b), valueTypeName(a))
		}
		f.push(a)
	}
	f.emit(start)
}

func (f *function) local(code byte, start int) {
	at := f.pos
	i := f.u32()
	if f.err == nil && uint64(i) >= uint64(len(f.locals)) {
		f.refuse(at, "", "unknown local %d", i)
	}
	if f.err != nil {
		return
	}
	t := f.locals[i]
	if code != opLocalGet {
		f.pop(t)
		if f.live {
			f.sets++
		}
	}
	if code != opLocalSet {
		f.push(t)
	}
	f.emit(start)
}

func (f *function) global(code byte, start int) {
	at := f.pos
	i := f.u32()
	if f.err == nil && uint64(i) >= uint64(len(f.globals)) {
		f.refuse(at, "", "unknown global %d", i)
	}
	if f.err != nil {
		return
	}
	g := f.globals[i]
	if code == opGlobalGet {
		f.push(g.typ)
	} else {
		if !g.mutable {
			f.refuse(at, "", "global %d is immutable", i)
		}
		f.pop(g.typ)
	}
	f.emit(start)
}
