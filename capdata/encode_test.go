package capdata

import (
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// encodeCases are worked out by hand; marshal_test.go has those that
// JavaScript agreed on.
var encodeCases = []struct {
	v     any
	body  string
	slots []Vref
}{
	{nil, `#null`, nil},
	{true, `#true`, nil},
	{Undefined{}, `#"#undefined"`, nil},
	{"", `#""`, nil},
	{"hello", `#"hello"`, nil},
	{"!", `#"!!"`, nil},
	{"#undefined", `#"!#undefined"`, nil},
	{"-0", `#"!-0"`, nil},
	{".5", `#".5"`, nil},
	{" #", `#" #"`, nil},
	{"\"\\/\b\f\n\r\t\x00\x1f\x7f<>&\u2028é😀", "#\"!\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f<>&\u2028é😀\"", nil},
	{1.0, `#1`, nil}, {-1.5, `#-1.5`, nil}, {math.Copysign(0, -1), `#0`, nil}, {1e21, `#1e+21`, nil}, {-1e-7, `#-1e-7`, nil},
	{math.NaN(), `#"#NaN"`, nil}, {math.Inf(1), `#"#Infinity"`, nil}, {math.Inf(-1), `#"#-Infinity"`, nil},
	{int(-5), `#-5`, nil}, {int8(-128), `#-128`, nil}, {int16(7), `#7`, nil}, {int32(7), `#7`, nil},
	{int64(maxSafeInteger), `#9007199254740991`, nil}, {int64(-maxSafeInteger), `#-9007199254740991`, nil},
	{uint(5), `#5`, nil}, {uint8(255), `#255`, nil}, {uint16(7), `#7`, nil}, {uint32(7), `#7`, nil}, {uint64(maxSafeInteger), `#9007199254740991`, nil},
	{big.NewInt(0), `#"+0"`, nil}, {big.NewInt(123), `#"+123"`, nil}, {big.NewInt(-123), `#"-123"`, nil},
	{Symbol("name"), `#"%name"`, nil}, {Symbol("@@asyncIterator"), `#"%@@asyncIterator"`, nil}, {Symbol(`"`), `#"%\""`, nil},
	{[]any(nil), `#[]`, nil}, {[]any{1, []any{}, "x"}, `#[1,[],"x"]`, nil},
	{map[string]any(nil), `#{}`, nil}, {map[string]any{"b": 1, "a": nil, "#tag": 2, "": 3}, `#{"":3,"!#tag":2,"a":null,"b":1}`, nil},
	{map[string]any{"10": 1, "9": 1, "x": 1, " ": 1}, `#{"9":1,"10":1," ":1,"x":1}`, nil},
	{&Tagged{"copySet", []any{1}}, `#{"#tag":"copySet","payload":[1]}`, nil},
	{&Error{Message: "m"}, `#{"#error":"m","name":"Error"}`, nil},
	{&Error{Name: "TypeError", Message: "#m", ID: "error:vat#1"}, `#{"#error":"!#m","errorId":"error:vat#1","name":"TypeError"}`, nil},
	{&Error{Name: "E", More: map[string]any{"errors": []any{}, "cause": &Error{Message: "c"}}},
		`#{"#error":"","name":"E","cause":{"#error":"c","name":"Error"},"errors":[]}`, nil},
	{rem(800, "Alleged: counter"), `#"$0.Alleged: counter"`, []Vref{800}},
	{rem(800, ""), `#"$0"`, []Vref{800}},
	{rem(1124, ""), `#"$0"`, []Vref{1124}},
	{prom(962), `#"&0"`, []Vref{962}},
	{[]any{prom(962), rem(1, "Alleged: a"), rem(800, ""), prom(962), rem(1, "Alleged: b"), rem(800, "Alleged: late")},
		`#["&0","$1.Alleged: a","$2","&0","$1","$2"]`, []Vref{962, 1, 800}},
}

func TestEncode(t *testing.T) {
	for _, c := range encodeCases {
		d, err := Encode[Vref](c.v)
		if err != nil || string(d.Body) != c.body || !reflect.DeepEqual(d.Slots, c.slots) {
			t.Errorf("Encode(%#v) = %s %v, %v\n want %s %v", c.v, d.Body, d.Slots, err, c.body, c.slots)
		}
	}
	d, err := Encode[Kref]([]any{Remotable[Kref]{Ref: 80}, PromiseRef[Kref]{Ref: 161}})
	if err != nil || string(d.Body) != `#["$0","&1"]` || !reflect.DeepEqual(d.Slots, []Kref{80, 161}) {
		t.Errorf("Encode of krefs = %s %v, %v", d.Body, d.Slots, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	loop := map[string]any{}
	loop["self"] = []any{loop}
	deep := any(1)
	for range MaxDepth + 1 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{struct{}{}, "smallcaps: cannot encode a struct {}"},
		{[]string{"a"}, "smallcaps: cannot encode a []string"},
		{[]any{map[string]any{"a b": []any{1, float32(1)}}}, `smallcaps: [0]["a b"][1]: cannot encode a float32`},
		{map[string]any{"": map[string]any{"9": map[string]any{"_a9": map[string]any{strings.Repeat("k", 50): 'x', "z": 1i}}}},
			`smallcaps: [""]["9"]._a9.z: cannot encode a complex128`},
		{map[string]any{strings.Repeat("k", 50): 1i}, `smallcaps: ["` + strings.Repeat("k", 40) + `"]: cannot encode a complex128`},
		{map[string]any{"é": 1i}, `smallcaps: ["é"]: cannot encode a complex128`},
		{Remotable[Kref]{Ref: 80}, "smallcaps: cannot encode a capdata.Remotable[github.com/crankcase/crankcase/capdata.Kref]"},
		{Vref(800), "smallcaps: cannot encode a capdata.Vref"},
		{(*big.Int)(nil), "smallcaps: cannot encode a nil *big.Int"},
		{(*Tagged)(nil), "smallcaps: cannot encode a nil *Tagged"},
		{(*Error)(nil), "smallcaps: cannot encode a nil *Error"},
		{int64(maxSafeInteger + 1), "smallcaps: 9007199254740992 is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64"},
		{int64(math.MinInt64), "smallcaps: -9223372036854775808 is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64"},
		{[]any{uint64(math.MaxUint64)}, "smallcaps: [0]: 18446744073709551615 is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64"},
		{"a\xff", `smallcaps: "a\xff" is not valid UTF-8`},
		{"\xed\xa0\x80", `smallcaps: "\xed\xa0\x80" is not valid UTF-8`},
		{map[string]any{"x": map[string]any{"\xff": 1, "\xfe": 2}}, `smallcaps: .x: the name "\xfe" is not valid UTF-8`},
		{Symbol("\xff"), `smallcaps: "\xff" is not valid UTF-8`},
		{&Tagged{Tag: "\xff"}, `smallcaps: .Tag: "\xff" is not valid UTF-8`},
		{&Tagged{Payload: []any{'x', uint64(1) << 60}}, `smallcaps: .Payload[1]: 1152921504606846976 is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64`},
		{&Error{Name: "\xff"}, `smallcaps: .Name: "\xff" is not valid UTF-8`},
		{&Error{Message: "\xff"}, `smallcaps: .Message: "\xff" is not valid UTF-8`},
		{&Error{ID: "\xff"}, `smallcaps: .ID: "\xff" is not valid UTF-8`},
		{&Error{More: map[string]any{"a": 'x', "cause": 1i}}, `smallcaps: .More.cause: cannot encode a complex128`},
		{&Error{More: map[string]any{"message": 1}}, "smallcaps: More of an *Error must not hold message, name, errorId or a name that begins with #"},
		{&Error{More: map[string]any{"#x": 1}}, "smallcaps: More of an *Error must not hold message, name, errorId or a name that begins with #"},
		{rem(0, ""), "smallcaps: a Remotable needs a reference, not none"},
		{rem(5, ""), "smallcaps: a Remotable needs a reference, not d+0"},
		{rem(962, ""), "smallcaps: p-60 is a promise: use PromiseRef"},
		{rem(800, "\xff"), `smallcaps: .Iface: "0.\xff" is not valid UTF-8`},
		{prom(0), "smallcaps: a PromiseRef needs a reference, not none"},
		{prom(800), "smallcaps: o-50 is not a promise: use Remotable"},
		{loop, "smallcaps: .self[0].self[0].self[0].self[0]....self[0].self[0].self[0].self[0]: nested deeper than 1000, or contains itself"},
		{deep, "smallcaps: [0][0][0][0][0][0][0][0]...[0][0][0][0][0][0][0][0]: nested deeper than 1000, or contains itself"},
	} {
		d, err := Encode[Vref](c.v)
		var ve *ValueError
		if !errors.As(err, &ve) || err.Error() != c.want {
			t.Errorf("Encode = %s, error %v\n want %s", d.Body, err, c.want)
		}
	}
}

func TestEncodeDepthAndBigInts(t *testing.T) {
	v := any("x")
	for range MaxDepth {
		v = []any{v}
	}
	d, err := Encode[Vref](v)
	if want := "#" + strings.Repeat("[", MaxDepth) + `"x"` + strings.Repeat("]", MaxDepth); err != nil || string(d.Body) != want {
		t.Fatalf("Encode at the greatest depth: %v", err)
	}
	if got, err := Decode(d); err != nil || !same(got, v) {
		t.Errorf("Decode at the greatest depth: %v", err)
	}
	for _, sign := range []string{"", "-"} {
		most := bigInt(sign + strings.Repeat("9", MaxBigIntDigits))
		d, err := Encode[Vref](most)
		must(t, err)
		if got, err := Decode(d); err != nil || !same(got, most) {
			t.Errorf("the greatest bigint does not come back: %v", err)
		}
		more := bigInt(sign + "1" + strings.Repeat("0", MaxBigIntDigits))
		if _, err := Encode[Vref](more); err == nil || err.Error() != "smallcaps: a bigint of more than 10000 digits" {
			t.Errorf("a bigint of a digit too many: %v", err)
		}
		if _, err := Encode[Vref](new(big.Int).Lsh(more, 1_000_000)); err == nil {
			t.Error("a bigint of a million bits was encoded")
		}
	}
}

func TestEncodeIsIndependentOfMapOrder(t *testing.T) {
	v := map[string]any{}
	for i := range 100 {
		v[strings.Repeat("k", i)] = rem(Import(Object, uint64(100-i)), "")
	}
	first, err := Encode[Vref](v)
	must(t, err)
	for range 20 {
		d, err := Encode[Vref](v)
		if err != nil || string(d.Body) != string(first.Body) || !reflect.DeepEqual(d.Slots, first.Slots) {
			t.Fatalf("two encodings of a value differ: %v", err)
		}
	}
}

func TestNamesAreOrderedByCodeUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := text().Draw(t, "x"), text().Draw(t, "y")
		// The definition, written out: UTF-16 code units one by one.
		want := 0
		u, w := utf16Of(x), utf16Of(y)
		for i := 0; want == 0 && i < len(u) && i < len(w); i++ {
			want = int(u[i]) - int(w[i])
		}
		if want == 0 {
			want = len(u) - len(w)
		}
		if got := compareUTF16(x, y); sign(got) != sign(want) {
			t.Fatalf("compareUTF16(%q, %q) = %d, want the sign of %d", x, y, got, want)
		}
		if sign(compareNames(x, y)) != -sign(compareNames(y, x)) || (compareNames(x, y) == 0) != (x == y) {
			t.Fatalf("compareNames(%q, %q) = %d, the other way round %d", x, y, compareNames(x, y), compareNames(y, x))
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
