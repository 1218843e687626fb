package guests_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
)

// issuerMethods are the methods of the exchange example's issuer: whose they
// are, and what is sent to them if it is to make sense.
var issuerMethods = []struct{ method, of, slot, args string }{
	{"makeMint", "issuer", "", "NAME"},
	{"makePurse", "issuer", "", "NAME"},
	{"makeEscrow", "issuer", "", ""},
	{"audit", "issuer", "", ""},
	{"issueTo", "mint", "deposit facet", `"$0",AMOUNT`},
	{"balance", "purse", "", ""},
	{"withdraw", "purse", "", "AMOUNT"},
	{"withdraw", "purse", "", "AMOUNT"},
	{"depositFacet", "purse", "", ""},
	{"deposit", "deposit facet", "payment", `"$0"`},
	{"deposit", "escrow", "payment", `"$0",NAME,AMOUNT`},
	{"deposit", "escrow", "payment", `"$0",NAME,AMOUNT`},
	{"pay", "escrow", "deposit facet", `[["$0",AMOUNT],["$1",AMOUNT]]`},
	{"check", "escrow", "deposit facet", `[["$0",NAME],["$1",NAME]]`},
}

// The issuer of the exchange example under calls that make sense and calls
// that do not: it never faults, and no asset is made or lost.
func TestIssuerConserves(t *testing.T) {
	v := startVat(t, newWorkers(t), "../examples/exchange/issuer.wasm", 1)
	random := rand.New(rand.NewPCG(5, 6))
	one := func(list ...string) string { return list[random.IntN(len(list))] }
	known := map[string][]capdata.Vref{"issuer": {capdata.Root}}
	kinds := []string{"issuer", "mint", "purse", "deposit facet", "escrow", "payment"}
	object := func(kind string) capdata.Vref {
		if kind == "" || random.IntN(8) == 0 {
			kind = one(kinds...)
		}
		if list := known[kind]; len(list) > 0 {
			return list[random.IntN(len(list))]
		}
		return capdata.Root
	}
	next := uint64(1000)
	send := func(target capdata.Vref, method, args string, slots ...capdata.Vref) capdata.Resolution {
		next++
		v.message(target, p(next), fmt.Sprintf(`#[%q,[%s]]`, method, args), slots...)
		r, ok := v.settled[p(next)]
		if !ok {
			t.Fatalf("%v.%s(%s) was not answered", target, method, args)
		}
		delete(v.settled, p(next))
		if r.How == capdata.ToObject {
			_, kind, _ := strings.Cut(strings.Trim(string(r.Data.Body), `#"`), ".Alleged: ")
			known[kind] = append(known[kind], r.Data.Slots[0])
		}
		return r
	}
	done := map[string]int{}
	for i := range 30000 {
		m := issuerMethods[random.IntN(len(issuerMethods))]
		args := m.args
		for strings.Contains(args, "AMOUNT") {
			args = strings.Replace(args, "AMOUNT", one("1", "1", "7", "7", "100", "0", "-1", "9007199254740992", "9007199254740993", "1e30", `"5"`, `"+5"`, "1.5"), 1)
		}
		args = strings.ReplaceAll(args, "NAME", one(`"USD"`, `"USD"`, `"GOLD"`, `"TIN"`, `""`, `"far too long for a name"`, "null"))
		if random.IntN(10) == 0 {
			args = one("", `"$0"`, `"$2"`, `["$0"]`, "{}", `[["$2",1]]`, `[[]]`)
		}
		r := send(object(m.of), m.method, args, object(m.slot), object(m.slot), o(50))
		if r.How != capdata.Rejected {
			done[m.of+"."+m.method]++
		}
		// Payments and facets come and go.
		for _, kind := range []string{"payment", "deposit facet"} {
			if list := known[kind]; len(list) > 10 {
				at := random.IntN(len(list))
				gone := list[at]
				known[kind] = slices.Delete(list, at, at+1)
				v.gc(capdata.DropExports, gone)
				if _, still := v.reach[gone]; still {
					t.Fatalf("%v was not retired", gone)
				}
			}
		}
		if i%500 != 0 {
			continue
		}
		v.reap()
		sums, err := capdata.Decode(send(capdata.Root, "audit", "").Data)
		if err != nil {
			t.Fatal(err)
		}
		for asset, a := range sums.(map[string]any) {
			n := func(name string) float64 { return a.(map[string]any)[name].(float64) }
			if n("minted") != n("purses")+n("payments")+n("escrow") {
				t.Fatalf("after %d calls, %s: %v", i, asset, a)
			}
		}
	}
	for _, m := range issuerMethods {
		if done[m.of+"."+m.method] == 0 {
			t.Errorf("%s.%s never succeeded", m.of, m.method)
		}
	}
	t.Log(done)
}
