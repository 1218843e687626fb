package capdata

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestVrefText(t *testing.T) {
	for _, c := range []struct {
		v    Vref
		text string
	}{
		{0, "none"}, {1, "o+0"}, {Root, "o+0"}, {800, "o-50"}, {83, "p+5"}, {962, "p-60"}, {1124, "d-70"}, {121, "o+d7"},
		{9, "o+d0"}, {2, "p-0"}, {4, "d-0"}, {3, "p+0"}, {16, "o-1"},
		{Import(Object, FirstObjectImport), "o-50"}, {Import(Promise, FirstPromiseImport), "p-60"},
		{Import(Device, FirstDeviceImport), "d-70"}, {Export(Promise, 5), "p+5"}, {Export(Object, 9) | 8, "o+d9"},
		{math.MaxUint64 &^ 15, "o-1152921504606846975"}, {math.MaxUint64&^15 | 9, "o+d1152921504606846975"},
		{math.MaxUint64&^15 | 3, "p+1152921504606846975"},
	} {
		if got := c.v.String(); got != c.text {
			t.Errorf("Vref(%d).String() = %q, want %q", uint64(c.v), got, c.text)
		}
		got, err := ParseVref(c.text)
		if err != nil || got != c.v {
			t.Errorf("ParseVref(%q) = %d, %v, want %d", c.text, uint64(got), err, uint64(c.v))
		}
	}
}

func TestParseVrefRefuses(t *testing.T) {
	for text, offset := range map[string]int{
		"": 0, "x-1": 0, "O-1": 0, "None": 0, "nonee": 0, " o-1": 0, "ko20": 0,
		"o": 1, "o*1": 1, "o50": 1, "d+1": 1, "oo-1": 1,
		"o-": 2, "o+": 2, "o--1": 2, "o+-1": 2, "o-01": 2, "o-00": 2, "o-0": 2, "o-d1": 2, "p+d1": 2, "p-d1": 2, "d-d1": 2,
		"o+d": 3, "o+dd1": 3, "o+d01": 3, "o- 1": 2, "o-1 ": 3, "o-1x": 3, "o-5\x00": 3, "o-1e3": 3, "o-٣": 2,
		"o-1152921504606846976": 2, "o-18446744073709551616": 2, "o-99999999999999999999999999": 2,
	} {
		v, err := ParseVref(text)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("ParseVref(%q) = %v, %v, want a *ParseError", text, v, err)
			continue
		}
		if pe.Offset != offset || pe.What != "vref" || v != 0 {
			t.Errorf("ParseVref(%q) = %v, %v, want 0 and offset %d", text, v, err, offset)
		}
	}
	_, err := ParseVref("o-1x")
	if want := `vref at byte 3: expected a decimal index from 0 to 2^60-1 without leading zeros, found "x"`; err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestKrefText(t *testing.T) {
	for _, c := range []struct {
		k    Kref
		text string
	}{
		{0, "none"}, {80, "ko20"}, {161, "kp40"}, {122, "kd30"}, {1, "kp0"}, {2, "kd0"}, {4, "ko1"},
		{NewKref(Object, FirstObject), "ko20"}, {NewKref(Promise, FirstPromise), "kp40"}, {NewKref(Device, FirstDevice), "kd30"},
		{math.MaxUint64 &^ 3, "ko4611686018427387903"}, {math.MaxUint64 - 1, "kd4611686018427387903"},
	} {
		if got := c.k.String(); got != c.text {
			t.Errorf("Kref(%d).String() = %q, want %q", uint64(c.k), got, c.text)
		}
		got, err := ParseKref(c.text)
		if err != nil || got != c.k {
			t.Errorf("ParseKref(%q) = %d, %v, want %d", c.text, uint64(got), err, uint64(c.k))
		}
	}
}

func TestParseKrefRefuses(t *testing.T) {
	for text, offset := range map[string]int{
		"": 0, "k": 0, "o20": 0, "o-50": 0, "none ": 0, "K": 0,
		"kx1": 1, "kk1": 1, "k1": 1,
		"ko": 2, "ko0": 2, "ko01": 2, "ko+1": 2, "ko-1": 2, "kp ": 2, "kp1 ": 3, "ko4611686018427387904": 2, "kd18446744073709551615": 2,
	} {
		k, err := ParseKref(text)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("ParseKref(%q) = %v, %v, want a *ParseError", text, k, err)
			continue
		}
		if pe.Offset != offset || pe.What != "kref" || k != 0 {
			t.Errorf("ParseKref(%q) = %v, %v, want 0 and offset %d", text, k, err, offset)
		}
	}
}

// Text and reference are one to one: String of what is well-formed (or 0)
// parses to itself, String of everything else does not parse.
func TestReferenceTextIsOneToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.Uint64().Draw(t, "bits")
		v := Vref(bits)
		got, err := ParseVref(v.String())
		if ok := v == 0 || v.WellFormed(); ok != (err == nil) || ok && got != v {
			t.Fatalf("ParseVref(%q) = %d, %v, from %d, well-formed %v", v, uint64(got), err, bits, ok)
		}
		k := Kref(bits)
		gotK, err := ParseKref(k.String())
		if ok := k == 0 || k.WellFormed(); ok != (err == nil) || ok && gotK != k {
			t.Fatalf("ParseKref(%q) = %d, %v, from %d, well-formed %v", k, uint64(gotK), err, bits, ok)
		}
	})
	for bits := range uint64(1024) {
		v := Vref(bits)
		if got, err := ParseVref(v.String()); (v == 0 || v.WellFormed()) != (err == nil) || err == nil && got != v {
			t.Errorf("ParseVref(%q) = %d, %v, from %d", v, uint64(got), err, bits)
		}
	}
}

func TestReferencesInJSON(t *testing.T) {
	type row struct {
		V    Vref            `json:"v"`
		K    Kref            `json:"k"`
		Vs   []Vref          `json:"vs"`
		Many map[Kref]string `json:"many"`
		None Kref            `json:"none,omitempty"`
	}
	in := row{V: 800, K: 80, Vs: []Vref{1, 0, 121}, Many: map[Kref]string{161: "x"}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"v":"o-50","k":"ko20","vs":["o+0","none","o+d7"],"many":{"kp40":"x"}}`; string(text) != want {
		t.Errorf("JSON = %s, want %s", text, want)
	}
	var out row
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if out.V != in.V || out.K != in.K || len(out.Vs) != 3 || out.Vs[2] != 121 || out.Many[161] != "x" {
		t.Errorf("read back %+v, want %+v", out, in)
	}
	out.V = 7
	for _, bad := range []string{`{"v":"o-0"}`, `{"v":"d+1"}`, `{"v":5}`, `{"k":"kx1"}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was read without an error", bad)
		}
	}
	if out.V != 7 {
		t.Errorf("a text that was refused changed the reference to %v", out.V)
	}
}

func TestParseErrorQuotesLittle(t *testing.T) {
	_, err := ParseVref("o-" + strings.Repeat("é", 1000))
	if n := len(err.Error()); n > 200 {
		t.Errorf("an error of %d bytes", n)
	}
	if want := `found "` + strings.Repeat("é", 20) + `"...`; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error = %q, want the end %q", err, want)
	}
	for n := range 50 { // cut at any place inside a character
		q := quote(strings.Repeat("x", n) + strings.Repeat("😀", 20))
		if strings.Contains(q, `\x`) {
			t.Errorf("quote cut a character in two: %s", q)
		}
	}
	if got := quote(strings.Repeat("\xff", 60)); !strings.HasPrefix(got, `"\xff\xff`) || len(got) > 4*quoteLimit+5 {
		t.Errorf("quote of bytes that are not UTF-8 = %s", got)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Object.String(): "object", Promise.String(): "promise", Device.String(): "device", Kind(3).String(): "kind-3",
		StartVat.String(): "startVat", Message.String(): "message", Notify.String(): "notify", DropExports.String(): "dropExports",
		RetireExports.String(): "retireExports", RetireImports.String(): "retireImports", BringOutYourDead.String(): "bringOutYourDead",
		DeliveryKind(0).String(): "unknown",
	} {
		if got != want {
			t.Errorf("a name is %q, want %q", got, want)
		}
	}
	if DeliveryKind(8).String() != "unknown" {
		t.Errorf("delivery 8 is %q", DeliveryKind(8))
	}
}
