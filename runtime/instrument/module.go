package instrument

import (
	"bytes"
	"unicode/utf8"
)

// DataSection is the name of the custom section that becomes Result.Data.
const DataSection = "crankcase.data"

// Section numbers.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
	secTag
	sections
)

var sectionNames = [sections]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start",
	"element", "code", "data", "data count", "tag"}

// sectionOrder ranks sections: each may come once, in ascending rank.
var sectionOrder = [sections]int{secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secTag: 6, secGlobal: 7,
	secExport: 8, secStart: 9, secElement: 10, secDataCount: 11, secCode: 12, secData: 13}

// A vector is the content of a section that is copied as it is: how many
// entries, and their bytes in the module.
type vector struct {
	count   int
	entries []byte
}

// A funcType is an entry of the type section. Its slices are bytes of the
// module: a value type is one byte.
type funcType struct{ params, results []byte }

type global struct {
	typ     byte
	mutable bool
}

type tableType struct {
	present  bool
	min, max uint32
	hasMax   bool
}

// A decoder holds what is known of a module while it is read. Sections come in
// an order in which each needs only what came before, so one pass does: code
// is rewritten as it is read.
type decoder struct {
	reader
	config Config

	types    []funcType
	imported int      // number of imported functions; they come first
	funcs    []uint32 // type index of each function
	bodies   int      // entries of the code section seen
	table    tableType
	memory   tableType // in pages
	globals  []global
	exports  map[string]struct{} // names seen; looked up only
	start    int                 // function index, or -1
	elements int
	// dataCount is what the data count section says, or -1.
	dataCount int
	segments  int // entries of the data section seen

	raw  [sections]vector
	data []byte // content of DataSection, in the module
	// found tells that DataSection was there, even if empty.
	found bool

	code codeState
}

// run decodes the module. It stops at the first thing that is wrong.
func (d *decoder) run() {
	if limit := d.config.Limits.ModuleBytes; len(d.b) > limit {
		d.refuse(-1, "", "the module has %d bytes, at most %d are allowed", len(d.b), limit)
		return
	}
	if len(d.b) < 8 || !bytes.Equal(d.b[:4], []byte("\x00asm")) {
		d.refuse(0, "", "not a WebAssembly module")
		return
	}
	switch v := d.b[4:8]; {
	case bytes.Equal(v, []byte{0x0d, 0, 1, 0}):
		d.refuse(4, "give the core module inside it", "this is a component, not a core module")
		return
	case !bytes.Equal(v, []byte{1, 0, 0, 0}):
		d.refuse(4, "", "unknown binary version %x", v)
		return
	}
	d.pos = 8
	for last := 0; d.err == nil && d.pos < len(d.b); {
		last = d.readSection(last)
	}
	d.section, d.end = "", len(d.b)
	if d.err == nil {
		d.checkWhole()
	}
}

// readSection reads one section. last is the rank of the one before; the rank
// of this one is returned.
func (d *decoder) readSection(last int) int {
	start := d.pos
	d.section, d.end = "", len(d.b)
	id := d.byte()
	if id >= sections {
		d.refuse(start, "", "unknown section %d", id)
		return last
	}
	d.section = sectionNames[id]
	size := d.u32()
	if uint64(size) > uint64(d.left()) {
		d.refuse(start, "", "section of %d bytes announced, %d left", size, d.left())
	}
	if d.err != nil {
		return last
	}
	d.end = d.pos + int(size)
	if id != secCustom {
		if sectionOrder[id] <= last {
			d.refuse(start, "", "section is repeated or out of order")
			return last
		}
		last = sectionOrder[id]
	}
	switch id {
	case secCustom:
		d.readCustom(start)
	case secType:
		d.readTypes()
	case secImport:
		d.readImports()
	case secFunction:
		d.readFunctions()
	case secTable:
		d.readTables()
	case secMemory:
		d.readMemories()
	case secGlobal:
		d.readGlobals()
	case secExport:
		d.readExports()
	case secStart:
		d.readStart()
	case secElement:
		d.readElements()
	case secDataCount:
		if n := d.u32(); d.err == nil {
			d.dataCount = int(n)
			d.checkLimit(start, "data segments", int64(n), d.config.Limits.Data)
		}
	case secCode:
		d.readCode()
	case secData:
		d.readData()
	case secTag:
		d.refuse(start, "compile without -fwasm-exceptions", "tags: %s", reasonExceptions)
	}
	if d.err == nil && d.pos != d.end {
		d.refuse(d.pos, "", "section has %d bytes more than its content", d.left())
	}
	return last
}

func (d *decoder) checkLimit(off int, what string, n int64, limit int) {
	if n > int64(limit) {
		d.refuse(off, "", "%d %s, at most %d are allowed", n, what, limit)
	}
}

func (d *decoder) readCustom(start int) {
	name := d.name()
	if d.err == nil && name == DataSection {
		if d.found {
			d.refuse(start, "", "a second section %s", DataSection)
			return
		}
		d.found, d.data = true, d.b[d.pos:d.end]
	}
	if d.err == nil {
		d.pos = d.end
	}
}

// keep marks the rest of a section's content as a vector of n entries that
// goes into the result as it is. Call it after reading the count.
func (d *decoder) keep(section, n int) {
	d.raw[section] = vector{count: n, entries: d.b[d.pos:d.end]}
}

// checkWhole checks what can only be known at the end.
func (d *decoder) checkWhole() {
	if own := len(d.funcs) - d.imported; d.bodies != own {
		d.refuse(-1, "", "%d functions are declared, %d have code", own, d.bodies)
	}
	if d.dataCount >= 0 && d.segments != d.dataCount {
		d.refuse(-1, "", "the data count section says %d, the data section has %d segments", d.dataCount, d.segments)
	}
	if d.config.anyInterface {
		return
	}
	if !d.memory.present {
		d.refuse(-1, "", "the module defines no memory")
	}
	if _, ok := d.exports[memoryExport]; !ok {
		d.refuse(-1, "", "the memory is not exported as %q", memoryExport)
	}
	for i := range d.config.Exports {
		e := &d.config.Exports[i]
		if _, ok := d.exports[e.Name]; !ok && !e.Optional {
			d.section = sectionNames[secExport]
			d.refuse(-1, "", "function %q with type %s is not exported", e.Name, typeText(e.Params, e.Results))
		}
	}
}

// functionName returns the name that the module's name section gives a
// function, cut and cleaned for messages, or an empty string. The module may
// be malformed.
func functionName(module []byte, function int) string {
	r := &reader{b: module, pos: 8, end: len(module)}
	for r.err == nil && r.pos < len(module) {
		r.end = len(module)
		id := r.byte()
		size := r.u32()
		if r.err != nil || uint64(size) > uint64(r.left()) {
			return ""
		}
		r.end = r.pos + int(size)
		if id == secCustom && r.name() == "name" {
			return nameIn(r, function)
		}
		r.pos = r.end
	}
	return ""
}

// nameIn looks a function up in the content of a name section.
func nameIn(r *reader, function int) string {
	for r.err == nil && r.left() > 0 {
		id := r.byte()
		p := r.bytes(r.u32())
		if id != 1 {
			continue
		}
		sub := &reader{b: p, end: len(p)}
		for n := sub.u32(); n > 0 && sub.err == nil; n-- {
			index := sub.u32()
			text := sub.bytes(sub.u32())
			if sub.err == nil && uint64(index) == uint64(function) {
				return clean(text)
			}
		}
		return ""
	}
	return ""
}

// clean makes a guest's text fit for a message: at most 128 bytes, without
// control characters.
func clean(text []byte) string {
	const most = 128
	out := make([]byte, 0, min(len(text), most))
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			c = '?'
		}
		if len(out)+utf8.RuneLen(c) > most {
			break
		}
		out = utf8.AppendRune(out, c)
		text = text[n:]
	}
	return string(out)
}
