package instrument

// Value types, and unknown: the type of an operand below a point that control
// does not reach, which fits any.
const (
	i32     = 0x7f
	i64     = 0x7e
	f32     = 0x7d
	f64     = 0x7c
	unknown = 0
	none    = 0 // in the opcode table: no operand
)

// Opcodes that the decoder or the rewriter names.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eq        = 0x46
	opI32GtS       = 0x4a
	opI32GtU       = 0x4b
	opI64LtS       = 0x53
	opF32Eq        = 0x5b
	opF64Eq        = 0x61
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opBulk         = 0xfc // prefix: saturating conversions, bulk memory, tables

	emptyBlock = 0x40
)

// Second bytes after opBulk.
const (
	bulkMemoryInit = 8
	bulkMemoryCopy = 10
	bulkMemoryFill = 11
)

// A shape says how an instruction's immediates and types are handled.
type shape uint8

const (
	invalid shape = iota // no such opcode
	special              // handled one by one
	plain                // no immediates, types as in the table
	memory               // memarg, types as in the table
)

// An opcode describes an instruction: what it pops (in2 is on top of in1),
// what it pushes, and its price in gas.
type opcode struct {
	name          string
	shape         shape
	in1, in2, out byte
	align         byte // memory: log2 of the access's width
	price         uint8
	nan           nanRole
}

// A nanRole is an instruction's part in NaN canonicalisation.
type nanRole uint8

const (
	nanNone  nanRole = 0
	nanMakes nanRole = 1 << iota // the result may be a NaN with bits that differ between machines
	// nanBlind: the top operand is a float whose NaN bits cannot be told
	// from any other NaN's by what the instruction does, if a NaN that
	// the instruction itself makes is canonicalised.
	nanBlind
)

func special0(name string, price uint8) opcode {
	return opcode{name: name, shape: special, price: price}
}
func unary(name string, in, out byte, price uint8) opcode {
	return opcode{name: name, shape: plain, in1: in, out: out, price: price}
}
func binary(name string, in, out byte, price uint8) opcode {
	return opcode{name: name, shape: plain, in1: in, in2: in, out: out, price: price}
}
func load(name string, out, align byte) opcode {
	return opcode{name: name, shape: memory, in1: i32, out: out, align: align, price: priceLoad}
}
func store(name string, in, align byte) opcode {
	return opcode{name: name, shape: memory, in1: i32, in2: in, align: align, price: priceStore}
}

// float marks an instruction as one that makes NaNs and is blind to those it takes.
func float(o opcode) opcode { o.nan = nanMakes | nanBlind; return o }

// blind marks an instruction as one that gives the same for any NaN.
func blind(o opcode) opcode { o.nan = nanBlind; return o }

// opcodes are the instructions of one byte that are accepted.
var opcodes = [256]opcode{
	opUnreachable: special0("unreachable", priceFree), opNop: special0("nop", priceFree),
	opBlock: special0("block", priceFree), opLoop: special0("loop", priceFree), // priceLoop, inside it
	opIf: special0("if", priceSimple), opElse: special0("else", priceFree), opEnd: special0("end", priceFree),
	opBr: special0("br", priceSimple), opBrIf: special0("br_if", priceSimple), opBrTable: special0("br_table", priceBrTable),
	opReturn: special0("return", priceSimple),
	opCall:   special0("call", priceCall), opCallIndirect: special0("call_indirect", priceCallIndirect),
	opDrop:   {name: "drop", shape: special, price: priceFree, nan: nanBlind},
	opSelect: special0("select", priceSimple), opSelectTyped: special0("select", priceSimple),
	opLocalGet: special0("local.get", priceSimple), opLocalSet: special0("local.set", priceSimple), opLocalTee: special0("local.tee", priceSimple),
	opGlobalGet: special0("global.get", priceLoad), opGlobalSet: special0("global.set", priceStore),

	0x28: load("i32.load", i32, 2), 0x29: load("i64.load", i64, 3), 0x2a: load("f32.load", f32, 2), 0x2b: load("f64.load", f64, 3),
	0x2c: load("i32.load8_s", i32, 0), 0x2d: load("i32.load8_u", i32, 0), 0x2e: load("i32.load16_s", i32, 1), 0x2f: load("i32.load16_u", i32, 1),
	0x30: load("i64.load8_s", i64, 0), 0x31: load("i64.load8_u", i64, 0), 0x32: load("i64.load16_s", i64, 1), 0x33: load("i64.load16_u", i64, 1),
	0x34: load("i64.load32_s", i64, 2), 0x35: load("i64.load32_u", i64, 2),
	0x36: store("i32.store", i32, 2), 0x37: store("i64.store", i64, 3), 0x38: store("f32.store", f32, 2), 0x39: store("f64.store", f64, 3),
	0x3a: store("i32.store8", i32, 0), 0x3b: store("i32.store16", i32, 1),
	0x3c: store("i64.store8", i64, 0), 0x3d: store("i64.store16", i64, 1), 0x3e: store("i64.store32", i64, 2),
	opMemorySize: special0("memory.size", priceLoad), opMemoryGrow: special0("memory.grow", priceGrow),

	opI32Const: special0("i32.const", priceSimple), opI64Const: special0("i64.const", priceSimple),
	opF32Const: special0("f32.const", priceSimple), opF64Const: special0("f64.const", priceSimple),

	0x45: unary("i32.eqz", i32, i32, priceSimple), opI32Eq: binary("i32.eq", i32, i32, priceSimple), 0x47: binary("i32.ne", i32, i32, priceSimple),
	0x48: binary("i32.lt_s", i32, i32, priceSimple), 0x49: binary("i32.lt_u", i32, i32, priceSimple),
	opI32GtS: binary("i32.gt_s", i32, i32, priceSimple), opI32GtU: binary("i32.gt_u", i32, i32, priceSimple),
	0x4c: binary("i32.le_s", i32, i32, priceSimple), 0x4d: binary("i32.le_u", i32, i32, priceSimple),
	0x4e: binary("i32.ge_s", i32, i32, priceSimple), 0x4f: binary("i32.ge_u", i32, i32, priceSimple),
	0x50: unary("i64.eqz", i64, i32, priceSimple), 0x51: binary("i64.eq", i64, i32, priceSimple), 0x52: binary("i64.ne", i64, i32, priceSimple),
	opI64LtS: binary("i64.lt_s", i64, i32, priceSimple), 0x54: binary("i64.lt_u", i64, i32, priceSimple),
	0x55: binary("i64.gt_s", i64, i32, priceSimple), 0x56: binary("i64.gt_u", i64, i32, priceSimple),
	0x57: binary("i64.le_s", i64, i32, priceSimple), 0x58: binary("i64.le_u", i64, i32, priceSimple),
	0x59: binary("i64.ge_s", i64, i32, priceSimple), 0x5a: binary("i64.ge_u", i64, i32, priceSimple),
	opF32Eq: blind(binary("f32.eq", f32, i32, priceFloatCompare)), 0x5c: blind(binary("f32.ne", f32, i32, priceFloatCompare)),
	0x5d: blind(binary("f32.lt", f32, i32, priceFloatCompare)), 0x5e: blind(binary("f32.gt", f32, i32, priceFloatCompare)),
	0x5f: blind(binary("f32.le", f32, i32, priceFloatCompare)), 0x60: blind(binary("f32.ge", f32, i32, priceFloatCompare)),
	opF64Eq: blind(binary("f64.eq", f64, i32, priceFloatCompare)), 0x62: blind(binary("f64.ne", f64, i32, priceFloatCompare)),
	0x63: blind(binary("f64.lt", f64, i32, priceFloatCompare)), 0x64: blind(binary("f64.gt", f64, i32, priceFloatCompare)),
	0x65: blind(binary("f64.le", f64, i32, priceFloatCompare)), 0x66: blind(binary("f64.ge", f64, i32, priceFloatCompare)),

	0x67: unary("i32.clz", i32, i32, priceSimple), 0x68: unary("i32.ctz", i32, i32, priceSimple), 0x69: unary("i32.popcnt", i32, i32, priceSimple),
	opI32Add: binary("i32.add", i32, i32, priceSimple), opI32Sub: binary("i32.sub", i32, i32, priceSimple), 0x6c: binary("i32.mul", i32, i32, priceMul),
	0x6d: binary("i32.div_s", i32, i32, priceDiv32), 0x6e: binary("i32.div_u", i32, i32, priceDiv32),
	0x6f: binary("i32.rem_s", i32, i32, priceDiv32), 0x70: binary("i32.rem_u", i32, i32, priceDiv32),
	0x71: binary("i32.and", i32, i32, priceSimple), 0x72: binary("i32.or", i32, i32, priceSimple), 0x73: binary("i32.xor", i32, i32, priceSimple),
	0x74: binary("i32.shl", i32, i32, priceSimple), 0x75: binary("i32.shr_s", i32, i32, priceSimple), 0x76: binary("i32.shr_u", i32, i32, priceSimple),
	0x77: binary("i32.rotl", i32, i32, priceSimple), 0x78: binary("i32.rotr", i32, i32, priceSimple),
	0x79: unary("i64.clz", i64, i64, priceSimple), 0x7a: unary("i64.ctz", i64, i64, priceSimple), 0x7b: unary("i64.popcnt", i64, i64, priceSimple),
	0x7c: binary("i64.add", i64, i64, priceSimple), opI64Sub: binary("i64.sub", i64, i64, priceSimple), opI64Mul: binary("i64.mul", i64, i64, priceMul),
	0x7f: binary("i64.div_s", i64, i64, priceDiv64), 0x80: binary("i64.div_u", i64, i64, priceDiv64),
	0x81: binary("i64.rem_s", i64, i64, priceDiv64), 0x82: binary("i64.rem_u", i64, i64, priceDiv64),
	0x83: binary("i64.and", i64, i64, priceSimple), 0x84: binary("i64.or", i64, i64, priceSimple), 0x85: binary("i64.xor", i64, i64, priceSimple),
	0x86: binary("i64.shl", i64, i64, priceSimple), 0x87: binary("i64.shr_s", i64, i64, priceSimple), opI64ShrU: binary("i64.shr_u", i64, i64, priceSimple),
	0x89: binary("i64.rotl", i64, i64, priceSimple), 0x8a: binary("i64.rotr", i64, i64, priceSimple),

	0x8b: unary("f32.abs", f32, f32, priceFloatSign), 0x8c: unary("f32.neg", f32, f32, priceFloatSign),
	0x8d: float(unary("f32.ceil", f32, f32, priceFloat)), 0x8e: float(unary("f32.floor", f32, f32, priceFloat)),
	0x8f: float(unary("f32.trunc", f32, f32, priceFloat)), 0x90: float(unary("f32.nearest", f32, f32, priceFloat)),
	0x91: float(unary("f32.sqrt", f32, f32, priceFloatDiv)),
	0x92: float(binary("f32.add", f32, f32, priceFloat)), 0x93: float(binary("f32.sub", f32, f32, priceFloat)),
	0x94: float(binary("f32.mul", f32, f32, priceFloat)), 0x95: float(binary("f32.div", f32, f32, priceFloatDiv)),
	0x96: float(binary("f32.min", f32, f32, priceFloat)), 0x97: float(binary("f32.max", f32, f32, priceFloat)),
	0x98: binary("f32.copysign", f32, f32, priceFloatSign),
	0x99: unary("f64.abs", f64, f64, priceFloatSign), 0x9a: unary("f64.neg", f64, f64, priceFloatSign),
	0x9b: float(unary("f64.ceil", f64, f64, priceFloat)), 0x9c: float(unary("f64.floor", f64, f64, priceFloat)),
	0x9d: float(unary("f64.trunc", f64, f64, priceFloat)), 0x9e: float(unary("f64.nearest", f64, f64, priceFloat)),
	0x9f: float(unary("f64.sqrt", f64, f64, priceFloatDiv)),
	0xa0: float(binary("f64.add", f64, f64, priceFloat)), 0xa1: float(binary("f64.sub", f64, f64, priceFloat)),
	0xa2: float(binary("f64.mul", f64, f64, priceFloat)), 0xa3: float(binary("f64.div", f64, f64, priceFloatDiv)),
	0xa4: float(binary("f64.min", f64, f64, priceFloat)), 0xa5: float(binary("f64.max", f64, f64, priceFloat)),
	0xa6: binary("f64.copysign", f64, f64, priceFloatSign),

	0xa7: unary("i32.wrap_i64", i64, i32, priceSimple),
	0xa8: blind(unary("i32.trunc_f32_s", f32, i32, priceTrunc)), 0xa9: blind(unary("i32.trunc_f32_u", f32, i32, priceTrunc)),
	0xaa: blind(unary("i32.trunc_f64_s", f64, i32, priceTrunc)), 0xab: blind(unary("i32.trunc_f64_u", f64, i32, priceTrunc)),
	0xac: unary("i64.extend_i32_s", i32, i64, priceSimple), opI64ExtendU: unary("i64.extend_i32_u", i32, i64, priceSimple),
	0xae: blind(unary("i64.trunc_f32_s", f32, i64, priceTrunc)), 0xaf: blind(unary("i64.trunc_f32_u", f32, i64, priceTrunc)),
	0xb0: blind(unary("i64.trunc_f64_s", f64, i64, priceTrunc)), 0xb1: blind(unary("i64.trunc_f64_u", f64, i64, priceTrunc)),
	0xb2: unary("f32.convert_i32_s", i32, f32, priceConvert), 0xb3: unary("f32.convert_i32_u", i32, f32, priceConvert),
	0xb4: unary("f32.convert_i64_s", i64, f32, priceConvert), 0xb5: unary("f32.convert_i64_u", i64, f32, priceConvert),
	0xb6: float(unary("f32.demote_f64", f64, f32, priceFloat)),
	0xb7: unary("f64.convert_i32_s", i32, f64, priceConvert), 0xb8: unary("f64.convert_i32_u", i32, f64, priceConvert),
	0xb9: unary("f64.convert_i64_s", i64, f64, priceConvert), 0xba: unary("f64.convert_i64_u", i64, f64, priceConvert),
	0xbb: float(unary("f64.promote_f32", f32, f64, priceFloat)),
	0xbc: unary("i32.reinterpret_f32", f32, i32, priceSimple), 0xbd: unary("i64.reinterpret_f64", f64, i64, priceSimple),
	0xbe: unary("f32.reinterpret_i32", i32, f32, priceSimple), 0xbf: unary("f64.reinterpret_i64", i64, f64, priceSimple),

	0xc0: unary("i32.extend8_s", i32, i32, priceSimple), 0xc1: unary("i32.extend16_s", i32, i32, priceSimple),
	0xc2: unary("i64.extend8_s", i64, i64, priceSimple), 0xc3: unary("i64.extend16_s", i64, i64, priceSimple),
	0xc4: unary("i64.extend32_s", i64, i64, priceSimple),
}

// bulkOpcodes are the accepted instructions after opBulk.
var bulkOpcodes = [12]opcode{
	blind(unary("i32.trunc_sat_f32_s", f32, i32, priceTrunc)), blind(unary("i32.trunc_sat_f32_u", f32, i32, priceTrunc)),
	blind(unary("i32.trunc_sat_f64_s", f64, i32, priceTrunc)), blind(unary("i32.trunc_sat_f64_u", f64, i32, priceTrunc)),
	blind(unary("i64.trunc_sat_f32_s", f32, i64, priceTrunc)), blind(unary("i64.trunc_sat_f32_u", f32, i64, priceTrunc)),
	blind(unary("i64.trunc_sat_f64_s", f64, i64, priceTrunc)), blind(unary("i64.trunc_sat_f64_u", f64, i64, priceTrunc)),
	bulkMemoryInit: special0("memory.init", priceBulk),
	9:              {}, // data.drop is refused
	bulkMemoryCopy: special0("memory.copy", priceBulk),
	bulkMemoryFill: special0("memory.fill", priceBulk),
}
