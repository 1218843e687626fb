package runtimetest

import (
	"math"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

const (
	garbage = uint64(0xdeadbeef) << 32
	// Not-a-numbers with a payload, one of them signalling: their bits are
	// kept as long as nothing is computed.
	nan32 = uint64(0x7fa12345)
	nan64 = uint64(0xfff4000012345678)
)

func testValues(t *testing.T, e runtime.Engine) {
	with(t, e, "values", func(g *guest) {
		g.want(t, "none", nil)
		if err := g.Function("none").Call(nil); err != nil {
			t.Errorf("none, without a stack: %v", err)
		}
		for _, v := range []uint64{0, 1, math.MaxInt32, 1 << 31, math.MaxUint32, nan32, 0x80000000} {
			g.want(t, "i32", []uint64{v}, v)
			g.want(t, "f32", []uint64{v}, v)
		}
		for _, v := range []uint64{0, 1, garbage, 1 << 63, math.MaxUint64, nan64, math.Float64bits(math.Inf(-1))} {
			g.want(t, "i64", []uint64{v}, v)
			g.want(t, "f64", []uint64{v}, v)
		}
		g.want(t, "reverse", []uint64{nan64, nan32, math.MaxUint64, math.MaxUint32},
			math.MaxUint32, math.MaxUint64, nan32, nan64)
		g.want(t, "spread", []uint64{math.MaxUint32, 0, 1}, math.MaxUint32)
		g.want(t, "digits", []uint64{1234567890}, 6, 1, 7, 2, 8, 3, 9, 4, 0, 5)

		// A longer stack is left alone past what the function needs.
		stack := []uint64{5, 6, 7}
		if err := g.Function("eqz").Call(stack); err != nil || stack[0] != 0 || stack[1] != 6 || stack[2] != 7 {
			t.Errorf("eqz on a longer stack: %v, %v", stack, err)
		}
	})
}

// The upper half of an i32 or f32 is ignored on entry and zero on return.
func testUpperHalves(t *testing.T, e runtime.Engine) {
	with(t, e, "values", func(g *guest) {
		g.want(t, "wrap", []uint64{0x89abcdef}, garbage|0x89abcdef)
		g.want(t, "wrap_float", []uint64{0x3f800000}, garbage|0x3f800000)
		g.want(t, "i32", []uint64{7}, garbage|7)
		g.want(t, "f32", []uint64{7}, garbage|7)
		g.want(t, "extend", []uint64{0xffffffff}, garbage|0xffffffff)
		g.want(t, "eqz", []uint64{1}, garbage)
		g.want(t, "less", []uint64{1}, garbage|1, 2)
		g.want(t, "less", []uint64{0}, 2, garbage|1)
		g.want(t, "negate", []uint64{0xffffffff}, 1)
		g.want(t, "spread", []uint64{0xffffffff, 0, 1}, garbage|0xffffffff)
		g.want(t, "reverse", []uint64{4, 3, garbage | 2, 1}, garbage|1, garbage|2, garbage|3, 4)
	})
}
