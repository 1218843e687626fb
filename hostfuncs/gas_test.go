package hostfuncs

import (
	"fmt"
	"math"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/runtime"
)

// The price of each call, by the table in gas.go, and what is out of reach with
// one gas less.
func TestPrices(t *testing.T) {
	r := &recorder{store: map[string]string{"k": "nine byte"}, answer: capdata.CapData{Body: []byte("12345"), Slots: []capdata.Vref{o50}}}
	type row struct {
		name string
		args []any
		gas  uint64
	}
	rows := []row{
		{"read", []any{0, 0, 0}, 150}, {"read", []any{0, 0, 1}, 151}, {"read", []any{0, 0, 8}, 151}, {"read", []any{0, 0, 9}, 152},
		{"answer", []any{0, 0, 0}, 150},
		{"bundle_len", nil, 150}, {"bundle_read", []any{0, 0, 17}, 153},
		{"send", []any{o50, 0, 0, 0, 0, 0}, 6000}, {"send", []any{o50, 0, 17, 0, 3, 0}, 6000 + 3*32 + 3*1000},
		{"subscribe", []any{p60}, 3000},
		{"resolve", []any{0, 0}, 500}, {"resolve", []any{256, 2}, 500 + 2*5000 + 1*32 + 2*1000},
		{"exit", []any{0, 0, 1, 0, 1}, 2000 + 32 + 1000},
		{"vatstore_get", []any{512, 1, 0, 0}, 3000 + 8 + 2*8}, {"vatstore_get", []any{0, 1, 0, 0}, 3000 + 8},
		{"vatstore_set", []any{0, 9, 0, 17}, 5000 + (2+3)*32},
		{"vatstore_delete", []any{0, 9}, 5000 + 2*8},
		{"vatstore_next_key", []any{0, 0, 0, 0}, 4000 + 8}, {"vatstore_next_key", []any{519, 9, 0, 0}, 4000 + 2*8 + 8}, {"vatstore_next_key", []any{512, 1, 0, 0}, 4000 + 8 + 2*8},
		{"drop_imports", []any{0, 0}, 500}, {"drop_imports", []any{0, 3}, 500 + 3*1500},
		{"retire_imports", []any{0, 3}, 500 + 3*3000}, {"retire_exports", []any{0, 3}, 500 + 3*3000}, {"abandon_exports", []any{0, 3}, 500 + 3*3000},
		{"call_now", []any{d70, 0, 9, 0, 1}, 10_000 + 2*32 + 1000 + 4*8 + 1000},
		{"console.log", []any{0, 0, 0}, 300}, {"console.log", []any{9, 0, 60000}, 300}, {"console.log", []any{9, 0xffffffff, 60000}, 300},
		{ModuleWASI + ".random_get", []any{0, 9}, 152}, {ModuleWASI + ".random_get", []any{0, 99999}, 150},
		{ModuleWASI + ".fd_write", []any{1, 1024, 3, 1020}, 312}, {ModuleWASI + ".fd_write", []any{3, 0, 3, 1020}, 300},
		{ModuleWASI + ".poll_oneoff", []any{1024, 2048, 2, 1020}, 400},
		{ModuleWASI + ".sched_yield", nil, 150},
	}
	for _, b := range badFD {
		args := make([]any, len(b.sig))
		for i := range args {
			args[i] = 0xffffffff
		}
		rows = append(rows, row{ModuleWASI + "." + b.name, args, 150})
	}
	for _, c := range rows {
		name := fmt.Sprint(c.name, c.args)
		m := script(func(g *code) {
			g.put32(256+24, 0, 2) // a resolve's two records: one with slots, one with a body
			g.put32(288+20, 8)
			g.put(512, "k")
			g.put(519, "j12345678")
			g.call(c.name, c.args...)
		})
		deliver := func(limit uint64) outcome {
			g, err := New(m, Options{Data: make([]byte, 20)})
			if err != nil {
				t.Fatal(err)
			}
			r.store = map[string]string{"k": "nine byte", "k12345678": ""}
			used, f, err := g.Deliver(capdata.StartVat, make([]byte, 100), limit, r)
			return outcome{used, f, err}
		}
		if o := deliver(c.gas); o.String() != "ok" || o.gas != c.gas {
			t.Errorf("%s: %s, gas %d, want %d", name, o, o.gas, c.gas)
		}
		import_ := c.name
		if i := len(ModuleWASI) + 1; len(import_) > i && import_[:i] == ModuleWASI+"." {
			import_ = import_[i:]
		}
		if o, want := deliver(c.gas-1), fmt.Sprintf("out-of-gas: %s: the delivery's gas limit of %d was reached", import_, c.gas-1); o.String() != want || o.gas != c.gas-1 {
			t.Errorf("%s: got %s, gas %d, want %s", name, o, o.gas, want)
		}
	}
}

// A guest that is below zero already gets nothing from the host.
func TestNoCallBelowZero(t *testing.T) {
	r := &recorder{}
	o := play(script(func(c *code) {
		c.burn(testGas + 1)
		c.call("vatstore_set", 0, 1, 0, 1)
	}), Options{}, r, "")
	if want := "out-of-gas: vatstore_set: the delivery's gas limit of 1000000 was reached"; o.String() != want || len(r.log) != 0 {
		t.Errorf("got %s and %q, want %s", o, r.log, want)
	}
}

// A size that cannot be paid reaches no kernel, and charging saturates.
func TestSizesArePaidFirst(t *testing.T) {
	r := &recorder{}
	m := script(func(c *code) { c.call("send", o50, 0, 10<<20, 0, 10000, 0) })
	m.pages = 200
	if o := play(m, Options{}, r, ""); o.fault == nil || o.fault.Import != "send" || len(r.log) != 0 {
		t.Errorf("%s, %q", o, r.log)
	}
	m = script(func(c *code) {
		low := int64(math.MinInt64 + 3)
		c.globals[runtime.GlobalGas].Set(uint64(low))
		c.call("subscribe", p60)
	})
	if o := play(m, Options{}, r, ""); o.fault == nil || o.fault.Import != "subscribe" || o.gas != testGas || len(r.log) != 0 {
		t.Errorf("%s, gas %d, %q", o, o.gas, r.log)
	}
}

// Host calls and deliveries make no garbage where nothing is wrong.
func TestNoAllocations(t *testing.T) {
	var in *fakeInstance
	g, err := New(script(func(c *code) { in = c.fakeInstance }), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, f, err := g.Deliver(capdata.StartVat, nil, testGas, nil); f != nil || err != nil {
		t.Fatal(f, err)
	}
	in.mem[8] = 1 // a slot, or a key
	f := func(name string, stack ...uint64) func() {
		call := in.funcs[name].Call
		s := make([]uint64, len(stack)+1)
		return func() {
			in.globals[runtime.GlobalGas].Set(math.MaxInt64)
			copy(s, stack)
			if err := call(g, s); err != nil {
				t.Fatal(name, err)
			}
		}
	}
	g.sys, g.payload = silent{}, make([]byte, 100)
	for name, call := range map[string]func(){
		"read": f("crankcase_v1.read", 0, 0, 16), "send": f("crankcase_v1.send", 1, 0, 8, 8, 2, 0),
		"resolve": f("crankcase_v1.resolve", 1024, 3), "get": f("crankcase_v1.vatstore_get", 8, 1, 100, 8),
		"drop": f("crankcase_v1.drop_imports", 8, 1), "call_now": f("crankcase_v1.call_now", 1124, 0, 1, 8, 1),
		"console": f("console.log", 0, 0, 10), "clock": f(ModuleWASI+".clock_time_get", 0, 0, 0),
		"poll": f(ModuleWASI+".poll_oneoff", 2048, 4096, 2, 8192),
	} {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// silent is Syscalls that agree to everything.
type silent struct{}

func (silent) Send(capdata.Vref, capdata.CapData, capdata.Vref) error { return nil }
func (silent) Subscribe(capdata.Vref) error                           { return nil }
func (silent) Resolve(n int, record func(int) (capdata.Resolution, error)) error {
	for i := range n {
		if _, err := record(i); err != nil {
			return err
		}
	}
	return nil
}
func (silent) Exit(bool, capdata.CapData) error             { return nil }
func (silent) VatstoreGet([]byte) ([]byte, bool, error)     { return silentValue, true, nil }
func (silent) VatstoreSet([]byte, []byte) error             { return nil }
func (silent) VatstoreDelete([]byte) error                  { return nil }
func (silent) VatstoreNextKey([]byte) ([]byte, bool, error) { return silentValue, true, nil }
func (silent) DropImports([]capdata.Vref) error             { return nil }
func (silent) RetireImports([]capdata.Vref) error           { return nil }
func (silent) RetireExports([]capdata.Vref) error           { return nil }
func (silent) AbandonExports([]capdata.Vref) error          { return nil }
func (silent) CallNow(capdata.Vref, capdata.CapData) (bool, capdata.CapData, error) {
	return false, capdata.CapData{Body: silentValue}, nil
}

var silentValue = []byte("value")

// What each import costs on this side of the engine.
func BenchmarkImports(b *testing.B) {
	var in *fakeInstance
	g, err := New(script(func(c *code) { in = c.fakeInstance }), Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, f, err := g.Deliver(capdata.StartVat, nil, testGas, nil); f != nil || err != nil {
		b.Fatal(f, err)
	}
	g.sys, g.payload = silent{}, make([]byte, 1000)
	in.mem[8] = 1
	for _, c := range []struct {
		name  string
		stack []uint64
	}{
		{"crankcase_v1.read", []uint64{0, 0, 140}},
		{"crankcase_v1.send", []uint64{800, 0, 100, 2048, 2, 83}},
		{"crankcase_v1.subscribe", []uint64{83}},
		{"crankcase_v1.resolve", []uint64{1024, 1}},
		{"crankcase_v1.vatstore_get", []uint64{8, 1, 100, 8}},
		{"crankcase_v1.vatstore_set", []uint64{8, 1, 100, 8}},
		{"crankcase_v1.drop_imports", []uint64{8, 1}},
		{"crankcase_v1.call_now", []uint64{1124, 0, 100, 0, 0}},
		{"console.log", []uint64{1, 0, 100}},
		{ModuleWASI + ".clock_time_get", []uint64{0, 0, 64}},
	} {
		b.Run(in.funcs[c.name].Name, func(b *testing.B) {
			b.ReportAllocs()
			call, stack := in.funcs[c.name].Call, make([]uint64, 8)
			for b.Loop() {
				in.globals[runtime.GlobalGas].Set(math.MaxInt64)
				copy(stack, c.stack)
				if err := call(g, stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
