package instrument

import (
	"strings"

	"github.com/crankcase/crankcase/runtime"
)

// memoryExport is the name under which a guest exports its memory.
const memoryExport = "memory"

const maxPages = 65_536 // of a 32-bit memory

// Kinds of imports and exports.
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
	kindTag
)

func isValueType(t byte) bool { return t >= f64 && t <= i32 }

// valueTypes reads a vector of number types. The slice is of the module itself.
func (d *decoder) valueTypes(what string, limit int) []byte {
	start := d.pos
	n := d.u32()
	d.checkLimit(start, what, int64(n), limit)
	start = d.pos
	p := d.bytes(n)
	for i, t := range p {
		if !isValueType(t) {
			d.refuseValueType(start+i, t)
			return nil
		}
	}
	return p
}

func (d *decoder) readTypes() {
	n := d.count("types", 3, d.config.Limits.Types)
	d.keep(secType, n)
	if d.err != nil {
		return
	}
	d.types = make([]funcType, 0, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		switch form := d.byte(); form {
		case 0x60:
		case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
			d.refuse(start, "", "%s", reasonGC)
		default:
			d.refuse(start, "", "unknown form of type %#02x", form)
		}
		d.types = append(d.types, funcType{
			params:  d.valueTypes("parameters", d.config.Limits.Params),
			results: d.valueTypes("results", d.config.Limits.Results),
		})
	}
}

// typeIndex reads the index of a type.
func (d *decoder) typeIndex() uint32 {
	start := d.pos
	i := d.u32()
	if d.err == nil && uint64(i) >= uint64(len(d.types)) {
		d.refuse(start, "", "unknown type %d", i)
		return 0
	}
	return i
}

func (d *decoder) readImports() {
	n := d.count("imports", 4, d.config.Limits.Imports)
	d.keep(secImport, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		module, name := d.name(), d.name()
		kind := d.byte()
		if d.err != nil {
			return
		}
		what := clean([]byte(module)) + "." + clean([]byte(name))
		switch kind {
		case kindFunction:
			i := d.typeIndex()
			if d.err == nil {
				d.checkImport(start, module, name, what, &d.types[i])
				d.funcs = append(d.funcs, i)
				d.imported++
			}
		case kindTable:
			d.refuse(start, "link without --import-table", "%s: tables cannot be imported", what)
		case kindMemory:
			d.refuse(start, "link without --import-memory", "%s: memories cannot be imported", what)
		case kindGlobal:
			d.refuse(start, "", "%s: globals cannot be imported", what)
		case kindTag:
			d.refuse(start, "", "%s: tags: %s", what, reasonExceptions)
		default:
			d.refuse(start, "", "%s: unknown kind of import %#02x", what, kind)
		}
	}
}

// checkImport holds an imported function against the allowed list.
func (d *decoder) checkImport(off int, module, name, what string, t *funcType) {
	if d.config.anyInterface {
		return
	}
	knownModule := false
	for i := range d.config.Imports {
		im := &d.config.Imports[i]
		if im.Module != module {
			continue
		}
		knownModule = true
		if im.Name != name {
			continue
		}
		if !t.is(im.Params, im.Results) {
			d.refuse(off, "", "%s: imported with type %s, it has type %s", what, t.text(), typeText(im.Params, im.Results))
		}
		return
	}
	hint := ""
	switch {
	case module == "env" && name == "abort":
		hint = "build AssemblyScript with --use abort="
	case module == "env" && (name == "seed" || name == "Date.now" || name == "Math.random"):
		hint = "random numbers and the time are not to be had in a vat: don't use Math.random or Date.now"
	case module == "env" && strings.HasPrefix(name, "invoke_"):
		hint = "link without support for C++ exceptions and setjmp"
	case module == "env" && !knownModule:
		hint = "an undefined symbol? link without --allow-undefined to see"
	}
	if knownModule {
		d.refuse(off, hint, "%s: module %s has no such function", what, clean([]byte(module)))
	} else {
		d.refuse(off, hint, "%s: there is no such import", what)
	}
}

// is tells whether the type has these parameters and results.
func (t *funcType) is(params, results []runtime.ValueType) bool {
	return sameTypes(t.params, params) && sameTypes(t.results, results)
}

func sameTypes(a []byte, b []runtime.ValueType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != byte(b[i]) {
			return false
		}
	}
	return true
}

func (t *funcType) text() string { return typeText(t.params, t.results) }

// typeText writes a function type as "(i32, i64) -> (i32)".
func typeText[T ~byte](params, results []T) string {
	var b strings.Builder
	list := func(ts []T) {
		b.WriteByte('(')
		for i, t := range ts {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(valueTypeName(byte(t)))
		}
		b.WriteByte(')')
	}
	list(params)
	b.WriteString(" -> ")
	list(results)
	return b.String()
}

func valueTypeName(t byte) string {
	switch t {
	case i32:
		return "i32"
	case i64:
		return "i64"
	case f32:
		return "f32"
	case f64:
		return "f64"
	}
	return "unknown"
}

func (d *decoder) readFunctions() {
	n := d.count("functions", 1, d.config.Limits.Functions-d.imported)
	d.keep(secFunction, n)
	if d.err != nil {
		return
	}
	funcs := make([]uint32, len(d.funcs), len(d.funcs)+n)
	copy(funcs, d.funcs)
	for ; n > 0 && d.err == nil; n-- {
		funcs = append(funcs, d.typeIndex())
	}
	d.funcs = funcs
}

// limits reads the limits of a table or memory. what names it.
func (d *decoder) limits(what string) tableType {
	start := d.pos
	t := tableType{present: true}
	flags := d.byte()
	switch {
	case d.err != nil:
		return t
	case flags <= 1:
	case flags <= 3:
		d.refuse(start, hintThreads, "shared %s: %s", what, reasonThreads)
	case flags <= 7:
		d.refuse(start, "compile for wasm32", "64-bit %s: %s", what, reasonMemory64)
	case flags <= 15:
		d.refuse(start, "", "custom page sizes are not accepted")
	default:
		d.refuse(start, "", "unknown limits %#02x", flags)
	}
	t.min = d.u32()
	if flags&1 != 0 {
		t.hasMax, t.max = true, d.u32()
		if d.err == nil && t.max < t.min {
			d.refuse(start, "", "the maximum %d of the %s is below the minimum %d", t.max, what, t.min)
		}
	}
	return t
}

func (d *decoder) readTables() {
	n := d.count("tables", 3, maxPages)
	if n > 1 {
		d.refuse(d.pos, "", "%s", reasonOneTable)
	}
	d.keep(secTable, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		switch t := d.byte(); {
		case t == 0x70 || d.err != nil:
		case t == 0x6f:
			d.refuse(start, "", "%s", reasonExternref)
		case t == 0x40 || t == 0x63 || t == 0x64:
			d.refuse(start, "", "%s", reasonTypedRefs)
		case t >= 0x65 && t <= 0x73:
			d.refuse(start, "", "%s", reasonGC)
		default:
			d.refuse(start, "", "unknown element type %#02x", t)
		}
		start = d.pos
		d.table = d.limits("table")
		d.checkLimit(start, "table elements", int64(d.table.min), d.config.Limits.TableSize)
	}
}

func (d *decoder) readMemories() {
	n := d.count("memories", 2, maxPages)
	if n > 1 {
		d.refuse(d.pos, "", "%s", reasonMemories)
	}
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		m := d.limits("memory")
		if d.err != nil {
			return
		}
		if m.min > maxPages || m.hasMax && m.max > maxPages {
			d.refuse(start, "", "a memory has at most %d pages", maxPages)
		}
		d.checkLimit(start, "pages of memory", int64(m.min), d.config.Limits.MemoryPages)
		if limit := uint32(min(d.config.Limits.MemoryPages, maxPages)); !m.hasMax || m.max > limit {
			m.hasMax, m.max = true, limit
		}
		d.memory = m
	}
}

func (d *decoder) readGlobals() {
	n := d.count("globals", 4, d.config.Limits.Globals)
	d.keep(secGlobal, n)
	if d.err != nil {
		return
	}
	d.globals = make([]global, 0, n)
	for ; n > 0 && d.err == nil; n-- {
		start := d.pos
		t := d.byte()
		if d.err == nil && !isValueType(t) {
			d.refuseValueType(start, t)
		}
		start = d.pos
		mut := d.byte()
		if mut > 1 {
			if mut <= 3 {
				d.refuse(start, hintThreads, "shared global: %s", reasonThreads)
			}
			d.refuse(start, "", "malformed mutability %#02x", mut)
		}
		d.constant(t)
		d.globals = append(d.globals, global{typ: t, mutable: mut == 1})
	}
}

// constant reads a constant expression of number type t and returns its value
// if that is an i32.
func (d *decoder) constant(t byte) uint32 {
	start := d.pos
	code := d.byte()
	if d.err != nil {
		return 0
	}
	got, value := byte(none), uint32(0)
	switch code {
	case opI32Const:
		got, value = i32, uint32(d.signed(32))
	case opI64Const:
		got = i64
		d.signed(64)
	case opF32Const:
		got = f32
		d.bytes(4)
	case opF64Const:
		got = f64
		d.bytes(8)
	case opGlobalGet:
		d.instruction = "global.get"
		d.refuse(start, "", "a constant expression cannot read a global: none can be imported (%s)", reasonConst)
	case opEnd:
		d.refuse(start, "", "an empty constant expression where a value of type %s is needed", valueTypeName(t))
	default:
		if opcodes[code].shape == invalid {
			d.refuseOpcode(start, code, 0)
		} else {
			d.instruction = opcodes[code].name
			d.refuse(start, "", "not allowed in a constant expression")
		}
	}
	if d.err == nil && got != t {
		d.refuse(start, "", "a constant of type %s where %s is needed", valueTypeName(got), valueTypeName(t))
	}
	d.endConstant()
	return value
}

// endConstant reads the end of a constant expression.
func (d *decoder) endConstant() {
	start := d.pos
	if c := d.byte(); d.err == nil && c != opEnd {
		d.instruction = opcodes[c].name
		d.refuse(start, "", "a constant expression must be one constant: %s", reasonConst)
	}
}
