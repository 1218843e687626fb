package capdata

import (
	"bytes"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzWire gives any bytes to every parser of the wire form. What a parser
// accepts is encoded to the same bytes again.
func FuzzWire(f *testing.F) {
	for _, form := range wireForms {
		f.Add(form.example)
		f.Add(form.example[:len(form.example)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		for _, form := range wireForms {
			if got, err := form.again(b); err == nil && !bytes.Equal(got, in) {
				t.Errorf("%s: %x became %x", form.name, in, got)
			}
		}
		if !bytes.Equal(b, in) {
			t.Errorf("a parser changed its input %x to %x", in, b)
		}
	})
}

// FuzzReferences gives any text to the parsers of references. What they accept
// is spelled the same again.
func FuzzReferences(f *testing.F) {
	for _, s := range []string{"none", "o+0", "o-50", "o+d7", "p+5", "d-70", "ko20", "kp40", "kd30", "o-0", "o+01", "ko4611686018427387904"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseVref(s); err == nil && (v.String() != s || v != 0 && !v.WellFormed()) {
			t.Errorf("ParseVref(%q) = %v", s, v)
		}
		if k, err := ParseKref(s); err == nil && (k.String() != s || k != 0 && !k.WellFormed()) {
			t.Errorf("ParseKref(%q) = %v", s, k)
		}
	})
}

// FuzzSmallcaps decodes any body. What is accepted encodes to a canonical form
// that decodes to an equal value, and is its own canonical form.
func FuzzSmallcaps(f *testing.F) {
	for _, c := range encodeCases {
		f.Add([]byte(c.body))
	}
	for body := range marshalDifferences {
		f.Add([]byte(body))
	}
	f.Add([]byte(`#{"errorId":"e","#error":"!#m","cause":{"#tag":"x","payload":[1e-7,"-0"]},"name":"T"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		slots := []Vref{800, 962, 1124, 0, 1, 800, 5}
		v, err := Decode(CapData{Body: b, Slots: slots})
		MethodName(b)
		if err != nil {
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 400 {
				t.Errorf("Decode(%q): error of %d bytes: %v", b, len(err.Error()), err)
			}
			return
		}
		d, err := Encode[Vref](v)
		if err != nil {
			t.Fatalf("Encode of the decoded %q: %v", b, err)
		}
		w, err := Decode(d)
		if err != nil {
			t.Fatalf("Decode(%q), made from %q: %v", d.Body, b, err)
		}
		e, err := Encode[Vref](w)
		if err != nil || !bytes.Equal(d.Body, e.Body) || !reflect.DeepEqual(d.Slots, e.Slots) {
			t.Fatalf("%q became %q, then %q, %v", b, d.Body, e.Body, err)
		}
		if MethodName(d.Body) != MethodName(e.Body) {
			t.Errorf("two methods in one body %q", d.Body)
		}
	})
}

// FuzzText encodes any string, as itself, as a name and as a symbol.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "!", "#undefined", "plain", "\x00\"\\", "é😀", "\xff", "10"} {
		f.Add(s, 1.5)
	}
	f.Fuzz(func(t *testing.T, s string, x float64) {
		v := []any{s, map[string]any{s: x}, Symbol(s), &Tagged{Tag: s}, &Error{Name: "E", Message: s, ID: s}, rem(800, s)}
		d, err := Encode[Vref](v)
		if utf8.ValidString(s) != (err == nil) {
			t.Fatalf("Encode of %q: %v", s, err)
		}
		if err != nil {
			return
		}
		if got, err := Decode(d); err != nil || !same(got, any(v)) {
			t.Fatalf("Decode(%q) = %v, %v", d.Body, got, err)
		}
	})
}
