package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// The committed orders are what the generator makes.
func TestOrdersAreGenerated(t *testing.T) {
	got, err := exec.Command("go", "run", "./gen", "-seed", "1", "-count", "10000").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("orders.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("orders.jsonl is not what go generate makes")
	}
	if n := bytes.Count(got, []byte("\n")); n != 10001 {
		t.Fatalf("%d lines", n)
	}
}

func open(t *testing.T) *crankcase.Kernel {
	t.Helper()
	c, err := crankcase.LoadConfig("crankcase.json", crankcase.BuildGo(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	k, err := crankcase.Start(filepath.Join(t.TempDir(), "exchange.db"), c, crankcase.Options{UnsafeNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := k.Run(nil); err != nil {
		t.Fatal(err)
	}
	return k
}

func call(t *testing.T, k *crankcase.Kernel, vat, method string, args ...any) any {
	t.Helper()
	v, err := k.Call(vat, method, args...)
	if err != nil {
		t.Fatalf("%s.%s(%v): %v", vat, method, args, err)
	}
	return v
}

func dump(t *testing.T, k *crankcase.Kernel) *kernel.Dump {
	t.Helper()
	d, err := k.Dump()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var accountLine = regexp.MustCompile(`(?m)^([A-Z]+): (\d+) minted, (\d+) in purses, (\d+) in payments, (\d+) in escrow, (\d+) by the book$`)

// audit asks for the report and checks its sums against each other and against
// what the traders say they hold. It returns the report.
func audit(t *testing.T, k *crankcase.Kernel) string {
	t.Helper()
	report, ok := call(t, k, "floor", "report").(string)
	if !ok || !strings.HasSuffix(report, "\nno asset was made or lost") {
		t.Fatalf("report: %v", report)
	}
	held := map[string]int{}
	for _, trader := range []string{"alice", "bob", "carol"} {
		for asset, n := range call(t, k, trader, "holdings").(map[string]any) {
			held[asset] += int(n.(float64))
		}
	}
	accounts := accountLine.FindAllStringSubmatch(report, -1)
	if len(accounts) != 3 {
		t.Fatalf("accounts: %v", report)
	}
	minted := map[string]int{"USD": 3 * 10000000, "GOLD": 3 * 50000, "SILVER": 3 * 100000}
	for _, a := range accounts {
		n := [5]int{}
		for i := range n {
			var err error
			if n[i], err = strconv.Atoi(a[i+2]); err != nil {
				t.Fatal(err)
			}
		}
		if n[0] != minted[a[1]] || n[0] != n[1]+n[2]+n[3] || n[3] != n[4] || n[1] != held[a[1]] {
			t.Errorf("%s; the traders hold %d", a[0], held[a[1]])
		}
	}
	return report
}

func TestExchange(t *testing.T) {
	k := open(t)
	orders, err := os.ReadFile("orders.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	m := model{numbers: map[string][]int{}}
	early := 0
	for i, line := range strings.Split(string(orders), "\n")[:900] {
		var o struct {
			Target, Method string
			Args           []any
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		got, want := call(t, k, o.Target, o.Method, o.Args...), m.answer(o.Target, o.Method, o.Args)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("line %d, %s: got %v, want %v", i+1, line, got, want)
		}
		if i == 300 {
			early = len(dump(t, k).KernelTable)
		}
	}
	report := audit(t, k)
	want := fmt.Sprintf("%d orders, %d trades, %d cancelled\n", m.orders, m.trades, m.cancellations)
	if m.trades < 300 || m.cancellations < 50 || !strings.HasPrefix(report, want) {
		t.Errorf("want %sgot %s", want, report)
	}
	// Nothing piles up: no promise is left, and c-lists hold what is in use
	// and what the vats will drop within 100 deliveries.
	d := dump(t, k)
	if len(d.Promises) != 0 {
		t.Errorf("%d promises are left: %+v", len(d.Promises), d.Promises[0])
	}
	if n := len(d.KernelTable); n > early+300 {
		t.Errorf("c-lists grew from %d to %d entries", early, n)
	}
	for _, v := range d.VatTables {
		if v.Fault != "" {
			t.Errorf("%s: %s", v.Name, v.Fault)
		}
	}
}

// What a trader sends to promises waits in the kernel.
func TestPipelining(t *testing.T) {
	k := open(t)
	result, err := k.Send("alice", "ioc", "buy", "GOLD", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	parked := 0
	for {
		did, err := k.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !did {
			break
		}
		for _, p := range dump(t, k).Promises {
			parked = max(parked, len(p.Queue))
		}
	}
	if parked != 1 {
		t.Errorf("%d messages were parked at a promise, not 1", parked)
	}
	if v, err := k.Result(result); err != nil || crankcase.FormatValue(v) != crankcase.FormatValue(map[string]any{"cancelled": 1.0, "traded": 0.0}) {
		t.Errorf("ioc: %v, %v", v, err)
	}
	if err := k.Release(result); err != nil {
		t.Fatal(err)
	}
}

// Orders that cannot be served are answered, and cost nobody anything.
func TestRefusals(t *testing.T) {
	k := open(t)
	for _, c := range []struct {
		method string
		args   []any
		want   string
	}{
		{"order", []any{"buy", "GOLD", 1000, 1000000}, "withdraw: not enough in the purse"},
		{"order", []any{"sell", "GOLD", 50001, 1}, "withdraw: not enough in the purse"},
		{"order", []any{"lend", "GOLD", 1, 1}, `order: the side is "buy" or "sell"`},
		{"order", []any{"buy", "TIN", 1, 1}, "order: that is not traded here"},
		{"order", []any{"sell", "TIN", 1, 1}, "no purse for TIN"},
		{"order", []any{"buy", "USD", 5, 1}, "order: that is not traded here"},
		{"order", []any{"buy", "GOLD", 0, 1}, "quantity and price are 1 to 1000000"},
		{"order", []any{"buy", "GOLD", 1.5, 1}, "order: argument 2 is not an integer"},
		{"order", []any{"buy"}, "order: argument 1 is missing"},
		{"ioc", []any{"buy", "GOLD", 1000, 1000000}, "withdraw: not enough in the purse"},
		{"cancel", []any{1}, "cancel: no such order"},
		{"nonsense", nil, "no such method"},
	} {
		v, err := k.Call("alice", c.method, c.args...)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
			t.Errorf("%s %v: %v, %v; want %s", c.method, c.args, v, err, c.want)
		}
	}
	// What a trader paid for a refused order comes back once the payment has
	// been dropped: after enough deliveries.
	for range 120 {
		call(t, k, "alice", "holdings")
		if _, err := k.Call("exchange", "nonsense"); err == nil {
			t.Fatal("nonsense was understood")
		}
	}
	report := audit(t, k)
	if !strings.Contains(report, "USD: 30000000 minted, 30000000 in purses, 0 in payments, 0 in escrow") {
		t.Errorf("a refused payment did not come back:\n%s", report)
	}
	// Who has no seat cannot harm the book.
	if _, err := k.Call("exchange", "setUp", "x", "USD", []any{"TIN"}); err == nil {
		t.Error("setUp twice")
	}
	if _, err := k.Call("exchange", "join", map[string]any{"USD": capdata.Undefined{}}); err == nil {
		t.Error("a seat without facets")
	}
}
