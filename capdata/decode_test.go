package capdata

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func utf16Of(s string) []uint16 { return utf16.Encode([]rune(s)) }

func TestDecodeOfEncode(t *testing.T) {
	for _, c := range encodeCases {
		v, err := Decode(CapData{Body: []byte(c.body), Slots: c.slots})
		if err != nil {
			t.Errorf("Decode(%s): %v", c.body, err)
			continue
		}
		d, err := Encode[Vref](v)
		if err != nil || string(d.Body) != c.body || !reflect.DeepEqual(d.Slots, c.slots) {
			t.Errorf("%s became %s, %v", c.body, d.Body, err)
		}
	}
}

func TestDecode(t *testing.T) {
	slots := []Vref{800, 962, 1124}
	for _, c := range []struct {
		body string
		want any
	}{
		{"#\t\n\r [ 1 , { \"a\" : null } ] \n", []any{1.0, map[string]any{"a": nil}}},
		{`#"\u0041\ud83d\uDE00\/\"\\\b\f\n\r\t"`, "A😀/\"\\\b\f\n\r\t"},
		{`#"\u0021#x"`, "#x"}, {`#"\u0023NaN"`, math.NaN()}, {`#"!plain"`, "plain"}, {"#\"\u007f\u2028\ufffd\"", "\u007f\u2028\ufffd"},
		{`#1E5`, 1e5}, {`#-0.0`, 0.0}, {`#1e-400`, 0.0}, {`#0.1e+1`, 1.0}, {`#123456789012345678901234567890`, 123456789012345678901234567890.0},
		{`#"+007"`, bigInt("7")}, {`#"-0"`, bigInt("0")},
		{`#"%@@nonsense"`, Symbol("@@nonsense")}, {`#"%"`, Symbol("")},
		{`#{"!a":1,"!#b":2,"!":3}`, map[string]any{"a": 1.0, "#b": 2.0, "": 3.0}},
		{`#{"payload":"#undefined","#tag":"!#t"}`, &Tagged{Tag: "#t", Payload: Undefined{}}},
		{`#{"errorId":"e","name":"TypeError","#error":"!#m"}`, &Error{Name: "TypeError", Message: "#m", ID: "e"}},
		{`#{"#error":"","name":"","cause":null}`, &Error{More: map[string]any{"cause": nil}}},
		{`#["$0","$0.Alleged: x","$2.a.b","&1"]`, []any{rem(800, ""), rem(800, ""), rem(1124, "a.b"), prom(962)}},
		{`#["$0.Alleged: x","$0"]`, []any{rem(800, "Alleged: x"), rem(800, "Alleged: x")}},
	} {
		got, err := Decode(CapData{Body: []byte(c.body), Slots: slots})
		if err != nil || !same(got, c.want) {
			t.Errorf("Decode(%s) = %#v, %v\n want %#v", c.body, got, err, c.want)
		}
	}
	if x, err := Decode(CapData{Body: []byte("#-0")}); err != nil || !math.Signbit(x.(float64)) {
		t.Errorf("Decode(#-0) = %v, %v, want -0", x, err)
	}
	got, err := Decode(KernelData{Body: []byte(`#["$0","&1"]`), Slots: []Kref{80, 161}})
	if want := []any{Remotable[Kref]{Ref: 80}, PromiseRef[Kref]{Ref: 161}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Decode of krefs = %v, %v, want %v", got, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	slots := []Vref{800, 962, 0, 5}
	deep := "#" + strings.Repeat("[", MaxDepth+1)
	for _, c := range []struct{ body, want string }{
		{``, `at byte 0: expected #, with which smallcaps begins, found the end`},
		{`["m",[]]`, `at byte 0: expected #, with which smallcaps begins, found "[\"m\",[]]"`},
		{`#`, `at byte 1: expected a JSON value, found the end`},
		{`#1 2`, `at byte 3: expected the end, found "2"`},
		{"#\ufeff1", `at byte 1: expected a JSON value, found "\ufeff1"`},
		{`#nul`, `at byte 1: expected "null", found "nul"`},
		{`#truE`, `at byte 1: expected "true", found "truE"`},
		{`#[1,]`, `at byte 4: expected a JSON value, found "]"`},
		{`#[1 2]`, `at byte 4: expected , or ], found "2]"`},
		{`#[1`, `at byte 3: expected , or ], found the end`},
		{`#{"a":1,}`, `at byte 8: expected a name in quotes, found "}"`},
		{`#{"a" 1}`, `at byte 6: expected a colon, found "1}"`},
		{`#{"a":1 "b"`, `at byte 8: expected , or }, found "\"b\""`},
		{`#{"a\x":2}`, `at byte 4: expected one of the escapes \" \\ \/ \b \f \n \r \t \u, found "\\x\":2}"`},
		{`#{1:2}`, `at byte 2: expected a name in quotes, found "1:2}"`},
		{`#01`, `at byte 2: expected the end, found "1"`},
		{`#-`, `at byte 2: expected a digit, found the end`},
		{`#1.`, `at byte 3: expected a digit, found the end`},
		{`#1.e5`, `at byte 3: expected a digit, found "e5"`},
		{`#1e+`, `at byte 4: expected a digit, found the end`},
		{`#[1e400]`, `at byte 2: expected a number below 1.8e308, found "1e400]"`},
		{`#-1e400`, `at byte 1: expected a number below 1.8e308, found "-1e400"`},
		{`#"abc`, `at byte 5: expected the rest of a string, found the end`},
		{"#\"a\nb\"", `at byte 3: expected a control character to be escaped, found "\nb\""`},
		{"#\"é\xff\"", `at byte 4: expected valid UTF-8, found "\xff\""`},
		{"#\"\xed\xa0\x80\"", `at byte 2: expected valid UTF-8, found "\xed\xa0\x80\""`},
		{"#\"\xc0\x80\"", `at byte 2: expected valid UTF-8, found "\xc0\x80\""`},
		{`#"\`, `at byte 2: expected an escape, found "\\"`},
		{`#"\x41"`, `at byte 2: expected one of the escapes \" \\ \/ \b \f \n \r \t \u, found "\\x41\""`},
		{`#"\u00g0"`, `at byte 2: expected an escape of the form \u0041, found "\\u00g0\""`},
		{`#"\u123`, `at byte 2: expected an escape of the form \u0041, found "\\u123"`},
		{`#"a\ud83d"`, `at byte 3: expected no surrogate, or a high one before a low one, found "\\ud83d\""`},
		{`#"\ude00\ud83d"`, `at byte 2: expected no surrogate, or a high one before a low one, found "\\ude00\\ud83d\""`},
		{`#"\ud83dx"`, `at byte 2: expected no surrogate, or a high one before a low one, found "\\ud83dx\""`},
		{`#["#nan"]`, `at byte 2: expected #undefined, #NaN, #Infinity or #-Infinity, found "\"#nan\"]"`},
		{`#"#"`, `at byte 1: expected #undefined, #NaN, #Infinity or #-Infinity, found "\"#\""`},
		{`#"'x"`, `at byte 1: expected a string with ! before it, since its first character is reserved, found "\"'x\""`},
		{`#"+"`, `at byte 1: expected a bigint, a sign and digits, found "\"+\""`},
		{`#"-1.5"`, `at byte 1: expected a bigint, a sign and digits, found "\"-1.5\""`},
		{`#"+1_0"`, `at byte 1: expected a bigint, a sign and digits, found "\"+1_0\""`},
		{`#"+-1"`, `at byte 1: expected a bigint, a sign and digits, found "\"+-1\""`},
		{`#"$4"`, `at byte 1: expected a slot index from 0 to 3, found "\"$4\""`},
		{`#"$"`, `at byte 1: expected a slot index from 0 to 3, found "\"$\""`},
		{`#"&-1"`, `at byte 1: expected a slot index from 0 to 3, found "\"&-1\""`},
		{`#"$00"`, `at byte 1: expected a slot index from 0 to 3, found "\"$00\""`},
		{`#"$18446744073709551616"`, `at byte 1: expected a slot index from 0 to 3, found "\"$18446744073709551616\""`},
		{`#"&1.x"`, `at byte 1: expected a slot index from 0 to 3, found "\"&1.x\""`},
		{`#"$1"`, `at byte 1: expected a slot of the other kind than p-60, found "\"$1\""`},
		{`#"&0"`, `at byte 1: expected a slot of the other kind than o-50, found "\"&0\""`},
		{`#"$2"`, `at byte 1: expected a slot with a reference, which none is not, found "\"$2\""`},
		{`#"$3"`, `at byte 1: expected a slot with a reference, which d+0 is not, found "\"$3\""`},
		{`#{"a":1,"b":2,"\u0061":3}`, `at byte 14: expected a name that does not stand there already, found "\"\\u0061\":3}"`},
		{`#{"!a":1,"a":2}`, `at byte 9: expected a name that does not stand there already, found "\"a\":2}"`},
		{`#{"#tag":"a","#tag":"a","payload":1}`, `at byte 13: expected a name that does not stand there already, found "\"#tag\":\"a\",\"payload\":1}"`},
		{`#{"#error":"a","#error":"b","name":""}`, `at byte 15: expected a name that does not stand there already, found "\"#error\":\"b\",\"name\":\"\"}"`},
		{`#{"#a":1}`, `at byte 2: expected a name, with ! before it if it begins with a special character, found "\"#a\":1}"`},
		{`#{"$0":1}`, `at byte 2: expected a name, with ! before it if it begins with a special character, found "\"$0\":1}"`},
		{`#{"#tag":1,"payload":1}`, `at byte 2: expected a string under #tag, found "\"#tag\":1,\"payload\":1}"`},
		{`#{"#error":"$0","name":"Error"}`, `at byte 2: expected a string under #error, found "\"#error\":\"$0\",\"name\":\"Error\"}"`},
		{`#{"#tag":"a"}`, `at byte 1: expected #tag and payload, and nothing else, found "{\"#tag\":\"a\"}"`},
		{`#{"#tag":"a","payload":1,"x":2}`, `at byte 1: expected #tag and payload, and nothing else, found "{\"#tag\":\"a\",\"payload\":1,\"x\":2}"`},
		{`#{"#tag":"a","!payload":1}`, `at byte 13: expected a name without a ! that it does not need, found "\"!payload\":1}"`},
		{`#{"#tag":"a","#error":"b"}`, `at byte 1: expected #tag or #error, not both, found "{\"#tag\":\"a\",\"#error\":\"b\"}"`},
		{`#{"#error":"a"}`, `at byte 1: expected an error with a name that is a string, found "{\"#error\":\"a\"}"`},
		{`#{"#error":"a","name":1}`, `at byte 1: expected an error with a name that is a string, found "{\"#error\":\"a\",\"name\":1}"`},
		{`#{"#error":"a","name":"","errorId":1}`, `at byte 1: expected an error whose errorId is a string, found "{\"#error\":\"a\",\"name\":\"\",\"errorId\":1}"`},
		{`#{"#error":"a","name":"","message":""}`, `at byte 1: expected an error without message, which stands under #error, found "{\"#error\":\"a\",\"name\":\"\",\"message\":\"\"}"`},
		{`#{"#error":"a","name":"","!#x":""}`, `at byte 1: expected an error without further names that begin with #, found "{\"#error\":\"a\",\"name\":\"\",\"!#x\":\"\"}"`},
		{deep, `at byte 1001: expected nesting of at most 1000, found "["`},
		{strings.Replace(deep, "[", `{"":`, MaxDepth), `at byte 4001: expected nesting of at most 1000, found "["`},
		{`#"+` + strings.Repeat("1", MaxBigIntDigits+1) + `"`, `at byte 1: expected a bigint of at most 10000 digits, found "\"+` + strings.Repeat("1", quoteLimit-2) + `"...`},
	} {
		v, err := Decode(CapData{Body: []byte(c.body), Slots: slots})
		var pe *ParseError
		if !errors.As(err, &pe) || err.Error() != "smallcaps "+c.want {
			t.Errorf("Decode(%.60s) = %v, error\n     %v\nwant smallcaps %s", c.body, v, err, c.want)
		}
	}
	if _, err := Decode(CapData{Body: []byte(`#"$0"`)}); err == nil || err.Error() != `smallcaps at byte 1: expected no mention of slots, since there are none, found "\"$0\""` {
		t.Errorf("a mention without slots: %v", err)
	}
}

// Hostile nesting, without closing brackets or with, costs neither stack nor time.
func TestDecodeOfHostileNesting(t *testing.T) {
	for _, unit := range []string{"[", `{"a":`, `{"#tag":"x","payload":`, `[{"a":[`} {
		if _, err := Decode(CapData{Body: []byte("#" + strings.Repeat(unit, 1<<20))}); err == nil {
			t.Errorf("a million times %s was decoded", unit)
		}
	}
}

// What Decode allocates is bounded by the body's length.
func TestDecodeAllocatesInProportion(t *testing.T) {
	for _, unit := range []string{`[]`, `1`, `{}`, `""`, `{"":0}`, `[[]]`, `"%"`, `"+1"`, `{"a":{}}`, `{"#tag":"","payload":0}`, `"$0"`, `"\n"`,
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0}`} {
		text := []byte("#[" + strings.Repeat(unit+",", 50_000) + "0]")
		d := CapData{Body: text, Slots: []Vref{800}}
		var err error
		got := float64(allocated(func() { _, err = Decode(d) })) / float64(len(text))
		must(t, err)
		if got > 70 {
			t.Errorf("%s: %.1f times the body", unit, got)
		}
	}
}

func TestSmallcapsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(3).Draw(t, "value")
		d, err := Encode[Vref](v)
		if err != nil {
			t.Fatal(err)
		}
		kept := bytes.Clone(d.Body)
		got, err := Decode(d)
		if err != nil || !same(got, v) {
			t.Fatalf("Decode(%s) = %#v, %v\n want %#v", d.Body, got, err, v)
		}
		again, err := Encode[Vref](got)
		if err != nil || !bytes.Equal(again.Body, kept) || !reflect.DeepEqual(again.Slots, d.Slots) {
			t.Fatalf("%s became %s, %v", kept, again.Body, err)
		}
		// The result is the caller's: the input may change.
		clear(d.Body)
		clear(d.Slots)
		if !same(got, v) {
			t.Fatal("the value shares memory with the data")
		}
	})
}
