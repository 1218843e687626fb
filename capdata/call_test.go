package capdata

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCalls(t *testing.T) {
	for _, c := range []struct {
		method string
		args   []any
		body   string
		slots  []Vref
	}{
		{"ping", nil, `#["ping",[]]`, nil},
		{"add", []any{1.0, "x", nil}, `#["add",[1,"x",null]]`, nil},
		{"#x", []any{[]any{}}, `#["!#x",[[]]]`, nil},
		{"", []any{rem(800, "Alleged: a"), prom(83)}, `#["",["$0.Alleged: a","&1"]]`, []Vref{800, 83}},
	} {
		d, err := EncodeCall[Vref](c.method, c.args...)
		if err != nil || string(d.Body) != c.body || !reflect.DeepEqual(d.Slots, c.slots) {
			t.Errorf("EncodeCall(%q, %v) = %s %v, %v", c.method, c.args, d.Body, d.Slots, err)
		}
		method, args, err := DecodeCall(d)
		if err != nil || method != c.method || len(args) != len(c.args) || len(args) > 0 && !reflect.DeepEqual(args, c.args) {
			t.Errorf("DecodeCall(%s) = %q, %v, %v", d.Body, method, args, err)
		}
	}
	if _, err := EncodeCall[Vref]("m", 1, []any{"\xff"}); err == nil || err.Error() != `smallcaps: [1][1][0]: "\xff" is not valid UTF-8` {
		t.Errorf("a bad argument: %v", err)
	}
	for _, bad := range []string{`#[]`, `#["m"]`, `#["m",[],1]`, `#["m",{}]`, `#[1,[]]`, `#{}`, `#"m"`, `#["%@@iterator",[]]`, `#["#undefined",[]]`} {
		if m, args, err := DecodeCall(body(bad)); err == nil || m != "" || args != nil ||
			err.Error() != `smallcaps at byte 1: expected a call ["method",[args...]], found `+quote(bad[1:]) {
			t.Errorf("DecodeCall(%s) = %q, %v, %v", bad, m, args, err)
		}
	}
	if _, _, err := DecodeCall(body(`#["m",[`)); err == nil || err.Error() != "smallcaps at byte 7: expected a JSON value, found the end" {
		t.Errorf("a call that is no JSON: %v", err)
	}
}

func TestErrorBody(t *testing.T) {
	for message, want := range map[string]string{
		"vat terminated": `#{"#error":"vat terminated","name":"Error"}`,
		"":               `#{"#error":"","name":"Error"}`,
		"a \"b\"\n\x01é": `#{"#error":"a \"b\"\n\u0001é","name":"Error"}`,
		"#1":             `#{"#error":"!#1","name":"Error"}`,
		"!":              `#{"#error":"!!","name":"Error"}`,
		"a\xff\xfeb\xf0": "#{\"#error\":\"a\uFFFDb\uFFFD\",\"name\":\"Error\"}",
	} {
		if got := ErrorBody(message); string(got) != want {
			t.Errorf("ErrorBody(%q) = %s, want %s", message, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.OneOf(text(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "message")
		b := ErrorBody(message)
		v, err := Decode(CapData{Body: b})
		want := &Error{Name: "Error", Message: strings.ToValidUTF8(message, "\uFFFD")}
		if err != nil || !same(v, want) {
			t.Fatalf("Decode(%s) = %v, %v, want %v", b, v, err, want)
		}
		d, err := Encode[Vref](want)
		if err != nil || string(d.Body) != string(b) {
			t.Fatalf("Encode gives %s, ErrorBody %s", d.Body, b)
		}
		if !json.Valid(b[1:]) {
			t.Fatalf("%s is not JSON", b)
		}
	})
}

func TestMethodName(t *testing.T) {
	long := strings.Repeat("m", 1000)
	for _, c := range []struct{ body, want string }{
		{`#["foo",[]]`, "foo"},
		{`#["foo"]`, "foo"},
		{"# [ \"foo\"\n, [1]]", "foo"},
		{`#["",[]]`, ""},
		{`#["!#x",[]]`, "#x"},
		{`#["!",[]]`, ""},
		{`#["%@@asyncIterator",[]]`, "[@@asyncIterator]"},
		{`#["%foo",[]]`, "[foo]"},
		{`#["#undefined",[]]`, "<funcall>"},
		{`#[]`, "<funcall>"},
		{`#["#NaN",[]]`, "<unintelligible method>"},
		{`#["+1",[]]`, "<unintelligible method>"},
		{`#["-1",[]]`, "<unintelligible method>"},
		{`#["$0.Alleged: x",[]]`, "<unintelligible method>"},
		{`#["&0",[]]`, "<unintelligible method>"},
		{`#["(x",[]]`, "(x"},
		{`#[5,[]]`, "<unintelligible method>"}, {`#[-5,[]]`, "<unintelligible method>"}, {`#[null,[]]`, "<unintelligible method>"},
		{`#[true,[]]`, "<unintelligible method>"}, {`#[false,[]]`, "<unintelligible method>"}, {`#[["m"],[]]`, "<unintelligible method>"}, {`#[{},[]]`, "<unintelligible method>"},
		{`#["a\"\u00e9\ud83d\ude00\n",[]]`, "a\"é😀\n"},
		{`#["foo",broken`, "foo"}, // what follows is not looked at

		{``, "<unknown>"}, {`#`, "<unknown>"}, {`#[`, "<unknown>"}, {`["foo",[]]`, "<unknown>"}, {`not json`, "<unknown>"}, {`#{}`, "<unknown>"},
		{`#"foo"`, "<unknown>"}, {`#["foo`, "<unknown>"}, {`#["foo"`, "<unknown>"}, {`#["foo":1]`, "<unknown>"}, {`#[,]`, "<unknown>"},
		{`#["\x",[]]`, "<unknown>"}, {`#["\ud83d",[]]`, "<unknown>"}, {"#[\"\xff\",[]]", "<unknown>"}, {"#[\"a\x00\",[]]", "<unknown>"},
		{"#" + strings.Repeat(" ", 5000) + `["foo",[]]`, "<unknown>"},

		{`#["` + long[:200] + `",[]]`, long[:200]},
		{`#["` + long[:201] + `",[]]`, long[:200]},
		{`#["` + long + `",[]]`, long[:200]},
		{`#["` + long, long[:200]},
		{`#["!` + long[:200] + `",[]]`, long[:200]},
		{`#["!` + long + `",[]]`, long[:200]},
		{`#["%` + long + `",[]]`, "[" + long[:200] + "]"},
		{`#["` + strings.Repeat(`\u006d`, 1000) + `",[]]`, long[:200]},
		{`#["` + strings.Repeat(`\u006d`, 200) + `",[]]`, long[:200]},
		{`#["` + strings.Repeat("😀", 1000) + `",[]]`, strings.Repeat("😀", 50)},
		{`#["x` + strings.Repeat("😀", 1000) + `",[]]`, "x" + strings.Repeat("😀", 49)},
		{`#["%` + strings.Repeat(`\ud83d\ude00`, 1000) + `",[]]`, "[" + strings.Repeat("😀", 50) + "]"},
	} {
		if got := MethodName([]byte(c.body)); got != c.want {
			t.Errorf("MethodName(%.80s) = %q, want %q", c.body, got, c.want)
		}
	}
	// Only the first 2,048 bytes count.
	b := []byte(`#["` + strings.Repeat(`\u006d`, 1<<20))
	if n := testing.AllocsPerRun(10, func() { MethodName(b) }); n > 4 {
		t.Errorf("%v allocations for a long body", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		method := text().Draw(t, "method")
		d, err := EncodeCall[Vref](method, values(1).Draw(t, "argument"))
		if err != nil {
			t.Fatal(err)
		}
		if got := MethodName(d.Body); got != cut(method, methodNameLimit) || !utf8.ValidString(got) {
			t.Fatalf("MethodName(%s) = %q, want %q", d.Body, got, method)
		}
	})
}

func TestErrorIsAGoError(t *testing.T) {
	var err error = &Error{Name: "TypeError", Message: "no"}
	if err.Error() != "TypeError: no" || (&Error{Message: "m"}).Error() != "Error: m" {
		t.Errorf("Error() = %q", err)
	}
}
