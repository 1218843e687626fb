package instrument

import (
	"fmt"
	"strings"
)

// Reasons for features that are refused by name.
const (
	reasonThreads    = "threads and atomics are not accepted: an order between threads is not the same on each machine"
	reasonSIMD       = "SIMD is not accepted in this behaviour: NaN bits in float lanes are not canonicalised"
	reasonRelaxed    = "relaxed SIMD is not accepted: its results are not the same on each machine"
	reasonMemory64   = "64-bit memories (memory64) are not accepted"
	reasonMemories   = "more than one memory (multi-memory) is not accepted"
	reasonExceptions = "exception handling is not accepted"
	reasonTailCalls  = "tail calls are not accepted"
	reasonConst      = "computed constant expressions (extended-const) are not accepted"
	reasonTypedRefs  = "typed function references are not accepted"
	reasonGC         = "garbage-collected types (GC) are not accepted"
	reasonRefs       = "reference types are accepted only as the element type of a table (funcref), not as values"
	reasonExternref  = "externref is not accepted: a snapshot could not hold it"
	reasonTables     = "instructions that change a table or drop a segment are not accepted: a snapshot does not hold that state"
	reasonOneTable   = "more than one table is not accepted"

	hintSIMD    = "compile without -msimd128 or +simd128"
	hintThreads = "compile without -pthread, -matomics or +atomics"
	hintMVP     = "compile for the MVP: -mcpu=mvp, -Ctarget-cpu=mvp"
)

// refuseOpcode refuses an instruction that is not in the tables of accepted
// ones. code is its first byte, already read, at offset off; sub what follows
// a prefix byte.
func (r *reader) refuseOpcode(off int, code byte, sub uint32) {
	name, reason, hint := "", "", ""
	switch code {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		name = map[byte]string{0x06: "try", 0x07: "catch", 0x08: "throw", 0x09: "rethrow", 0x0a: "throw_ref",
			0x18: "delegate", 0x19: "catch_all", 0x1f: "try_table"}[code]
		reason, hint = reasonExceptions, "compile without -fwasm-exceptions"
	case 0x12, 0x13:
		name, reason, hint = [2]string{"return_call", "return_call_indirect"}[code-0x12], reasonTailCalls, "compile without -mtail-call"
	case 0x14, 0x15:
		name, reason = [2]string{"call_ref", "return_call_ref"}[code-0x14], reasonTypedRefs
	case 0x25:
		name, reason = "table.get", reasonRefs
	case 0x26:
		name, reason = "table.set", reasonTables
	case 0xd0, 0xd1, 0xd2:
		name, reason = [3]string{"ref.null", "ref.is_null", "ref.func"}[code-0xd0], reasonRefs
	case 0xd3:
		name, reason = "ref.eq", reasonGC
	case 0xd4, 0xd5, 0xd6:
		name, reason = [3]string{"ref.as_non_null", "br_on_null", "br_on_non_null"}[code-0xd4], reasonTypedRefs
	case 0xfb:
		name, reason = fmt.Sprintf("gc %#x", sub), reasonGC
	case opBulk:
		switch {
		case sub == 9 || sub >= 12 && sub <= 17:
			name = [9]string{"data.drop", "", "", "table.init", "elem.drop", "table.copy", "table.grow", "table.size", "table.fill"}[sub-9]
			reason = reasonTables
			if sub == 16 {
				reason = reasonRefs
			}
		case sub >= 19 && sub <= 22:
			name, reason = [4]string{"i64.add128", "i64.sub128", "i64.mul_wide_s", "i64.mul_wide_u"}[sub-19], "wide arithmetic is not accepted"
		default:
			reason = fmt.Sprintf("unknown instruction 0xfc %d", sub)
		}
	case 0xfd:
		name, reason, hint = simdName(sub), reasonSIMD, hintSIMD
		if sub >= 0x100 {
			reason = reasonRelaxed
		}
	case 0xfe:
		name, reason, hint = atomicName(sub), reasonThreads, hintThreads
	default:
		reason = fmt.Sprintf("unknown instruction %#02x", code)
	}
	r.instruction = name
	r.refuse(off, hint, "%s", reason)
}

// refuseValueType refuses a type byte that is not one of the four number types.
func (r *reader) refuseValueType(off int, t byte) {
	switch {
	case t == 0x7b:
		r.refuse(off, hintSIMD, "v128: %s", reasonSIMD)
	case t == 0x70:
		r.refuse(off, "", "funcref: %s", reasonRefs)
	case t == 0x6f:
		r.refuse(off, "", "%s", reasonExternref)
	case t == 0x69 || t == 0x74:
		r.refuse(off, "", "exnref: %s", reasonExceptions)
	case t == 0x63 || t == 0x64:
		r.refuse(off, "", "%s", reasonTypedRefs)
	case t >= 0x65 && t <= 0x73:
		r.refuse(off, "", "%s", reasonGC)
	default:
		r.refuse(off, "", "unknown value type %#02x", t)
	}
}

// simdName returns the name of the vector instruction with the given number.
func simdName(n uint32) string {
	if n >= 0x100 {
		if n -= 0x100; n < uint32(len(relaxedNames)) {
			return relaxedNames[n]
		}
		return fmt.Sprintf("relaxed simd %#x", n+0x100)
	}
	if n < uint32(len(simdNames)) && simdNames[n] != "-" {
		return simdNames[n]
	}
	return fmt.Sprintf("simd %#x", n)
}

// atomicName returns the name of the atomic instruction with the given number.
func atomicName(n uint32) string {
	switch {
	case n < 4:
		return [4]string{"memory.atomic.notify", "memory.atomic.wait32", "memory.atomic.wait64", "atomic.fence"}[n]
	case n >= 0x10 && n < 0x10+7*9:
		// Seven widths for each of nine operations.
		op := [9]string{"load", "store", "add", "sub", "and", "or", "xor", "xchg", "cmpxchg"}[(n-0x10)/7]
		t := [7]string{"i32", "i64", "i32", "i32", "i64", "i64", "i64"}[(n-0x10)%7]
		width := [7]string{"", "", "8", "16", "8", "16", "32"}[(n-0x10)%7]
		switch {
		case op == "load" || op == "store":
			s := t + ".atomic." + op + width
			if op == "load" && width != "" {
				s += "_u"
			}
			return s
		case width == "":
			return t + ".atomic.rmw." + op
		default:
			return t + ".atomic.rmw" + width + "." + op + "_u"
		}
	}
	return fmt.Sprintf("atomic %#x", n)
}

var relaxedNames = strings.Fields(`i8x16.relaxed_swizzle i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u
i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd
f64x2.relaxed_nmadd i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect
f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s
i32x4.relaxed_dot_i8x16_i7x16_add_s`)

// simdNames are the vector instructions by number; "-" where there is none.
var simdNames = strings.Fields(`v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u v128.load8_splat
v128.load16_splat v128.load32_splat v128.load64_splat v128.store v128.const i8x16.shuffle i8x16.swizzle i8x16.splat
i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat i8x16.extract_lane_s i8x16.extract_lane_u i8x16.replace_lane
i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane f32x4.extract_lane
f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s
i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s
i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq
i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s
i32x4.ge_u f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq
f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge v128.not v128.and v128.andnot
v128.or v128.xor v128.bitselect v128.any_true v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane
v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane v128.load32_zero v128.load64_zero f32x4.demote_f64x2_zero f64x2.promote_low_f32x4
i8x16.abs i8x16.neg i8x16.popcnt i8x16.all_true i8x16.bitmask i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u f32x4.ceil
f32x4.floor f32x4.trunc f32x4.nearest i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add i8x16.add_sat_s
i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u
i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u
i16x8.abs i16x8.neg i16x8.q15mulr_sat_s i16x8.all_true i16x8.bitmask i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s
i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u i16x8.shl i16x8.shr_s i16x8.shr_u i16x8.add i16x8.add_sat_s
i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u
i16x8.max_s i16x8.max_u - i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u
i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - - i32x4.extend_low_i16x8_s
i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add -
- i32x4.sub - - - i32x4.mul i32x4.min_s i32x4.min_u
i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u
i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - - i64x2.extend_low_i32x4_s
i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add -
- i64x2.sub - - - i64x2.mul i64x2.eq i64x2.ne
i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub f32x4.mul f32x4.div
f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.abs f64x2.neg - f64x2.sqrt
f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u`)
