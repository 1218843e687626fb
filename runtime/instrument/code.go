package instrument

import "fmt"

// codeState is what the rewriting of the code section adds up to.
type codeState struct {
	out       []byte // instrumented bodies, each with its size before it
	scratch   []byte // the body being put together, reused
	size      int    // of the code section
	usesGrow  bool   // memory.grow occurs: the grow function is needed
	f         function
	wrapTypes []int32  // for each type with several results, the index of () -> (results) in the new type section; 0 if there is none yet
	newTypes  [][]byte // results of the types added for wrapTypes

	loopWork, mergeWork, branchTable int // sums over the module
}

// A frame is a block, loop or if that is open, or the function's body.
type frame struct {
	op              byte // opBlock, opLoop, opIf or opElse; the body is a block
	unreachable     bool // control does not reach the current point
	dead            bool // opened where control does not reach: nothing of it is emitted
	height          int32
	charge          int32 // the charge that was current where it was opened
	lowest          int32 // index of the outermost frame that branches from within lead to
	branches        int32 // branches to its label
	sets            int   // assignments to locals before it
	params, results []byte
}

// labelTypes are the types that a branch to the frame carries.
func (fr *frame) labelTypes() []byte {
	if fr.op == opLoop {
		return fr.params
	}
	return fr.results
}

// A function is the state of checking and rewriting one body. It is reused
// from function to function.
type function struct {
	*decoder
	typ    *funcType
	locals []byte // types of parameters and declared locals
	runs   []localRun

	ops  []byte // operand stack: types
	ctrl []frame
	live bool // control reaches the current point

	// What the rewriter collects; see rewrite.go.
	body    []byte
	charges []charge
	current int32 // the charge that instructions are added to
	height  int   // the most operands seen
	calls   bool  // calls a function of the module, or one through the table
	pending byte  // type of the float on top whose NaN is still to be canonicalised, or none
	scratch [4]int
	added   []byte // types of scratch locals, in the order of their indexes
	loops   int    // loops open and live
	sets    int    // assignments to locals so far

	loopWork, mergeWork, branchTable int
	merges                           int      // values that may be merged at the ends of blocks and heads of loops
	labels                           []uint32 // of a br_table
}

type localRun struct {
	count uint32
	typ   byte
}

func (d *decoder) readCode() {
	n := d.count("function bodies", 3, d.config.Limits.Functions)
	if d.err != nil {
		return
	}
	if own := len(d.funcs) - d.imported; n != own {
		d.refuse(d.pos, "", "%d functions are declared, %d have code", own, n)
		return
	}
	c := &d.code
	c.out = make([]byte, 0, min(d.left()+d.left()/2, d.config.Limits.InstrumentedBytes))
	c.f.decoder, c.size = d, d.left()
	end := d.end
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		d.function = d.imported + d.bodies
		size := d.u32()
		if uint64(size) > uint64(d.left()) {
			d.refuse(start, "", "body of %d bytes announced, %d left", size, d.left())
		}
		d.checkLimit(start, "bytes of body", int64(size), d.config.Limits.FunctionBytes)
		if d.err != nil {
			return
		}
		d.end = d.pos + int(size)
		c.f.run(&d.types[d.funcs[d.function]])
		if d.err == nil && d.pos != d.end {
			d.refuse(d.pos, "", "%d bytes follow the end of the body", d.left())
		}
		d.instruction, d.end = "", end
		d.bodies++
		d.checkLimit(start, "bytes of instrumented code", int64(len(c.out)), d.config.Limits.InstrumentedBytes)
	}
	if d.err == nil {
		d.function = -1
	}
}

// run checks and rewrites the body that the reader stands before.
func (f *function) run(t *funcType) {
	start := f.pos
	f.typ = t
	f.reset()
	f.readLocals()
	if f.err != nil {
		return
	}
	f.ctrl = append(f.ctrl[:0], frame{op: opBlock, results: t.results, charge: 0, lowest: 0})
	f.live = true
	f.openCharge(true)
	f.charges[0].cost = priceEntry + uint64((len(f.locals)-len(t.params))/localsPerGas)
	f.instructions()
	if f.err != nil {
		return
	}
	c := &f.decoder.code
	c.loopWork += f.loopWork
	c.mergeWork += f.mergeWork
	c.branchTable += f.branchTable
	l := &f.config.Limits
	f.instruction = ""
	f.checkModuleLimit(start, "branch-table entries", c.branchTable, l.BranchTable)
	f.checkModuleLimit(start, "units of loop work", c.loopWork, l.LoopWork)
	f.checkModuleLimit(start, "units of merge work", c.mergeWork, l.MergeWork)
	if f.err == nil {
		f.finish(f.pos - start)
	}
}

// checkModuleLimit holds a sum over the functions so far against what the limit
// for one function allows a module.
func (f *function) checkModuleLimit(off int, what string, n, limit int) {
	if all := limit * max(functionsPerModule, f.decoder.code.size/bytesPerFunction); n > all {
		f.refuse(off, "", "%d %s in this and earlier functions, at most %d are allowed", n, what, all)
	}
}

func (f *function) readLocals() {
	f.locals = append(f.locals[:0], f.typ.params...)
	f.runs = f.runs[:0]
	limit := f.config.Limits.Locals
	total := 0
	for n := f.count("groups of locals", 2, f.left()); n > 0 && f.err == nil; n-- {
		start := f.pos
		count := f.u32()
		if f.err == nil && uint64(total)+uint64(count) > uint64(limit) {
			f.refuse(start, "", "%d locals, at most %d are allowed", uint64(total)+uint64(count), limit)
			return
		}
		total += int(count)
		start = f.pos
		t := f.byte()
		if f.err == nil && !isValueType(t) {
			f.refuseValueType(start, t)
		}
		if f.err != nil {
			return
		}
		if count == 0 {
			continue
		}
		for range count {
			f.locals = append(f.locals, t)
		}
		if last := len(f.runs) - 1; last >= 0 && f.runs[last].typ == t {
			f.runs[last].count += count
		} else {
			f.runs = append(f.runs, localRun{count, t})
		}
	}
}

// instructions reads the body to its end.
func (f *function) instructions() {
	for len(f.ctrl) > 0 && f.err == nil {
		start := f.pos
		code := f.byte()
		op := &opcodes[code]
		f.instruction = op.name
		if f.pending != none && code != opBulk {
			f.settle(op.nan)
		}
		if f.live {
			f.charges[f.current].cost += uint64(op.price)
		}
		switch op.shape {
		case plain:
			f.apply(op)
			f.emit(start)
		case memory:
			f.memarg(op.align)
			f.apply(op)
			f.emit(start)
		case special:
			f.special(code, start)
		default:
			f.prefixed(code, start)
		}
		if f.live && op.nan&nanMakes != 0 {
			f.pending = op.out
		}
	}
}

// apply pops what a plain instruction takes and pushes what it gives.
func (f *function) apply(op *opcode) {
	if op.in2 != none {
		f.pop(op.in2)
	}
	f.pop(op.in1)
	if op.out != none {
		f.push(op.out)
	}
}

// prefixed handles the instructions after opBulk and refuses all others that
// are not in the table.
func (f *function) prefixed(code byte, start int) {
	if f.err != nil {
		return
	}
	sub := uint32(0)
	if code >= 0xfb && code <= 0xfe {
		if sub = f.u32(); f.err != nil {
			return
		}
	}
	if code != opBulk || sub >= uint32(len(bulkOpcodes)) || bulkOpcodes[sub].shape == invalid {
		f.refuseOpcode(start, code, sub)
		return
	}
	op := &bulkOpcodes[sub]
	f.instruction = op.name
	if f.pending != none {
		f.settle(op.nan)
	}
	if f.live {
		f.charges[f.current].cost += uint64(op.price)
	}
	if op.shape == plain {
		f.apply(op)
		f.emit(start)
		return
	}
	if sub == bulkMemoryInit {
		at := f.pos
		i := f.u32()
		if f.err == nil && f.dataCount < 0 {
			f.refuse(at, "", "needs a data count section")
		} else if f.err == nil && uint64(i) >= uint64(f.dataCount) {
			f.refuse(at, "", "unknown data segment %d", i)
		}
	}
	f.memoryIndex()
	if sub == bulkMemoryCopy {
		f.memoryIndex()
	}
	f.pop(i32)
	f.pop(i32)
	f.pop(i32)
	f.emitBulk(start)
}

// memoryIndex reads the byte that names the memory.
func (f *function) memoryIndex() {
	start := f.pos
	if c := f.byte(); f.err == nil && c != 0 {
		f.refuse(start, "", "memory %d: %s", c, reasonMemories)
	}
	f.needMemory(start)
}

func (f *function) needMemory(off int) {
	if !f.decoder.memory.present {
		f.refuse(off, "", "unknown memory 0: the module defines none")
	}
}

// memarg reads the alignment and offset of a load or store.
func (f *function) memarg(natural byte) {
	start := f.pos
	align := f.u32()
	if f.err == nil && align > uint32(natural) {
		if align&0x40 != 0 && align < 0x80 {
			f.refuse(start, "", "%s", reasonMemories)
		} else {
			f.refuse(start, "", "an alignment of 2^%d is larger than natural, 2^%d", align, natural)
		}
	}
	f.u32()
	f.needMemory(start)
}

func (f *function) push(t byte) {
	f.ops = append(f.ops, t)
	if n := len(f.ops); n > f.height {
		f.height = n
		if limit := f.config.Limits.OperandHeight; n > limit {
			f.refuse(f.pos, "", "more than %d operands on the stack", limit)
		}
	}
}

func (f *function) pushAll(types []byte) {
	for _, t := range types {
		f.push(t)
	}
}

// pop pops an operand of type want, or any if want is unknown. It returns the
// operand's type, which is unknown if control does not reach this point and
// the stack is empty.
func (f *function) pop(want byte) byte {
	fr := &f.ctrl[len(f.ctrl)-1]
	n := len(f.ops)
	if n == int(fr.height) {
		if !fr.unreachable {
			f.refuse(f.pos, "", "type mismatch: an operand of type %s is needed, the stack is empty", operandName(want))
		}
		return want
	}
	got := f.ops[n-1]
	f.ops = f.ops[:n-1]
	if got != want && got != unknown && want != unknown {
		f.refuse(f.pos, "", "type mismatch: an operand of type %s is needed, it is %s", operandName(want), valueTypeName(got))
	}
	return got
}

func operandName(t byte) string {
	if t == unknown {
		return "any type"
	}
	return valueTypeName(t)
}

func (f *function) popAll(types []byte) {
	for i := len(types) - 1; i >= 0; i-- {
		f.pop(types[i])
	}
}

// blockType reads the type of a block.
func (f *function) blockType() (params, results []byte) {
	start := f.pos
	if start < f.end && (f.b[start] == emptyBlock || isValueType(f.b[start])) {
		f.pos++
		if f.b[start] == emptyBlock {
			return nil, nil
		}
		return nil, f.b[start : start+1 : start+1]
	}
	if start < f.end && f.b[start] >= 0x63 && f.b[start] <= 0x7b {
		f.refuseValueType(start, f.b[start])
		return nil, nil
	}
	i := f.signed(33)
	if f.err != nil {
		return nil, nil
	}
	if i < 0 || i >= int64(len(f.types)) {
		f.refuse(start, "", "unknown block type %d", i)
		return nil, nil
	}
	return f.types[i].params, f.types[i].results
}

// open begins a block, loop or if whose parameters have been popped.
func (f *function) open(op byte, params, results []byte) {
	f.ctrl = append(f.ctrl, frame{op: op, dead: !f.live, height: int32(len(f.ops)), charge: f.current,
		lowest: int32(len(f.ctrl)), sets: f.sets, params: params, results: results})
	if n, limit := len(f.ctrl)-1, f.config.Limits.Nesting; n > limit {
		f.refuse(f.pos, "", "blocks are nested more than %d deep", limit)
	}
	f.pushAll(params)
}

// close checks that the innermost frame ends with its results on the stack.
func (f *function) close() {
	fr := &f.ctrl[len(f.ctrl)-1]
	f.popAll(fr.results)
	if extra := len(f.ops) - int(fr.height); extra > 0 && f.err == nil {
		f.refuse(f.pos, "", "type mismatch: %d operands too many at the end of the block", extra)
	}
	f.ops = f.ops[:min(len(f.ops), int(fr.height))]
}

// label reads a label and returns the index of its frame.
func (f *function) label() int {
	start := f.pos
	n := f.u32()
	if f.err == nil && uint64(n) >= uint64(len(f.ctrl)) {
		f.refuse(start, "", "unknown label %d", n)
	}
	if f.err != nil {
		return 0
	}
	return len(f.ctrl) - 1 - int(n)
}

// branch notes a branch to the frame with index target.
func (f *function) branch(target int) {
	if !f.live {
		return
	}
	fr := &f.ctrl[len(f.ctrl)-1]
	fr.lowest = min(fr.lowest, int32(target))
	f.ctrl[target].branches++
}

// unreachable marks what follows in the frame as not reached.
func (f *function) unreachable() {
	fr := &f.ctrl[len(f.ctrl)-1]
	f.ops = f.ops[:fr.height]
	fr.unreachable = true
	f.live = false
}

func (f *function) overLimit(what string, n, limit int) {
	if n > limit {
		f.refuse(f.pos, "", fmt.Sprintf("%s, at most %%d are allowed", what), n, limit)
	}
}
