package capdata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// unhex reads hex digits, with spaces for people.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// body returns capdata with slots.
func body(text string, slots ...Vref) CapData { return CapData{Body: []byte(text), Slots: slots} }

// sameData compares capdata; nil and empty are the same.
func sameData(x, y CapData) bool {
	return bytes.Equal(x.Body, y.Body) && (len(x.Slots) == 0 && len(y.Slots) == 0 || reflect.DeepEqual(x.Slots, y.Slots))
}

// The bytes are worked out by hand from the ABI's tables.
func TestWireBytes(t *testing.T) {
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"capdata, empty": {AppendCapData(nil, CapData{}), "00000000 00000000"},
		"capdata": {AppendCapData(nil, body(`#"$0"`, 800, 0x1122334455667788)),
			"02000000 05000000 2003000000000000 8877665544332211 2322243022"},
		"capdata of the kernel": {AppendData(nil, KernelData{Body: []byte("#1"), Slots: []Kref{80}}), "01000000 02000000 5000000000000000 2331"},
		"startVat": {AppendStartVat(nil, 3, FlagPipelining, body("#{}")),
			"03000000 01000000 00000000 03000000 237b7d"},
		"message": {AppendMessage(nil, Root, 962, body("#[]", 121)),
			"0100000000000000 c203000000000000 01000000 03000000 7900000000000000 235b5d"},
		"notify, empty": {AppendNotify(nil, nil, false), "00000000 00000000"},
		"notify": {AppendNotify(nil, []Resolution{
			{Promise: 83, How: Rejected, Data: body("#1")},
			{Promise: 962, How: ToObject, Data: body("12345678", 800)},
			{Promise: 99, How: Fulfilled},
		}, true), "03000000 01000000" +
			"5300000000000000 01000000 0a000000 00000000 02000000 2331 000000000000" +
			"c203000000000000 02000000 18000000 01000000 08000000 2003000000000000 3132333435363738" +
			"6300000000000000 00000000 08000000 00000000 00000000"},
		"references, none": {AppendRefs(nil, nil), "00000000 00000000"},
		"references":       {AppendRefs(nil, []Vref{1, 121}), "02000000 00000000 0100000000000000 7900000000000000"},
		"answer":           {AppendAnswer(nil, true, body("#0")), "01000000 00000000 00000000 02000000 2330"},
		"appended":         {AppendRefs([]byte("ab"), []Vref{1}), "6162 01000000 00000000 0100000000000000"},
	} {
		if want := unhex(c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got %x\nwant %x", name, c.got, want)
		}
	}
}

// wireForm is one kind of payload for the tests that treat all alike.
type wireForm struct {
	name    string
	example []byte
	// again parses and encodes what it got.
	again func([]byte) ([]byte, error)
}

var wireForms = []wireForm{
	{"capdata", AppendCapData(nil, body("#[5]", 800, 962)), func(b []byte) ([]byte, error) {
		d, err := ParseCapData(b)
		return AppendCapData(nil, d), err
	}},
	{"startVat", AppendStartVat(nil, 1, 1, body("#{}", 800)), func(b []byte) ([]byte, error) {
		i, f, d, err := ParseStartVat(b)
		return AppendStartVat(nil, i, f, d), err
	}},
	{"message", AppendMessage(nil, 1, 962, body("#[]", 800, 83)), func(b []byte) ([]byte, error) {
		x, y, d, err := ParseMessage(b)
		return AppendMessage(nil, x, y, d), err
	}},
	{"notify", AppendNotify(nil, []Resolution{
		{Promise: 83, How: Rejected, Data: body("#1")}, {Promise: 962, How: ToObject, Data: body("123", 800)}, {Promise: 2},
	}, true), func(b []byte) ([]byte, error) {
		rs, more, err := ParseNotify(b)
		return AppendNotify(nil, rs, more), err
	}},
	{"references", AppendRefs(nil, []Vref{1, 121, 800}), func(b []byte) ([]byte, error) {
		refs, err := ParseRefs(b)
		return AppendRefs(nil, refs), err
	}},
	{"answer", AppendAnswer(nil, true, body("#0", 800)), func(b []byte) ([]byte, error) {
		failed, d, err := ParseAnswer(b)
		return AppendAnswer(nil, failed, d), err
	}},
}

func TestWireRoundTrip(t *testing.T) {
	for _, f := range wireForms {
		if got, err := f.again(f.example); err != nil || !bytes.Equal(got, f.example) {
			t.Errorf("%s: %x became %x, %v", f.name, f.example, got, err)
		}
	}
	rs, more, err := ParseNotify(wireForms[3].example)
	if err != nil || !more || len(rs) != 3 || rs[1].Promise != 962 || rs[1].How != ToObject || !sameData(rs[1].Data, body("123", 800)) {
		t.Errorf("ParseNotify = %v, %v, %v", rs, more, err)
	}
}

// Every payload that is cut short or goes on is refused, with an offset inside
// it and the right name.
func TestWireRefusesWrongLengths(t *testing.T) {
	for _, f := range wireForms {
		check := func(b []byte) {
			t.Helper()
			_, err := f.again(b)
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Errorf("%s: %x gave %v, want a *ParseError", f.name, b, err)
			} else if pe.What != f.name || pe.Offset < 0 || pe.Offset > len(b) {
				t.Errorf("%s: %x gave %v", f.name, b, err)
			}
		}
		for n := range f.example {
			check(f.example[:n])
		}
		check(append(bytes.Clone(f.example), 0))
		check(append(bytes.Clone(f.example), f.example...))
	}
}

func TestWireErrors(t *testing.T) {
	notify := func(s string) error { _, _, err := ParseNotify(unhex(s)); return err }
	refs := func(s string) error { _, err := ParseRefs(unhex(s)); return err }
	capData := func(s string) error { _, err := ParseCapData(unhex(s)); return err }
	message := func(s string) error { _, _, _, err := ParseMessage(unhex(s)); return err }
	answer := func(s string) error { _, _, err := ParseAnswer(unhex(s)); return err }
	const promise = "5300000000000000"
	for _, c := range []struct {
		err  error
		want string
	}{
		{capData(""), "capdata at byte 0: expected 8 bytes of capdata header, found 0 bytes"},
		{capData("00000000 01000000"), "capdata at byte 8: expected 1 bytes of slots and body, found 0 bytes"},
		{capData("ffffffff ffffffff"), "capdata at byte 8: expected 38654705655 bytes of slots and body, found 0 bytes"},
		{capData("00000000 00000000 00"), "capdata at byte 8: expected the end, found 1 more bytes"},
		{message("0100000000000000"), "message at byte 8: expected 8 bytes of result, found 0 bytes"},
		{notify("01000000 00000000"), "notify at byte 0: expected at most 0 entries in the bytes that follow, found 1"},
		{notify("ffffffff 00000000" + promise), "notify at byte 0: expected at most 0 entries in the bytes that follow, found 4294967295"},
		{notify("00000000 02000000"), "notify at byte 4: expected more from 0 to 1, found 2"},
		{notify("01000000 00000000" + promise + "03000000 08000000 00000000 00000000"), "notify at byte 16: expected kind from 0 to 2, found 3"},
		{notify("01000000 00000000" + promise + "00000000 09000000 00000000 00000000"), "notify at byte 24: expected 9 bytes of capdata, found 8 bytes"},
		{notify("01000000 00000000" + promise + "00000000 07000000 00000000 00000000"), "notify at byte 24: expected 8 bytes of capdata header, found 7 bytes"},
		{notify("01000000 00000000" + promise + "00000000 08000000 00000000 01000000"), "notify at byte 32: expected 1 bytes of slots and body, found 0 bytes"},
		{notify("01000000 00000000" + promise + "00000000 09000000 00000000 00000000 00"), "notify at byte 32: expected the end, found 1 more bytes"},
		{notify("01000000 00000000" + promise + "00000000 09000000 00000000 01000000 31"), "notify at byte 33: expected 7 bytes of padding, found 0 bytes"},
		{notify("01000000 00000000" + promise + "00000000 09000000 00000000 01000000 31 00000000000100"), "notify at byte 38: expected a padding byte 0, found 1"},
		{notify("01000000 00000000" + promise + "02000000 08000000 00000000 00000000"), "notify at byte 24: expected one slot for a promise that is fulfilled with an object, found 0"},
		{refs("e9030000 00000000"), "references at byte 0: expected a count from 0 to 1000, found 1001"},
		{refs("00000000 01000000"), "references at byte 4: expected a reserved word 0, found 1"},
		{refs("01000000 00000000 01"), "references at byte 8: expected 8 bytes of references, found 1 bytes"},
		{answer("02000000 00000000 00000000 00000000"), "answer at byte 0: expected failed from 0 to 1, found 2"},
		{answer("01000000 07000000 00000000 00000000"), "answer at byte 4: expected a reserved word 0, found 7"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("error = %v\n       want %s", c.err, c.want)
		}
	}
}

func TestWireResultsAliasOnlyBodies(t *testing.T) {
	b := AppendMessage(nil, 1, 0, body("#[1]", 800))
	_, _, d, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] = '2'
	if string(d.Body) != "#[2]" {
		t.Errorf("the body does not alias the input: %s", d.Body)
	}
	if cap(d.Body) != len(d.Body) {
		t.Errorf("the body's capacity is %d, appending would write into the input", cap(d.Body))
	}
	b[24] = 0xff
	if d.Slots[0] != 800 {
		t.Errorf("the slots alias the input: %v", d.Slots)
	}
}

func TestWirePanicsRatherThanCut(t *testing.T) {
	AppendRefs(nil, make([]Vref, MaxRefs))
	for name, f := range map[string]func(){
		"references": func() { AppendRefs(nil, make([]Vref, MaxRefs+1)) },
		"length":     func() { count32(-1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// drawData draws capdata of any references and bytes.
func drawData(t *rapid.T) CapData {
	return CapData{
		Body:  rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body"),
		Slots: rapid.SliceOfN(rapid.Map(rapid.Uint64(), func(x uint64) Vref { return Vref(x) }), 0, 5).Draw(t, "slots"),
	}
}

func TestWireProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rs []Resolution
		size := notifyHeader
		for range rapid.IntRange(0, 5).Draw(t, "count") {
			r := Resolution{Promise: Vref(rapid.Uint64().Draw(t, "promise")), How: Settlement(rapid.IntRange(0, 2).Draw(t, "how")), Data: drawData(t)}
			if r.How == ToObject {
				r.Data.Slots = []Vref{800}
			}
			size += r.WireLen()
			rs = append(rs, r)
		}
		more := rapid.Bool().Draw(t, "more")
		b := AppendNotify([]byte("12345678"), rs, more)[8:]
		if len(b) != size || len(b)%8 != 0 {
			t.Fatalf("a notify of %d bytes, want %d, a multiple of 8", len(b), size)
		}
		got, gotMore, err := ParseNotify(b)
		if err != nil || gotMore != more || len(got) != len(rs) {
			t.Fatalf("ParseNotify = %v, %v, %v", got, gotMore, err)
		}
		for i, r := range rs {
			if got[i].Promise != r.Promise || got[i].How != r.How || !sameData(got[i].Data, r.Data) {
				t.Fatalf("entry %d is %v, want %v", i, got[i], r)
			}
		}
		d := drawData(t)
		b = AppendCapData(nil, d)
		if len(b) != d.WireLen() {
			t.Fatalf("capdata of %d bytes, WireLen %d", len(b), d.WireLen())
		}
		if got, err := ParseCapData(b); err != nil || !sameData(got, d) {
			t.Fatalf("ParseCapData = %v, %v, want %v", got, err, d)
		}
	})
}

// An encoder that gets a buffer with room allocates nothing; one that gets nil
// allocates once (under the race detector twice, since slices.Grow then does).
func TestWireAllocations(t *testing.T) {
	rs := []Resolution{{Promise: 962, Data: body("#1", 800)}, {Promise: 978, Data: body("#22")}}
	d := body("#[1,2,3]", 800, 962)
	buffer := make([]byte, 0, 1024)
	for name, encode := range map[string]func(b []byte) []byte{
		"capdata":    func(b []byte) []byte { return AppendCapData(b, d) },
		"startVat":   func(b []byte) []byte { return AppendStartVat(b, 1, 0, d) },
		"message":    func(b []byte) []byte { return AppendMessage(b, 1, 962, d) },
		"notify":     func(b []byte) []byte { return AppendNotify(b, rs, false) },
		"references": func(b []byte) []byte { return AppendRefs(b, d.Slots) },
		"answer":     func(b []byte) []byte { return AppendAnswer(b, false, d) },
	} {
		if n := testing.AllocsPerRun(100, func() { buffer = encode(buffer[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations with room", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { sink = encode(nil) }); n < 1 || n > 2 {
			t.Errorf("%s: %v allocations without room", name, n)
		}
	}
}

// Parsers stay within the stated multiple of their input.
func TestWireParsersAllocateInProportion(t *testing.T) {
	rs := make([]Resolution, 10_000)
	least := AppendNotify(nil, rs, false)
	for i := range rs {
		rs[i].Data.Slots = []Vref{1}
	}
	slotted := AppendNotify(nil, rs, false)
	slots := AppendCapData(nil, CapData{Slots: make([]Vref, 10_000)})
	for name, f := range map[string]func() (int, error){
		"notify":            func() (int, error) { _, _, err := ParseNotify(least); return len(least), err },
		"notify with slots": func() (int, error) { _, _, err := ParseNotify(slotted); return len(slotted), err },
		"capdata":           func() (int, error) { _, err := ParseCapData(slots); return len(slots), err },
	} {
		var length int
		var err error
		got := allocated(func() { length, err = f() })
		must(t, err)
		if got > uint64(4*length) || got < uint64(length)/2 {
			t.Errorf("%s: %d bytes allocated for %d", name, got, length)
		}
	}
}
