package instrument

import (
	"slices"
	"strconv"

	"github.com/crankcase/crankcase/runtime"
)

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS64(b []byte, v int64) []byte {
	for v < -0x40 || v >= 0x40 {
		b = append(b, byte(v)&0x7f|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

// section appends a section whose content is a vector and what is added to it.
// A section without content is left out.
func appendSection(b []byte, id byte, v vector, added int, extra []byte) []byte {
	count := uint32(v.count + added)
	if count == 0 {
		return b
	}
	var head [5]byte
	n := appendU32(head[:0], count)
	b = appendU32(append(b, id), uint32(len(n)+len(v.entries)+len(extra)))
	b = append(b, n...)
	b = append(b, v.entries...)
	return append(b, extra...)
}

// encode puts the module together.
func (d *decoder) encode() *Result {
	c := &d.code
	res := &Result{MemoryMin: int(d.memory.min), MemoryMax: int(d.memory.max), Functions: len(d.funcs) - d.imported, HadStart: d.start >= 0}
	size := 1024 + len(c.out)
	for i := range d.raw {
		size += len(d.raw[i].entries) + 16
	}
	b := make([]byte, 0, size)
	b = append(b, "\x00asm\x01\x00\x00\x00"...)

	var types []byte
	for _, results := range c.newTypes {
		types = appendU32(append(types, 0x60, 0), uint32(len(results)))
		types = append(types, results...)
	}
	newTypes, growType := len(c.newTypes), uint32(len(d.types)+len(c.newTypes))
	if c.usesGrow {
		types = append(types, 0x60, 1, i32, 1, i32)
		newTypes++
	}
	b = appendSection(b, secType, d.raw[secType], newTypes, types)
	b = appendSection(b, secImport, d.raw[secImport], 0, nil)
	if c.usesGrow {
		b = appendSection(b, secFunction, d.raw[secFunction], 1, appendU32(nil, growType))
		c.out = d.appendGrow(c.out)
	} else {
		b = appendSection(b, secFunction, d.raw[secFunction], 0, nil)
	}
	b = appendSection(b, secTable, d.raw[secTable], 0, nil)
	if d.memory.present {
		m := appendU32(appendU32([]byte{1}, d.memory.min), d.memory.max)
		b = appendSection(b, secMemory, vector{}, 1, m)
	}
	b = appendSection(b, secGlobal, d.raw[secGlobal], injectedGlobals, []byte{
		i64, 1, opI64Const, 0, opEnd, // gas
		i32, 1, opI32Const, 0, opEnd, // depth
		i32, 1, opI32Const, 0, opEnd, // status
		i64, 1, opI64Const, 0, opEnd, // clock
	})
	n, exports := d.addedExports(res)
	b = appendSection(b, secExport, d.raw[secExport], n, exports)
	b = appendSection(b, secElement, d.raw[secElement], 0, nil)
	if d.dataCount >= 0 {
		n := appendU32(nil, uint32(d.dataCount))
		b = append(appendU32(append(b, secDataCount), uint32(len(n))), n...)
	}
	own := vector{count: d.bodies, entries: c.out}
	if c.usesGrow {
		own.count++
	}
	b = appendSection(b, secCode, own, 0, nil)
	b = appendSection(b, secData, d.raw[secData], 0, nil)
	d.section = ""
	d.checkLimit(-1, "bytes of instrumented code", int64(len(b)), d.config.Limits.InstrumentedBytes)
	res.Code = b
	if d.found {
		res.Data = append([]byte{}, d.data...)
	}
	return res
}

// addedExports encodes the reserved exports and notes the globals in res.
func (d *decoder) addedExports(res *Result) (count int, b []byte) {
	add := func(name string, kind byte, index int) {
		b = appendU32(append(appendName(b, name), kind), uint32(index))
		count++
	}
	for i, name := range [injectedGlobals]string{gasGlobal: runtime.GlobalGas, depthGlobal: runtime.GlobalDepth,
		statusGlobal: runtime.GlobalStatus, clockGlobal: runtime.GlobalClock} {
		add(name, kindGlobal, len(d.globals)+i)
	}
	if d.start >= 0 {
		add(runtime.FuncStart, kindFunction, d.start)
	}
	for i, g := range d.globals {
		if g.mutable {
			add(runtime.GlobalPrefix+strconv.Itoa(i), kindGlobal, i)
			res.Globals = append(res.Globals, i)
		}
	}
	return count, b
}

// appendGrow appends the grow function, which stands for memory.grow. Over the
// logical limit it answers -1. Within it, it charges for the pages and grows;
// if the engine then answers -1, the host is out of memory, and the guest must
// not see that.
func (d *decoder) appendGrow(out []byte) []byte {
	b := []byte{1, 1, i64} // local 1: scratch
	b = appendS64(append(b, opLocalGet, 0, opI32Const), int64(d.memory.max))
	b = append(b, opMemorySize, 0, opI32Sub, opI32GtU,
		opIf, emptyBlock, opI32Const, 0x7f, opReturn, opEnd)
	b = d.appendGlobal(b, opGlobalGet, gasGlobal)
	b = appendS64(append(b, opLocalGet, 0, opI64ExtendU, opI64Const), pricePage)
	b = append(b, opI64Mul, opI64Sub)
	b = d.appendGasCheck(b, 1)
	b = append(b, opLocalGet, 0, opMemoryGrow, 0, opLocalTee, 0, opI32Const, 0x7f, opI32Eq)
	b = d.appendTrapIf(b, runtime.StatusHost)
	b = append(b, opLocalGet, 0, opEnd)
	return append(appendU32(slices.Grow(out, len(b)+5), uint32(len(b))), b...)
}
