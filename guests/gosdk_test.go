package guests_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	sdk "github.com/crankcase/crankcase/guests/go/vat"
)

// What the Go SDK writes otherwise than the C SDK.
var goEchoes = map[string]string{
	`9223372036854775808`:                    `9.223372036854776e+18`,
	`{"b":1,"a":{"x":[]}}`:                   `{"a":{"x":[]},"b":1}`,
	`{"!#a":1,"":2}`:                         `{"":2,"!#a":1}`,
	`{"#error":"broken","name":"TypeError"}`: `{"#error":"broken","name":"TypeError"}`,
	`1e400`:                                  "malformed",
}

func TestGoEcho(t *testing.T) {
	v := startNative(t, echoVat, 1)
	for i, e := range echoes {
		result := p(100 + uint64(i))
		v.reach[p(60)] = true
		v.message(capdata.Root, result, `#["echo",[`+e.in+`]]`, o(50), p(60))
		want := e.out
		if x, ok := goEchoes[e.in]; ok {
			want = x
		}
		if want == "malformed" {
			expect(t, e.in, v.answer(result), `rejected #{"#error":"malformed call","name":"Error"} []`)
			continue
		}
		refs := "[]"
		if strings.Contains(e.in, "&") {
			refs = "[o-50 p-60]"
		}
		expect(t, e.in, v.answer(result), "fulfilled #["+want+"] "+refs)
	}
}

// Mutated bodies: the Go SDK takes what the host library takes, with the same
// meaning, and nothing else.
func TestGoAgreesWithHost(t *testing.T) {
	v := startNative(t, echoVat, 1)
	random := rand.New(rand.NewPCG(3, 4))
	both := 0
	for i := range 50000 {
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
		_, args, err := capdata.DecodeCall(capdata.CapData{Body: e, Slots: slots})
		if taken := r.How == capdata.Fulfilled; taken != (err == nil) {
			t.Fatalf("%q: the SDK answers %q, the host library says %v", e, r.Data.Body, err)
		}
		if err != nil || len(args) == 0 {
			continue
		}
		got, err := capdata.Decode(r.Data)
		if err != nil {
			t.Fatalf("%q was answered with %q: %v", e, r.Data.Body, err)
		}
		if g, w := plain(got), plain(args[:1]); g != w {
			t.Fatalf("%q was answered with %q:\n got %s\nwant %s", e, r.Data.Body, g, w)
		}
		both++
	}
	if both < 10000 {
		t.Fatalf("only %d bodies were understood by both", both)
	}
}

func TestGoRefuses(t *testing.T) {
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{
		"panic":  func(*sdk.Call) (any, error) { panic("oh no") },
		"bug":    func(*sdk.Call) (any, error) { return []any{}[len([]int{})], nil },
		"chan":   func(*sdk.Call) (any, error) { return make(chan int), nil },
		"reason": func(*sdk.Call) (any, error) { return nil, &sdk.Rejection{Reason: int64(7)} },
		"scan": func(c *sdk.Call) (any, error) {
			var s string
			var n int64
			return nil, c.Scan(&s, &n)
		},
	}}, 1)
	for i, c := range []struct{ body, want string }{
		{`#["panic",[]]`, `rejected #{"#error":"panic panicked: oh no","name":"Error"} []`},
		{`#["bug",[]]`, `rejected #{"#error":"bug panicked: runtime error: index out of range [0] with length 0","name":"Error"} []`},
		{`#["chan",[]]`, `rejected #{"#error":"chan panicked: vat: a value of this Go type cannot be sent","name":"Error"} []`},
		{`#["reason",[]]`, `rejected #7 []`},
		{`#["nothing",[]]`, `rejected #{"#error":"no such method","name":"Error"} []`},
		{`#["scan",["a","b"]]`, `rejected #{"#error":"scan: argument 1 is not an integer","name":"TypeError"} []`},
		{`#["scan",["a"]]`, `rejected #{"#error":"scan: argument 1 is missing","name":"TypeError"} []`},
		{`#["scan",["a",1]]`, `fulfilled #"#undefined" []`},
		{`#["scan"]`, `rejected #{"#error":"malformed call","name":"Error"} []`},
		{``, `rejected #{"#error":"malformed call","name":"Error"} []`},
		{"#" + strings.Repeat("[", sdk.MaxBody-1), `rejected #{"#error":"malformed call","name":"Error"} []`},
		{"#" + strings.Repeat(" ", sdk.MaxBody), `rejected #{"#error":"message too large for this vat","name":"Error"} []`},
	} {
		v.message(capdata.Root, p(uint64(60+i)), c.body, o(50))
		expect(t, c.body[:min(len(c.body), 30)], v.answer(p(uint64(60+i))), c.want)
	}
	v.message(op(77), p(90), `#["x",[]]`)
	expect(t, "unknown target", v.answer(p(90)), `rejected #{"#error":"no such object","name":"Error"} []`)
	v.reap()
	expect(t, "dropped", v.drops, []capdata.Vref{o(50)})
	v.mustDeliver(99, nil)
}

func TestGoStartFails(t *testing.T) {
	v := startNative(t, sdk.Vat{}, 1)
	sdk.Serve(sdk.Vat{Start: func(*sdk.Call, uint32, any) error { return errors.New("no money") }})
	f := v.deliver(capdata.StartVat, capdata.AppendStartVat(nil, 1, 0, capdata.CapData{Body: []byte("#{}")}))
	if f == nil || f.Text != "start: no money" {
		t.Fatal(f)
	}
}

// A method that awaits serves others meanwhile, and what is on loan to it is
// given back when it is done, and not before.
func TestGoAwaitAndLoans(t *testing.T) {
	var kept *sdk.Remote
	served := sdk.Vat{Methods: sdk.Methods{
		"ask": func(c *sdk.Call) (any, error) {
			var to sdk.Target
			if err := c.Scan(&to); err != nil {
				return nil, err
			}
			first := to.Send(c, "first", int64(1))
			second := first.Send(c, "second") // pipelined
			ignored := to.Send(c, "ignored")
			_ = ignored
			v, err := second.Await(c)
			if err != nil {
				return nil, err
			}
			to.SendOnly("thanks", v, first)
			return first.Await(c)
		},
		"keep": func(c *sdk.Call) (any, error) {
			if err := c.Scan(&kept); err != nil {
				return nil, err
			}
			kept.Keep()
			return nil, nil
		},
		"drop": func(*sdk.Call) (any, error) { kept.Drop(); return nil, nil },
		"use":  func(*sdk.Call) (any, error) { kept.SendOnly("hi"); return nil, nil },
	}}
	v := startNative(t, served, 2)
	n := func(i uint64) capdata.Vref { return pp(1<<32 + i) }
	v.message(capdata.Root, p(60), `#["ask",["$0"]]`, o(50))
	expect(t, "sends", fmt.Sprint(v.sends[0].target, v.sends[1].target, v.sends[2].target), fmt.Sprint(o(50), n(1), o(50)))
	v.reap()
	expect(t, "nothing dropped", len(v.drops), 0)
	v.message(capdata.Root, p(61), `#["keep",["$0"]]`, o(70))
	v.notify([]capdata.Resolution{data(n(1), capdata.ToObject, `#"$0"`, o(51)), data(n(3), capdata.ToObject, `#"$0"`, o(52))})
	expect(t, "still waiting", v.answer(p(60)), "not settled")
	v.notify([]capdata.Resolution{data(n(2), capdata.Fulfilled, `#["$0"]`, o(53))})
	last := v.sends[3]
	expect(t, "thanks", string(last.args.Body), `#["thanks",[["$0"],"&1"]]`)
	// first had settled: it went out as a new promise, which settled at once.
	expect(t, "new promise", last.args.Slots, []capdata.Vref{o(53), n(4)})
	expect(t, "settled", v.answer(n(4)), `object #"$0" [o-51]`)
	expect(t, "answer", v.answer(p(60)), `object #"$0" [o-51]`)
	v.reap()
	expect(t, "dropped", describe(v.drops), describe([]capdata.Vref{o(50), o(51), o(52), o(53)}))
	v.message(capdata.Root, 0, `#["use",[]]`)
	v.message(capdata.Root, 0, `#["drop",[]]`)
	v.message(capdata.Root, p(62), `#["use",[]]`)
	expect(t, "use after drop", strings.Contains(v.answer(p(62)), "given back"), true)
	v.reap()
	objects, promises := v.imports()
	expect(t, "c-list", fmt.Sprint(objects, promises), "[] []")
	v.reap()
	expect(t, "dropped once", len(v.drops), 5)
}

// Whatever a message does not ask for is given back too.
func TestGoDropsWhatNobodyWants(t *testing.T) {
	v := startNative(t, echoVat, 1)
	v.message(capdata.Root, 0, `#["echo",[1]]`, o(50), p(60))
	expect(t, "subscribed", v.subs[p(60)], true)
	v.notify([]capdata.Resolution{data(p(60), capdata.Fulfilled, `#["$0","&1","&2"]`, o(51), p(60), p(61))})
	expect(t, "subscriptions", v.subs, map[capdata.Vref]bool{p(61): true})
	v.notify([]capdata.Resolution{data(p(61), capdata.Rejected, `not even smallcaps`, o(52))})
	v.gc(capdata.RetireImports, o(52))
	v.reap()
	expect(t, "dropped", describe(v.drops), describe([]capdata.Vref{o(50), o(51)}))
	objects, promises := v.imports()
	expect(t, "c-list", fmt.Sprint(objects, promises), "[] []")
}

// A batch in parts: its names may be used until the last part, and are not
// subscribed to.
func TestGoBatch(t *testing.T) {
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{"chain": func(c *sdk.Call) (any, error) {
		var first *sdk.Promise
		if err := c.Scan(&first); err != nil {
			return nil, err
		}
		for {
			x, err := first.Await(c)
			if err != nil {
				return nil, err
			}
			list, ok := x.([]any)
			if !ok {
				return x, nil
			}
			first = list[0].(*sdk.Promise)
		}
	}}}, 1)
	v.message(capdata.Root, p(60), `#["chain",["&0"]]`, p(70))
	v.notify([]capdata.Resolution{data(p(70), capdata.Fulfilled, `#["&0"]`, p(72))},
		[]capdata.Resolution{data(p(71), capdata.Fulfilled, `#["&0"]`, p(73)), data(p(72), capdata.Fulfilled, `#["&0"]`, p(71))})
	expect(t, "subscriptions", v.subs, map[capdata.Vref]bool{p(73): true})
	v.notify([]capdata.Resolution{data(p(73), capdata.Fulfilled, `#"end"`)})
	expect(t, "answer", v.answer(p(60)), `fulfilled #"end" []`)
}

// Promises and objects of the vat's own, and messages that come to them.
func TestGoExports(t *testing.T) {
	var settle func(any, error)
	counter := int64(0)
	thing := sdk.NewObject("counter", sdk.Methods{"up": func(*sdk.Call) (any, error) { counter++; return counter, nil }})
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{
		"thing": func(*sdk.Call) (any, error) { return thing, nil },
		"later": func(c *sdk.Call) (any, error) {
			var q *sdk.Promise
			q, settle = sdk.NewPromise(c)
			return []any{q}, nil
		},
		"slow": func(c *sdk.Call) (any, error) {
			var q *sdk.Promise
			q, settle = sdk.NewPromise(c)
			return q, nil
		},
		"now":  func(*sdk.Call) (any, error) { settle(thing, nil); return nil, nil },
		"fail": func(*sdk.Call) (any, error) { settle(nil, errors.New("never")); return nil, nil },
	}}, 1)
	v.message(capdata.Root, p(60), `#["thing",[]]`)
	expect(t, "object", v.answer(p(60)), `object #"$0.Alleged: counter" [o+1]`)
	v.message(op(1), p(61), `#["up",[]]`)
	expect(t, "up", v.answer(p(61)), `fulfilled #1 []`)
	v.gc(capdata.DropExports, op(1))
	v.gc(capdata.RetireExports, op(1))
	v.message(capdata.Root, p(62), `#["thing",[]]`)
	expect(t, "exported again", v.answer(p(62)), `object #"$0.Alleged: counter" [o+2]`)

	v.message(capdata.Root, p(63), `#["later",[]]`)
	expect(t, "promise", v.answer(p(63)), `fulfilled #["&0"] [p+1]`)
	v.message(pp(1), p(64), `#["up",[]]`)
	expect(t, "to a promise", v.answer(p(64)), "not settled")
	v.message(capdata.Root, 0, `#["now",[]]`)
	expect(t, "settled", v.answer(pp(1)), `object #"$0.Alleged: counter" [o+2]`)
	expect(t, "up", v.answer(p(64)), `fulfilled #2 []`)

	// Pipelined to a result, which then is rejected.
	v.message(capdata.Root, p(65), `#["slow",[]]`)
	v.message(p(65), p(66), `#["up",[]]`)
	v.message(capdata.Root, 0, `#["fail",[]]`)
	expect(t, "result", v.answer(p(65)), `rejected #{"#error":"never","name":"Error"} []`)
	expect(t, "pipelined", v.answer(p(66)), `rejected #{"#error":"never","name":"Error"} []`)
	v.message(capdata.Root, 0, `#["now",[]]`) // a second time is nothing
	expect(t, "counter", counter, 2)
	_, promises := v.imports()
	expect(t, "c-list", len(promises), 0)
}

func TestGoVatstore(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{"go": func(*sdk.Call) (any, error) {
		sdk.StoreSet("k1", []byte(long))
		sdk.StoreSet("k2", nil)
		sdk.StoreSet(long, nil)
		sdk.StoreDelete("k0")
		a, okA := sdk.StoreGet("k1")
		b, okB := sdk.StoreGet("k2")
		_, okC := sdk.StoreGet("k3")
		first, _ := sdk.StoreNext("")
		_, more := sdk.StoreNext(long)
		return []any{string(a) == long, okA, len(b), okB, okC, first, more}, nil
	}}}, 1)
	v.message(capdata.Root, p(60), `#["go",[]]`)
	expect(t, "vatstore", v.answer(p(60)), `fulfilled #[true,true,0,true,false,"k1",false] []`)
}

func TestGoDevice(t *testing.T) {
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{"call": func(c *sdk.Call) (any, error) {
		var d *sdk.Remote
		if err := c.Scan(&d); err != nil {
			return nil, err
		}
		return d.CallNow(c, "ring")
	}}}, 1)
	v.message(capdata.Root, p(60), `#["call",["$0"]]`, capdata.Import(capdata.Device, 70))
	expect(t, "device", v.answer(p(60)), `rejected #{"#error":"no device","name":"Error"} []`)
	v.reap()
	expect(t, "devices are not dropped", len(v.drops), 0)
}

// Promises whose values lead back to themselves do not hold each other for
// ever, and long chains are given back without recursion.
func TestGoCircles(t *testing.T) {
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{"wait": func(c *sdk.Call) (any, error) {
		var q *sdk.Promise
		if err := c.Scan(&q); err != nil {
			return nil, err
		}
		_, err := q.Await(c)
		return nil, err
	}}}, 1)
	v.message(capdata.Root, p(60), `#["wait",["&0"]]`, p(70))
	v.notify([]capdata.Resolution{
		data(p(70), capdata.Fulfilled, `#["&0","&1","$2"]`, p(70), p(71), o(50)),
		data(p(71), capdata.Fulfilled, `#["&0","$1"]`, p(72), o(51)),
		data(p(72), capdata.Fulfilled, `#["&0","&1","$2"]`, p(71), p(70), o(52)),
	})
	expect(t, "answer", v.answer(p(60)), `fulfilled #"#undefined" []`)
	v.reap()
	expect(t, "dropped", describe(v.drops), describe([]capdata.Vref{o(50), o(51), o(52)}))

	const long = 20000
	v.message(capdata.Root, p(61), `#["wait",["&0"]]`, p(100))
	chain := []capdata.Resolution{}
	for i := range uint64(long) {
		chain = append(chain, data(p(100+i), capdata.Fulfilled, `#["&0","$1"]`, p(101+i), o(1000+i)))
	}
	chain = append(chain, data(p(100+long), capdata.Fulfilled, `#0`))
	v.notify(chain[:long/2], chain[long/2:])
	v.reap()
	expect(t, "dropped", len(v.drops), 3+long)
	objects, promises := v.imports()
	expect(t, "c-list", fmt.Sprint(objects, promises), "[] []")
}

// What others settle promises with cannot end the vat: themselves, devices, data.
func TestGoOddTargets(t *testing.T) {
	v := startNative(t, sdk.Vat{Methods: sdk.Methods{
		"same": func(c *sdk.Call) (any, error) { return c.Args()[0], nil },
		"tell": func(c *sdk.Call) (any, error) {
			var to *sdk.Promise
			if err := c.Scan(&to); err != nil {
				return nil, err
			}
			to.SendOnly("one")
			own, settle := sdk.NewPromise(c)
			answer := own.Send(c, "two")
			own.SendOnly("three")
			settle(to, nil)
			return answer, nil
		},
	}}, 1)
	v.message(capdata.Root, p(60), `#["same",["&0"]]`, p(60))
	expect(t, "its own answer", v.answer(p(60)), `rejected #{"#error":"a promise cannot be its own answer","name":"Error"} []`)
	device := capdata.Import(capdata.Device, 70)
	for i, c := range []struct {
		settled capdata.Resolution
		want    string
	}{
		{data(p(80), capdata.Fulfilled, `#"$0"`, device), `rejected #{"#error":"cannot send to data","name":"Error"} []`},
		{data(p(81), capdata.Fulfilled, `#5`), `rejected #{"#error":"cannot send to data","name":"Error"} []`},
		{data(p(82), capdata.Fulfilled, `nonsense`), `rejected #{"#error":"malformed body","name":"Error"} []`},
		{data(p(83), capdata.Rejected, `#{"#error":"no","name":"TypeError"}`), `rejected #{"#error":"no","name":"TypeError"} []`},
		{data(p(84), capdata.Rejected, `#[1]`), `rejected #[1] []`},
		{data(p(85), capdata.ToObject, `#"$0"`, o(50)), "not settled"},
	} {
		v.sends = nil
		v.message(capdata.Root, p(90+uint64(i)), `#["tell",["&0"]]`, c.settled.Promise)
		v.message(p(90+uint64(i)), p(190+uint64(i)), `#["x",[]]`)
		v.notify([]capdata.Resolution{c.settled})
		expect(t, fmt.Sprint(c.settled), v.answer(p(90+uint64(i))), c.want)
		if c.want == "not settled" {
			expect(t, "sent", len(v.sends), 3)
			v.notify([]capdata.Resolution{data(v.sends[1].result, capdata.Fulfilled, `#"$0"`, device)})
			c.want = `rejected #{"#error":"cannot send to data","name":"Error"} []`
		}
		expect(t, "to the answer", v.answer(p(190+uint64(i))), c.want)
	}
	v.reap()
	objects, promises := v.imports()
	expect(t, "c-list", fmt.Sprint(objects, promises), "[d-70] []")
}
