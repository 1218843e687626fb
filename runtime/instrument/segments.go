package instrument

import (
	"strings"

	"github.com/crankcase/crankcase/runtime"
)

func (d *decoder) readExports() {
	n := d.count("exports", 3, d.config.Limits.Exports)
	d.keep(secExport, n)
	if d.err != nil {
		return
	}
	d.exports = make(map[string]struct{}, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		name := d.name()
		kind, index := d.byte(), d.u32()
		if d.err != nil {
			return
		}
		text := clean([]byte(name))
		if _, ok := d.exports[name]; ok {
			d.refuse(start, "", "%q is exported twice", text)
			return
		}
		d.exports[name] = struct{}{}
		if strings.HasPrefix(name, runtime.ReservedPrefix) {
			d.refuse(start, "", "%q: names that begin with %q are reserved", text, runtime.ReservedPrefix)
		}
		what, have := "", 0
		switch kind {
		case kindFunction:
			what, have = "function", len(d.funcs)
		case kindTable:
			what = "table"
			if d.table.present {
				have = 1
			}
		case kindMemory:
			what = "memory"
			if d.memory.present {
				have = 1
			}
		case kindGlobal:
			what, have = "global", len(d.globals)
		case kindTag:
			d.refuse(start, "", "%q: tags: %s", text, reasonExceptions)
		default:
			d.refuse(start, "", "%q: unknown kind of export %#02x", text, kind)
		}
		if uint64(index) >= uint64(have) {
			d.refuse(start, "", "%q: unknown %s %d", text, what, index)
			return
		}
		d.checkExport(start, name, kind, index)
	}
}

// checkExport holds an export against those that have a meaning to the kernel.
func (d *decoder) checkExport(off int, name string, kind byte, index uint32) {
	if d.config.anyInterface {
		return
	}
	if name == memoryExport && kind != kindMemory {
		d.refuse(off, "", "export %q must be the memory", name)
	}
	for i := range d.config.Exports {
		e := &d.config.Exports[i]
		if e.Name != name {
			continue
		}
		if kind != kindFunction {
			d.refuse(off, "", "export %q must be a function with type %s", name, typeText(e.Params, e.Results))
		} else if t := &d.types[d.funcs[index]]; !t.is(e.Params, e.Results) {
			d.refuse(off, "", "export %q has type %s, it must have type %s", name, t.text(), typeText(e.Params, e.Results))
		}
	}
}

func (d *decoder) readStart() {
	start := d.pos
	i := d.u32()
	if d.err != nil {
		return
	}
	if uint64(i) >= uint64(len(d.funcs)) {
		d.refuse(start, "", "unknown function %d", i)
		return
	}
	if t := &d.types[d.funcs[i]]; !t.is(nil, nil) {
		d.refuse(start, "", "the start function has type %s, it must have type () -> ()", t.text())
		return
	}
	d.start = int(i)
}

// readElements reads the element section: all eight forms of a segment, with
// functions as elements.
func (d *decoder) readElements() {
	n := d.count("element segments", 2, d.config.Limits.Elements)
	d.keep(secElement, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		flags := d.u32()
		if flags > 7 {
			d.refuse(start, "", "unknown kind of element segment %d", flags)
			return
		}
		active, explicit, exprs := flags&1 == 0, flags&2 != 0, flags&4 != 0
		offset := uint32(0)
		if active {
			if explicit {
				if i := d.u32(); d.err == nil && i != 0 {
					d.refuse(start, "", "unknown table %d", i)
				}
			}
			if d.err == nil && !d.table.present {
				d.refuse(start, "", "an active element segment without a table")
			}
			offset = d.constant(i32)
		}
		if !active || explicit {
			d.elementKind(exprs)
		}
		size := 1
		if exprs {
			size = 3
		}
		count := d.count("elements", size, len(d.b))
		for i := 0; i < count && d.err == nil; i++ {
			if exprs {
				d.elementExpr()
			} else {
				d.functionIndex()
			}
		}
		if d.err == nil && active && uint64(offset)+uint64(count) > uint64(d.table.min) {
			d.refuse(start, "", "element segment of %d elements at %d does not fit the table's minimum size of %d", count, offset, d.table.min)
		}
		d.elements++
	}
}

// elementKind reads the type of a segment's elements.
func (d *decoder) elementKind(exprs bool) {
	start := d.pos
	k := d.byte()
	switch {
	case d.err != nil:
	case !exprs && k != 0:
		d.refuse(start, "", "unknown kind of elements %#02x", k)
	case exprs && k == 0x6f:
		d.refuse(start, "", "%s", reasonExternref)
	case exprs && k != 0x70:
		d.refuse(start, "", "elements must be funcref: %s", reasonTypedRefs)
	}
}

// elementExpr reads ref.null func or ref.func.
func (d *decoder) elementExpr() {
	start := d.pos
	switch code := d.byte(); {
	case d.err != nil:
	case code == opRefNull:
		if t := d.byte(); d.err == nil && t != 0x70 {
			d.instruction = "ref.null"
			d.refuse(start, "", "elements must be funcref")
		}
	case code == opRefFunc:
		d.functionIndex()
	case code == opGlobalGet:
		d.instruction = "global.get"
		d.refuse(start, "", "an element cannot be a global's value: no global holds a reference")
	case opcodes[code].shape != invalid:
		d.instruction = opcodes[code].name
		d.refuse(start, "", "not allowed in an element's expression")
	default:
		d.refuseOpcode(start, code, 0)
	}
	d.endConstant()
}

// functionIndex reads the index of a function.
func (d *decoder) functionIndex() uint32 {
	start := d.pos
	i := d.u32()
	if d.err == nil && uint64(i) >= uint64(len(d.funcs)) {
		d.refuse(start, "", "unknown function %d", i)
		return 0
	}
	return i
}

func (d *decoder) readData() {
	n := d.count("data segments", 2, d.config.Limits.Data)
	d.keep(secData, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		flags := d.u32()
		if flags > 2 {
			d.refuse(start, "", "unknown kind of data segment %d", flags)
			return
		}
		active := flags != 1
		offset := uint32(0)
		if active {
			if flags == 2 {
				if i := d.u32(); d.err == nil && i != 0 {
					d.refuse(start, "", "unknown memory %d: %s", i, reasonMemories)
				}
			}
			if d.err == nil && !d.memory.present {
				d.refuse(start, "", "an active data segment without a memory")
			}
			offset = d.constant(i32)
		}
		size := d.u32()
		d.bytes(size)
		if d.err == nil && active && uint64(offset)+uint64(size) > uint64(d.memory.min)<<16 {
			d.refuse(start, "", "data segment of %d bytes at %d does not fit the memory's minimum size of %d pages", size, offset, d.memory.min)
		}
		d.segments++
	}
}
