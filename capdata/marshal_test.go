package capdata

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"reflect"
	"strconv"
	"testing"
)

// testdata/marshal.json is what the marshal of JavaScript vats says: see
// testdata/README.md. Ours must say the same, but for differences that are listed here
// with their reasons.

type marshalled struct {
	Name     string      `json:"name"`
	Body     string      `json:"body"`
	Slots    []Vref      `json:"slots"`
	Accepted bool        `json:"accepted"`
	Again    *marshalled `json:"again"`
}

func readMarshal(t *testing.T) (golden struct {
	Encode  []marshalled `json:"encode"`
	Decode  []marshalled `json:"decode"`
	Numbers [][2]string  `json:"numbers"`
}) {
	text, err := os.ReadFile("testdata/marshal.json")
	must(t, err)
	must(t, json.Unmarshal(text, &golden))
	return golden
}

// marshalValues are the values of the file's encode table, by their names there.
func marshalValues() map[string]any {
	counter, root, timer := rem(800, "Alleged: counter"), rem(Root, "Remotable"), rem(1124, `Alleged: timer.v2 "x"`)
	p, q := prom(962), prom(83)
	values := map[string]any{
		"null": nil, "true": true, "false": false, "undefined": Undefined{},
		"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
		"0": 0, "-0": math.Copysign(0, -1), "1": 1.0, "-1": -1, "1.5": 1.5, "1e21": 1e21, "1e20": 1e20, "1e-6": 1e-6, "1e-7": 1e-7,
		"-1.5e-9": -1.5e-9, "1e300": 1e300, "max": math.MaxFloat64, "min": math.SmallestNonzeroFloat64, "safe": int64(maxSafeInteger),
		"0.1+0.2": math.Nextafter(0.3, 1), "123456789012345680000": 123456789012345680000.0, "2^53": float64(1 << 53),
		"bigint 0": new(big.Int), "bigint 123": big.NewInt(123), "bigint -123": big.NewInt(-123),
		"bigint 2^64": bigInt("18446744073709551616"), "bigint -2^100": new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 100)),
		"empty string": "", "plain string": "hello", "quotes": `a"b\c/d`, "controls": "\b\t\n\f\r\x00\x1f\x7f", "unicode": "é€😀\u2028\u2029\ufeff",
		"symbol": Symbol("foo"), "asyncIterator": Symbol("@@asyncIterator"), "iterator": Symbol("@@iterator"), "@@foo": Symbol("@@@@foo"), "empty symbol": Symbol(""),
		"empty array": []any{}, "array": []any{1, []any{2, []any{3}}, nil, Undefined{}},
		"empty record": map[string]any{}, "record": map[string]any{"b": 1, "a": 2},
		"tagged": &Tagged{"copySet", []any{1, 2}}, "tagged special": &Tagged{"!x", &Tagged{"#error", nil}},
		"Error": &Error{Message: "oops"}, "TypeError": &Error{Name: "TypeError", Message: "x is not a function"},
		"RangeError special": &Error{Name: "RangeError", Message: "#weird"}, "error bang": &Error{Name: "Error", Message: "!"},
		"error with id": &Error{Name: "TypeError", Message: "tagged", ID: "error:vat#10001"},
		"remotable":     counter, "remotable twice": []any{counter, counter, map[string]any{"again": counter}},
		"plain remotable": root, "device": timer, "promise": p,
		"mixed":         []any{q, map[string]any{"z": counter, "y": []any{p, root}}, q, root, counter},
		"special names": map[string]any{"#tag": 1, "#error": 2, "!": 3, "$0": 4, "+1": 5, "-": 6, ".": 7, " ": 8, "": 9, "&0": 10, "%x": 11, `"`: 12},
		"index names": map[string]any{"10": 1, "9": 2, "b": 3, " ": 4, "01": 5, "4294967294": 6, "4294967295": 7, "0": 8, "-1": 9,
			"1.5": 10, "": 11, "1e3": 12},
		"utf16 names": map[string]any{"\U0001F600": 1, "\uFB01": 2, "\uE000": 3, "\uD7FF": 4, "z": 5, "\U0010FFFF": 6, "\uFFFF": 7,
			"a\U0001F600": 8, "a\uFFFD": 9, "a": 10},
		"__proto__":    map[string]any{"__proto__": 1, "constructor": 2, "toString": 3},
		"call":         []any{"increment", []any{big.NewInt(1), counter, map[string]any{"by": "two"}}},
		"special call": []any{"#x", []any{}}, "symbol call": []any{Symbol("@@asyncIterator"), []any{}},
	}
	for _, c := range `!"#$%&'()*+,-./ 09:@A~` {
		values["string "+string(c)] = string(c) + "x"
	}
	return values
}

func TestEncodeAsMarshal(t *testing.T) {
	values := marshalValues()
	for _, g := range readMarshal(t).Encode {
		v, ok := values[g.Name]
		if !ok {
			t.Errorf("no value named %q", g.Name)
			continue
		}
		delete(values, g.Name)
		d, err := Encode[Vref](v)
		if err != nil || !sameData(d, body(g.Body, g.Slots...)) {
			t.Errorf("%s: Encode = %s %v, %v\n want %s %v", g.Name, d.Body, d.Slots, err, g.Body, g.Slots)
		}
	}
	for name := range values {
		t.Errorf("%q is not in the file", name)
	}
}

// marshalDifferences are the bodies of the file that only one side accepts.
var marshalDifferences = map[string]string{
	`1`:    "the older encoding, without #",
	`null`: "the older encoding, without #",

	`#1e400`: "out of range; JavaScript takes infinity", `#-1e400`: "out of range; JavaScript takes infinity",
	`#"\ud83d"`: "a lone surrogate", `#"\ude00"`: "a lone surrogate", `#"\ud83d\u0041"`: "a lone surrogate",
	`#"+1 "`: "no digit", `#"$"`: "not a plain decimal", `#"$00"`: "not a plain decimal", `#"$0x2"`: "not a plain decimal",
	`#"$2e0"`: "not a plain decimal", `#"$ 2"`: "not a plain decimal", `#"&1.x"`: "promises have no interface",
	`#{"a":1,"a":2}`: "a name twice; JavaScript takes the last", `#{"a":1,"\u0061":2}`: "a name twice; JavaScript takes the last",
	`#{"a":1,"!a":2}`:                            "a name twice; JavaScript takes the last",
	`#{"#tag":"x","payload":1,"#tag":"y"}`:       "a name twice; JavaScript takes the last",
	`#{"#error":"m","name":"Error","#x":1}`:      "a reserved name",
	`#{"#error":"m","name":"Error","errorId":5}`: "an id that is no string",

	`#"%@@nonsense"`: "taken here: names of symbols are not judged",
}

func TestDecodeAsMarshal(t *testing.T) {
	differences := 0
	for _, g := range readMarshal(t).Decode {
		v, err := Decode(body(g.Body, g.Slots...))
		if reason, ok := marshalDifferences[g.Body]; ok {
			differences++
			if (err == nil) == g.Accepted {
				t.Errorf("%s: Decode = %v, %v; it should differ: %s", g.Body, v, err, reason)
			}
			continue
		}
		if (err == nil) != g.Accepted {
			t.Errorf("%s: Decode = %v, %v; JavaScript accepts it: %v", g.Body, v, err, g.Accepted)
		}
		if err != nil || g.Again == nil {
			continue
		}
		d, err := Encode[Vref](withInterfaces(v))
		if err != nil || !sameData(d, body(g.Again.Body, g.Again.Slots...)) {
			t.Errorf("%s: became %s %v, %v\n want %s %v", g.Body, d.Body, d.Slots, err, g.Again.Body, g.Again.Slots)
		}
	}
	if differences != len(marshalDifferences) {
		t.Errorf("%d of %d differences are in the file", differences, len(marshalDifferences))
	}
}

// withInterfaces gives remotables without an interface the one that they have
// in JavaScript, where none is without.
func withInterfaces(v any) any {
	switch v := v.(type) {
	case Remotable[Vref]:
		if v.Iface == "" {
			v.Iface = "Remotable"
		}
		return v
	case []any:
		for i := range v {
			v[i] = withInterfaces(v[i])
		}
	}
	return v
}

func TestNumbersAsMarshal(t *testing.T) {
	numbers := readMarshal(t).Numbers
	if len(numbers) < 400 {
		t.Fatalf("only %d numbers", len(numbers))
	}
	for _, n := range numbers {
		bits, err := strconv.ParseUint(n[0], 16, 64)
		must(t, err)
		x := math.Float64frombits(bits)
		if got := string(appendNumber(nil, x)); got != n[1] {
			t.Errorf("appendNumber(%v) = %s, want %s", x, got, n[1])
		}
		if got, err := Decode(CapData{Body: []byte("#" + n[1])}); err != nil || !reflect.DeepEqual(got, x) {
			t.Errorf("Decode(#%s) = %v, %v, want %v", n[1], got, err, x)
		}
	}
}
