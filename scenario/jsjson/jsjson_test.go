package jsjson

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// What JavaScript's JSON.stringify(JSON.parse(text)) gives.
func TestRoundTrip(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`null`, `null`},
		{` [ 1 , -0.5e+3 , true,false,null,"" ] `, `[1,-0.5e+3,true,false,null,""]`},
		{`{"b":1,"10":2,"a":3,"2":4,"b":5,"02":6,"4294967295":7,"4294967294":8,"-1":9}`, `{"2":4,"10":2,"4294967294":8,"b":5,"a":3,"02":6,"4294967295":7,"-1":9}`},
		{`{}`, `{}`},
		{`"\u0041\/\b\f\n\r\t\"\\"`, `"A/\b\f\n\r\t\"\\"`},
		{"\"\\u0000\\u001f\\u007f\\u2028<>&\"", "\"\\u0000\\u001f\u007f\u2028<>&\""},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"\uD83D"`, `"\ud83d"`},
		{`"\ude00\ud83d"`, `"\ude00\ud83d"`},
		{`"\ud83d\ud83d\ude00x\ud83dé"`, `"\ud83d😀x\ud83dé"`},
		{`"\ud83d\n\ude00"`, `"\ud83d\n\ude00"`},
	} {
		v, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := Stringify(v); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, at := range map[string]int{
		``: 0, `nul`: 0, `01`: 1, `1.`: 2, `1e`: 2, `-`: 1, `+1`: 0, `.5`: 0, `"a`: 2, "\"\n\"": 1, `"\x"`: 2, `"\u12g4"`: 3, `"\`: 2,
		`[1,]`: 3, `[1 2]`: 3, `[`: 1, `{"a"}`: 4, `{"a":}`: 5, `{"a":1,}`: 7, `{a:1}`: 1, `{"a":1 "b"`: 7, `1 2`: 2, "\u00a01": 0,
		strings.Repeat("[", 2000): 1001,
	} {
		_, err := Parse(in)
		e, ok := err.(*SyntaxError)
		if !ok || e.Offset != at {
			t.Errorf("%.40q: %v, want an error at byte %d", in, err, at)
		}
	}
	for _, in := range []string{``, `a`, `"a" `, `"a"b`, `1`} {
		if s, err := Unquote(in); err == nil {
			t.Errorf("Unquote(%q) gave %q", in, s)
		}
	}
}

// The order of UTF-16 units: beyond the BMP comes before U+E000.
func TestCompare(t *testing.T) {
	sorted := []string{"", "A", "B", "BA", "a", "é", "\u2028", "\ud7ff", "\xed\xa0\x80", "\xed\xa0\x80x", "😀", "😁", "\U0010ffff", "\xed\xbf\xbf", "\ue000", "\uffff"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := Compare(a, b); got != sign(i-j) {
				t.Errorf("Compare(%q, %q) = %d", a, b, got)
			}
		}
	}
	for s, n := range map[string]int{"": 0, "aé€": 3, "😀": 2, "\xed\xa0\x80": 1, "\xff": 1} {
		if Length(s) != n {
			t.Errorf("Length(%q) = %d", s, Length(s))
		}
	}
}

func TestObject(t *testing.T) {
	o := (&Object{}).Set("x", nil).Set("3", true).Set("1", Int(-5)).Set("y", "s").Set("x", Int(uint64(1)<<63))
	if want := []string{"1", "3", "x", "y"}; !slices.Equal(o.Keys(), want) {
		t.Errorf("%q", o.Keys())
	}
	if got, want := Stringify(o), `{"1":-5,"3":true,"x":9223372036854775808,"y":"s"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if v, ok := o.Get("x"); !ok || v != Number("9223372036854775808") || o.Len() != 4 {
		t.Error(v, ok, o.Len())
	}
	if _, ok := o.Get("z"); ok {
		t.Error("z")
	}
}

// What Go's decoder takes is taken, with the same meaning, and what is written reads back.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,"\ud800\u0041",null]}`, `[-0.1e9,{"10":1,"2":[]}]`, "\"\xed\xa0\x80\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if utf8.ValidString(text) && strings.Count(text, "[")+strings.Count(text, "{") < maxDepth && (err == nil) != json.Valid([]byte(text)) {
			t.Fatalf("%q: %v, json.Valid says %v", text, err, json.Valid([]byte(text)))
		}
		if err != nil {
			return
		}
		once := Stringify(v)
		again, err := Parse(once)
		if err != nil || Stringify(again) != once {
			t.Fatalf("%q was written %q, which reads %v, %v", text, once, again, err)
		}
		if s, ok := v.(string); ok {
			if back, err := Unquote(Quote(s)); err != nil || back != s {
				t.Fatalf("%q quoted and unquoted is %q, %v", s, back, err)
			}
		}
	})
}
