package guests_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
)

const probe = "c/testdata/probe.wasm"

func o(n uint64) capdata.Vref  { return capdata.Import(capdata.Object, n) }
func p(n uint64) capdata.Vref  { return capdata.Import(capdata.Promise, n) }
func op(n uint64) capdata.Vref { return capdata.Export(capdata.Object, n) }
func pp(n uint64) capdata.Vref { return capdata.Export(capdata.Promise, n) }

func expect[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestSmallest(t *testing.T) {
	v := startVat(t, newWorkers(t), "c/smallest.wasm", 1)
	for i, want := range []string{"fulfilled #1 []", "fulfilled #2 []"} {
		v.message(capdata.Root, p(60+uint64(i)), "no JSON at all")
		expect(t, "answer", v.answer(p(60+uint64(i))), want)
	}
	v.message(capdata.Root, 0, "")
	expect(t, "store", v.store["count"], []byte{3, 0, 0, 0})
	v.reap()
}

// Bodies that are accepted, and what the SDK writes for them.
var echoes = []struct{ in, out string }{
	{`null`, `null`},
	{` [ 1 , -2,true ,false , "" ] `, `[1,-2,true,false,""]`},
	{`"#undefined"`, `"#undefined"`},
	{`"#NaN"`, `"#NaN"`},
	{`"#-Infinity"`, `"#-Infinity"`},
	{`9007199254740991`, `9007199254740991`},
	{`-9223372036854775808`, `-9223372036854775808`},
	{`9223372036854775808`, `9223372036854775808`},
	{`1e3`, `1000`},
	{`-2.50e1`, `-25`},
	{`1.5`, `1.5`},
	{`0e999999999`, `0`},
	{`1e400`, `1e400`}, // no float64, but this SDK has no floats
	{`"+123456789012345678901234567890"`, `"+123456789012345678901234567890"`},
	{`"-5"`, `"-5"`},
	{`"!#not special"`, `"!#not special"`},
	{`"!plain"`, `"plain"`},
	{`"%foo"`, `"%foo"`},
	{`"a\u0062\n\t\u0001\"\\\/"`, `"ab\n\t\u0001\"\\/"`},
	{`"\ud83d\ude00 é 😀"`, `"😀 é 😀"`},
	{`{"b":1,"a":{"x":[]}}`, `{"b":1,"a":{"x":[]}}`},
	{`{"!#a":1,"":2}`, `{"!#a":1,"":2}`},
	{`{"#error":"broken","name":"TypeError"}`, `{"#error":"broken","name":"Error"}`},
	{`{"#tag":"copySet","payload":[1]}`, `{"#tag":"copySet","payload":[1]}`},
	{`["$0.Alleged: thing","$0","&1"]`, `["$0","$0","&1"]`},
}

func TestCEcho(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	for i, e := range echoes {
		result := p(100 + uint64(i))
		v.reach[p(60)] = true
		v.message(capdata.Root, result, `#["echo",[`+e.in+`]]`, o(50), p(60))
		refs := "[]"
		if strings.Contains(e.in, "&") {
			refs = "[o-50 p-60]"
		}
		expect(t, e.in, v.answer(result), "fulfilled #"+e.out+" "+refs)
	}
}

func TestCRefusesMalformed(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	bodies := []string{"", "#", "x", `#["echo",[1]`, `#["echo",[1]] x`, `#["echo"]`, `#["echo",[],1]`, `#[1,[]]`, `#["echo",{}]`, `#"echo"`,
		"#" + strings.Repeat("[", 100000), "#" + strings.Repeat("[", 60000), `#["%echo",[]]`}
	for _, arg := range []string{`01`, `1.`, `.5`, `-`, `+1`, `1e`, `tru`, `nul`, `"`, `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\x01\"", "\"\xff\"",
		"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{a:1}`, `"#foo"`, `"(x"`, `"$"`, `"$2"`, `"$1"`, `"&0"`,
		`"$00"`, `"$99999999999999999999"`, `"+"`, `"+1x"`, `{"#x":1}`, `{"+1":1}`, `"&1x"`} {
		bodies = append(bodies, `#["echo",[`+arg+`]]`)
	}
	for i, body := range bodies {
		result := p(1000 + uint64(i))
		v.reach[p(60)] = true
		v.message(capdata.Root, result, body, o(50), p(60))
		got := v.answer(result)
		if !strings.HasPrefix(got, "rejected #{\"#error\":\"malformed call\"") && !strings.HasPrefix(got, "rejected #{\"#error\":\"message too big") {
			t.Errorf("%.60q: %s", body, got)
		}
	}
	v.message(capdata.Root, p(5), `#["echo",["still here"]]`)
	expect(t, "answer", v.answer(p(5)), `fulfilled #"still here" []`)
}

// Mutated bodies never end the vat, and what the SDK takes, the host library
// takes too, with the same meaning.
func TestCAgreesWithHost(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	random := rand.New(rand.NewPCG(1, 2))
	both := 0
	for i := range 20000 {
		e := []byte(`#["echo",[` + echoes[random.IntN(len(echoes))].in + `]]`)
		for range random.IntN(3) {
			at := 11 + random.IntN(len(e)-11)
			switch random.IntN(3) {
			case 0:
				e[at] = `"\\{}[],:#$&!+-0189eE.utn`[random.IntN(25)]
			case 1:
				e = slices.Delete(e, at, at+1)
			case 2:
				e = slices.Insert(e, at, e[11+random.IntN(len(e)-11)])
			}
			if len(e) < 13 {
				break
			}
		}
		slots := []capdata.Vref{o(50), p(60)}
		v.reach[p(60)] = true
		result := p(1000 + uint64(i))
		v.message(capdata.Root, result, string(e), slots...)
		r := v.settled[result]
		delete(v.settled, result)
		if r.How != capdata.Fulfilled {
			continue
		}
		_, args, err := capdata.DecodeCall(capdata.CapData{Body: e, Slots: slots})
		if err != nil {
			continue // the SDK is laxer on names that stand twice, exponents, and errors
		}
		got, err := capdata.Decode(r.Data)
		if err != nil {
			t.Fatalf("%q was answered with %q: %v", e, r.Data.Body, err)
		}
		var want any = capdata.Undefined{}
		if len(args) > 0 {
			want = args[0]
		}
		if g, w := plain(got), plain(want); g != w {
			t.Fatalf("%q was answered with %q:\n got %s\nwant %s", e, r.Data.Body, g, w)
		}
		both++
	}
	if both < 2000 {
		t.Fatalf("only %d bodies were understood by both", both)
	}
}

// plain is a value as text without what the SDK does not keep: interfaces and
// names of errors.
func plain(v any) string {
	switch v := v.(type) {
	case capdata.Remotable[capdata.Vref]:
		return v.Ref.String()
	case *capdata.Error:
		return "error " + v.Message
	case float64:
		return fmt.Sprint(v + 0) // -0 is 0
	case []any:
		s := []string{}
		for _, x := range v {
			s = append(s, plain(x))
		}
		return fmt.Sprintf("%q", s)
	case map[string]any:
		s := []string{}
		for k, x := range v {
			s = append(s, fmt.Sprintf("%q: %s", k, plain(x)))
		}
		slices.Sort(s)
		return fmt.Sprint(s)
	case *capdata.Tagged:
		return "tag " + v.Tag + plain(v.Payload)
	}
	return fmt.Sprintf("%T %v", v, v)
}

// The largest bodies that are read cost far less than a crank may.
func TestCWorstBodies(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	v.limit = 50_000_000
	const max = 65536
	for i, fill := range []string{"1,", "[],", `"",`, `{"a":1},`, `"\u0041",`, `1e18,`, `0.00000000000000000000,`} {
		head, tail := `#["nothing",[`, `0]]`
		body := head + strings.Repeat(fill, (max-len(head)-len(tail))/len(fill)) + tail
		v.message(capdata.Root, p(uint64(100+i)), body)
		t.Logf("%q: %d gas", fill, v.gas)
		if got := v.answer(p(uint64(100 + i))); !strings.Contains(got, "no such method") {
			t.Fatalf("%q: %s", fill, got)
		}
	}
	long := `#["nothing",[{` + strings.Repeat(`"k":1,`, 10000) + `"k":1}]]`
	v.message(capdata.Root, p(200), long)
	expect(t, "a long record", v.answer(p(200)), `rejected #{"#error":"no such method","name":"Error"} []`)

	// More references than the SDK takes: refused, and dropped again.
	slots := []capdata.Vref{}
	for n := range uint64(10000) {
		slots = append(slots, o(1000+n/2), p(100000+n))
	}
	v.message(capdata.Root, p(201), `#["echo",[1]]`, slots[:10000]...)
	t.Logf("10000 references: %d gas", v.gas)
	expect(t, "many references", v.answer(p(201)), `rejected #{"#error":"message too big for this vat","name":"Error"} []`)
	expect(t, "dropped", len(v.drops), 2500)
	expect(t, "subscribed", len(v.subs), 5000)
}

func TestCReferences(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	v.message(capdata.Root, p(60), `#["keep",["$0","$1","$2"]]`, o(50), o(51), o(52))
	v.message(capdata.Root, 0, `#["echo",["$0","$1"]]`, o(52), o(51))
	v.reap()
	expect(t, "dropped", v.drops, []capdata.Vref{o(51), o(52)})
	expect(t, "retired", v.retires, []capdata.Vref{o(51), o(52)})
	v.reap()
	expect(t, "dropped once", len(v.drops), 2)
	v.message(capdata.Root, 0, `#["free",[]]`)
	v.reap()
	expect(t, "dropped", v.drops, []capdata.Vref{o(51), o(52), o(50)})
	objects, promises := v.imports()
	expect(t, "c-list", len(objects)+len(promises), 0)

	// An object whose name ends before it was swept, and one that was held.
	v.message(capdata.Root, 0, `#["keep",["$0"]]`, o(60), o(61))
	v.gc(capdata.RetireImports, o(60), o(61))
	v.reap()
	expect(t, "dropped", len(v.drops), 3)

	v.message(capdata.Root, p(70), `#["make",[]]`)
	expect(t, "made", v.answer(p(70)), `object #"$0.Alleged: thing" [o+1]`)
	v.gc(capdata.DropExports, op(1))
	expect(t, "retired", v.exports, []capdata.Vref{op(1)})
	v.gc(capdata.RetireExports, op(7))
}

func data(promise capdata.Vref, how capdata.Settlement, body string, slots ...capdata.Vref) capdata.Resolution {
	return capdata.Resolution{Promise: promise, How: how, Data: capdata.CapData{Body: []byte(body), Slots: slots}}
}

func TestCPromises(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 3)
	first := pp(2<<32 + 1) // names of incarnations do not meet
	v.message(capdata.Root, p(60), `#["ask",["$0","what",{"is":"it"}]]`, o(50))
	v.message(capdata.Root, p(61), `#["ask",["$0","!#what",[]]]`, o(50))
	v.message(capdata.Root, p(62), `#["wait",["&0"]]`, p(70))
	v.message(capdata.Root, p(63), `#["wait",["&0"]]`, p(70))
	expect(t, "send", fmt.Sprintf("%v %s %v", v.sends[0].target, v.sends[0].args.Body, v.sends[0].result), `o-50 #["what",[{"is":"it"}]] `+first.String())
	expect(t, "send", string(v.sends[1].args.Body), `#["!#what",[[]]]`)
	if !v.subs[first] || !v.subs[pp(2<<32+2)] || !v.subs[p(70)] {
		t.Fatal("not subscribed:", v.subs)
	}
	v.notify([]capdata.Resolution{data(first, capdata.Fulfilled, `#[1,"&0"]`, p(71)), data(pp(2<<32+2), capdata.Rejected, `#{"#error":"no","name":"Error"}`)})
	expect(t, "first", v.answer(p(60)), `fulfilled #[1,"&0"] [p-71]`)
	expect(t, "second", v.answer(p(61)), `rejected #{"#error":"no","name":"Error"} []`)
	expect(t, "a promise in an answer", v.subs[p(71)], true)
	// A batch in two parts: its names are not subscribed to, though they stand in it.
	v.notify([]capdata.Resolution{data(p(71), capdata.Fulfilled, `#["&0","&1","&2"]`, p(70), p(72), p(71))},
		[]capdata.Resolution{data(p(70), capdata.ToObject, `nonsense`, o(50)), data(p(99), capdata.Fulfilled, `#0`)})
	expect(t, "third", v.answer(p(62)), `fulfilled #"$0" [o-50]`)
	expect(t, "fourth", v.answer(p(63)), `fulfilled #"$0" [o-50]`)
	expect(t, "subscriptions", v.subs, map[capdata.Vref]bool{p(72): true})

	// Answers that cannot be read reject.
	v.message(capdata.Root, p(64), `#["wait",["&0"]]`, p(73))
	v.message(capdata.Root, p(65), `#["wait",["&0"]]`, p(74))
	v.notify([]capdata.Resolution{data(p(73), capdata.Fulfilled, `no smallcaps`), data(p(74), capdata.Fulfilled, "#"+strings.Repeat(" ", 70000)+"1")})
	expect(t, "malformed", v.answer(p(64)), `rejected #{"#error":"the answer does not decode","name":"Error"} []`)
	expect(t, "too big", v.answer(p(65)), `rejected #{"#error":"the answer is too big","name":"Error"} []`)

	v.message(p(5), p(6), `#["echo",[1]]`)
	expect(t, "message to a promise", v.answer(p(6)), `rejected #{"#error":"this vat takes no message to a promise","name":"Error"} []`)

	// Too much waiting is refused, not a fault.
	refused := 0
	for n := range uint64(2000) {
		v.message(capdata.Root, p(10000+n), `#["wait",["&0"]]`, p(20000+n))
		if strings.Contains(v.answer(p(10000+n)), "too many promises") {
			refused++
		}
	}
	if refused < 1000 || refused > 1999 {
		t.Fatal("refused", refused)
	}
	v.mustDeliver(99, nil)
}

func TestCVatstore(t *testing.T) {
	v := startVat(t, newWorkers(t), probe, 1)
	long := strings.Repeat("long ", 1000)
	v.message(capdata.Root, 0, `#["put",["k1","`+long+`"]]`)
	v.message(capdata.Root, 0, `#["put",["k2",""]]`)
	for i, c := range []struct{ call, want string }{
		{`#["get",["k1"]]`, `fulfilled #"` + long + `" []`},
		{`#["get",["k2"]]`, `fulfilled #"" []`},
		{`#["get",["k3"]]`, `fulfilled #null []`},
		{`#["next",[""]]`, `fulfilled #"k1" []`},
		{`#["next",["k1"]]`, `fulfilled #"k2" []`},
		{`#["next",["k2"]]`, `fulfilled #null []`},
	} {
		v.message(capdata.Root, p(uint64(60+i)), c.call)
		expect(t, c.call, v.answer(p(uint64(60+i))), c.want)
	}
}
