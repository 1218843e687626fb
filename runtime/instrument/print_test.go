package instrument

import (
	"fmt"
	"strings"
)

// disassemble writes a module out as text: one line for each entry of a section
// and each instruction. It reads what Instrument made, so it panics on errors.
func disassemble(module []byte) string {
	p := &printer{r: reader{b: module, pos: 8, end: len(module), function: -1}}
	for p.r.pos < len(module) {
		p.r.end = len(module)
		id, size := p.r.byte(), p.r.u32()
		p.r.end = p.r.pos + int(size)
		p.section(id)
		if p.r.err != nil || p.r.pos != p.r.end {
			panic(fmt.Sprintf("section %d: %v, at %#x of %#x", id, p.r.err, p.r.pos, p.r.end))
		}
	}
	return p.out.String()
}

type printer struct {
	r         reader
	out       strings.Builder
	functions int
}

func (p *printer) line(depth int, format string, args ...any) {
	p.out.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

func (p *printer) types() string {
	var names []string
	for _, t := range p.r.bytes(p.r.u32()) {
		names = append(names, valueTypeName(t))
	}
	return "(" + strings.Join(names, " ") + ")"
}

func (p *printer) section(id byte) {
	n := int(p.r.u32())
	p.line(0, "%s %d", sectionNames[id], n)
	if id == secDataCount {
		return
	}
	for i := range n {
		switch id {
		case secType:
			p.r.byte()
			p.line(1, "%d: %s -> %s", i, p.types(), p.types())
		case secImport:
			p.line(1, "%d: %s %s kind %d type %d", i, p.r.name(), p.r.name(), p.r.byte(), p.r.u32())
			p.functions++
		case secFunction:
			p.line(1, "%d: type %d", p.functions+i, p.r.u32())
		case secTable:
			p.line(1, "type %#x limits %s", p.r.byte(), p.limits())
		case secMemory:
			p.line(1, "limits %s", p.limits())
		case secGlobal:
			t, mut := valueTypeName(p.r.byte()), p.r.byte()
			p.line(1, "%d: %s mutable %d", i, t, mut)
			p.body(2)
		case secExport:
			p.line(1, "%q kind %d index %d", p.r.name(), p.r.byte(), p.r.u32())
		case secElement:
			p.line(1, "flags %d", p.r.u32())
			p.body(2)
			for n := p.r.u32(); n > 0; n-- {
				p.line(2, "function %d", p.r.u32())
			}
		case secCode:
			p.r.u32()
			p.line(1, "function %d", p.functions+i)
			for n := p.r.u32(); n > 0; n-- {
				count := p.r.u32()
				p.line(2, "local %d %s", count, valueTypeName(p.r.byte()))
			}
			p.body(2)
		case secData:
			flags := p.r.u32()
			p.line(1, "flags %d", flags)
			if flags == 0 {
				p.body(2)
			}
			p.line(2, "%q", p.r.bytes(p.r.u32()))
		}
	}
}

func (p *printer) limits() string {
	if p.r.byte() == 0 {
		return fmt.Sprint(p.r.u32())
	}
	return fmt.Sprint(p.r.u32(), p.r.u32())
}

// body prints instructions to the end that closes them.
func (p *printer) body(depth int) {
	for inner := 0; inner >= 0; {
		code := p.r.byte()
		name, args := opcodes[code].name, ""
		arg := func(v any) { args += " " + fmt.Sprint(v) }
		switch code {
		case opBlock, opLoop, opIf:
			if t := p.r.signed(33); t == -0x40 {
				// no result
			} else if t < 0 {
				arg(valueTypeName(byte(t & 0x7f)))
			} else {
				arg(fmt.Sprint("type ", t))
			}
		case opBr, opBrIf, opCall, opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet:
			arg(p.r.u32())
		case opBrTable:
			for n := p.r.u32() + 1; n > 0; n-- {
				arg(p.r.u32())
			}
		case opCallIndirect:
			arg(p.r.u32())
			arg(p.r.u32())
		case opMemorySize, opMemoryGrow:
			p.r.byte()
		case opI32Const:
			arg(p.r.signed(32))
		case opI64Const:
			arg(p.r.signed(64))
		case opF32Const:
			arg(fmt.Sprintf("%x", p.r.bytes(4)))
		case opF64Const:
			arg(fmt.Sprintf("%x", p.r.bytes(8)))
		case opBulk:
			sub := p.r.u32()
			name = bulkOpcodes[sub].name
			for range map[uint32]int{bulkMemoryInit: 2, bulkMemoryCopy: 2, bulkMemoryFill: 1}[sub] {
				p.r.u32()
			}
		default:
			if opcodes[code].shape == memory {
				arg(p.r.u32())
				arg(p.r.u32())
			}
		}
		if p.r.err != nil {
			panic(p.r.err)
		}
		if code == opEnd || code == opElse {
			inner--
		}
		p.line(depth+max(inner, 0), "%s%s", name, args)
		if code == opBlock || code == opLoop || code == opIf || code == opElse {
			inner++
		}
	}
}
