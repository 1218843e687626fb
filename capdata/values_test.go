package capdata

import (
	"math"
	"math/big"
	"reflect"

	"pgregory.net/rapid"
)

// rem and prom are mentions of references as tests write them.
func rem(ref Vref, iface string) Remotable[Vref] { return Remotable[Vref]{Ref: ref, Iface: iface} }
func prom(ref Vref) PromiseRef[Vref]             { return PromiseRef[Vref]{Ref: ref} }

func bigInt(digits string) *big.Int {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		panic("not a number: " + digits)
	}
	return n
}

// same compares values as Decode gives them: NaN is NaN, bigints go by value.
func same(x, y any) bool {
	switch x := x.(type) {
	case float64:
		y, ok := y.(float64)
		return ok && (x == y || math.IsNaN(x) && math.IsNaN(y))
	case *big.Int:
		y, ok := y.(*big.Int)
		return ok && x.Cmp(y) == 0
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			w, ok := y[name]
			if !ok || !same(v, w) {
				return false
			}
		}
		return true
	case *Tagged:
		y, ok := y.(*Tagged)
		return ok && x.Tag == y.Tag && same(x.Payload, y.Payload)
	case *Error:
		y, ok := y.(*Error)
		return ok && x.Name == y.Name && x.Message == y.Message && x.ID == y.ID && same(x.More, y.More)
	}
	return reflect.DeepEqual(x, y)
}

// text draws strings in which special characters, escapes and characters of
// all lengths come up often.
func text() *rapid.Generator[string] {
	runes := []rune("!\"#$%&'()*+,-./01aZ~\\\b\n\x00\x1f\x7fé€\ud7ff\ue000\uffff\U0001F600\U0010FFFF")
	return rapid.OneOf(rapid.StringOfN(rapid.SampledFrom(runes), 0, 6, -1), rapid.String(),
		rapid.SampledFrom([]string{"#undefined", "#tag", "#error", "payload", "name", "$0", "&0", "+1", "0", "10", "4294967295"}))
}

// values draws any value that Encode takes and Decode gives back.
func values(depth int) *rapid.Generator[any] {
	ifaces := []string{"", "Alleged: counter", "Remotable", "Alleged: x.\"y\"", "."}
	leaves := []*rapid.Generator[any]{
		rapid.SampledFrom([]any{nil, true, false, Undefined{}, math.NaN(), math.Inf(1), math.Inf(-1)}),
		rapid.Custom(func(t *rapid.T) any { return text().Draw(t, "string") }),
		rapid.Custom(func(t *rapid.T) any { return Symbol(text().Draw(t, "symbol")) }),
		rapid.Custom(func(t *rapid.T) any { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
		rapid.Custom(func(t *rapid.T) any { return float64(rapid.Int32().Draw(t, "number")) / 8 }),
		rapid.Custom(func(t *rapid.T) any { return bigInt(rapid.StringMatching(`-?[0-9]{1,40}`).Draw(t, "bigint")) }),
		// The Iface is a function of the reference, as it is after a round trip.
		rapid.Custom(func(t *rapid.T) any {
			i := rapid.IntRange(0, len(ifaces)-1).Draw(t, "object")
			return rem(Import(Object, uint64(50+i)), ifaces[i])
		}),
		rapid.Custom(func(t *rapid.T) any { return prom(Export(Promise, rapid.Uint64Max(3).Draw(t, "promise"))) }),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := values(depth - 1)
	return rapid.OneOf(append(leaves,
		rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(inner, 0, 4).Draw(t, "array") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.MapOfN(text(), inner, 0, 4).Draw(t, "record") }),
		rapid.Custom(func(t *rapid.T) any {
			return &Tagged{Tag: text().Draw(t, "tag"), Payload: inner.Draw(t, "payload")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			e := &Error{Name: "E" + text().Draw(t, "name"), Message: text().Draw(t, "message"), ID: text().Draw(t, "id")}
			more := rapid.MapOfN(text().Filter(func(s string) bool { return !isErrorProperty(s) }), inner, 0, 2).Draw(t, "more")
			if len(more) > 0 {
				e.More = more
			}
			return e
		}))...)
}
