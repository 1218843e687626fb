package instrument

// A guest is a module with one function, crankcase_deliver, made by hand: a
// valid guest if nothing is set. Sections that are set replace the usual ones.
type guest struct {
	types, imports, table, memory, globals, exports, start, elements, data []byte // content of the section
	locals, body                                                           []byte // groups of locals with their count; code without the end
	before, after                                                          []byte // raw sections before the first and after the last
	dataCount                                                              []byte
}

func moduleOf(g guest) []byte {
	or := func(b, usual []byte) []byte {
		if b == nil {
			return usual
		}
		return b
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) {
		if content != nil {
			out = append(appendU32(append(out, id), uint32(len(content))), content...)
		}
	}
	out = append(out, g.before...)
	section(secType, or(g.types, []byte{1, 0x60, 2, i32, i32, 1, i32}))
	section(secImport, g.imports)
	section(secFunction, []byte{1, 0})
	section(secTable, g.table)
	section(secMemory, or(g.memory, []byte{1, 0, 1}))
	section(secGlobal, g.globals)
	section(secExport, or(g.exports, exportsOf("memory", kindMemory, "crankcase_deliver", kindFunction)))
	section(secStart, g.start)
	section(secElement, g.elements)
	section(secDataCount, g.dataCount)
	body := append(or(g.locals, []byte{0}), or(g.body, []byte{opI32Const, 0})...)
	body = append(body, opEnd)
	section(secCode, append(appendU32([]byte{1}, uint32(len(body))), body...))
	section(secData, g.data)
	return append(out, g.after...)
}

// exportsOf lists pairs of name and kind, all with index 0.
func exportsOf(pairs ...any) []byte {
	b := []byte{byte(len(pairs) / 2)}
	for i := 0; i < len(pairs); i += 2 {
		b = append(appendName(b, pairs[i].(string)), byte(pairs[i+1].(int)), 0)
	}
	return b
}

// importOf is an import of one thing of the given kind and type.
func importOf(module, name string, kind ...byte) []byte {
	return append(appendName(appendName([]byte{1}, module), name), kind...)
}

// custom is a custom section.
func custom(name string, content ...byte) []byte {
	b := append(appendName(nil, name), content...)
	return append(appendU32([]byte{secCustom}, uint32(len(b))), b...)
}
