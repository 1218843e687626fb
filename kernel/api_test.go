package kernel_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// sends queues a script for a vat's root, which it exports first.
func (b *bed) sends(vat kernel.VatID, script string, o kernel.QueueOptions) capdata.Kref {
	b.t.Helper()
	h := b.k.Harness()
	root, err := h.Lookup(vat, capdata.Root)
	if err == nil && root == 0 {
		root, err = h.AddExport(vat, capdata.Root, true)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	code, err := assemble(script)
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := b.k.Queue(root, capdata.KernelData{Body: puppet.Body("run", code)}, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bed) adds(name string, o kernel.VatOptions) kernel.VatID {
	b.t.Helper()
	id, err := b.k.Harness().AddVat(name, b.puppet, o, false)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// A host that calls the kernel from inside its own call is turned away, and nothing has changed: here from a
// console sink, in the middle of a delivery.
func TestBusy(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	want := func() [32]byte {
		b := newBed(t, setup{})
		defer b.close()
		b.sends(b.adds("A", kernel.VatOptions{}), "console 1 'call back'; vatstore_set 'k' 'v'", kernel.QueueOptions{})
		if _, err := b.k.Run(nil); err != nil {
			t.Fatal(err)
		}
		return b.k.ActivityHash()
	}()

	root := capdata.NewKref(capdata.Object, capdata.FirstObject)
	calls := map[string]func() error{
		"Run":           func() error { _, err := b.k.Run(nil); return err },
		"Step":          func() error { _, err := b.k.Step(); return err },
		"Queue":         func() error { _, err := b.k.Queue(root, capdata.KernelData{}, kernel.QueueOptions{}); return err },
		"Commit":        func() error { return b.k.Commit() },
		"TerminateVat":  func() error { return b.k.TerminateVat(1, "now") },
		"HostSet":       func() error { return b.k.HostSet("k", []byte("v")) },
		"HostGet":       func() error { _, err := b.k.HostGet("k"); return err },
		"Idle":          func() error { _, err := b.k.Idle(); return err },
		"StateRoot":     func() error { _, err := b.k.StateRoot(); return err },
		"PromiseStatus": func() error { _, err := b.k.PromiseStatus(0); return err },
		"PromiseResult": func() error { _, _, err := b.k.PromiseResult(0); return err },
		"Watch":         func() error { return b.k.Watch(0) },
		"Release":       func() error { return b.k.Release(0) },
		"Root":          func() error { _, err := b.k.Root("A"); return err },
		"Close":         func() error { return b.k.Close() },
		"AddVat":        func() error { _, err := b.k.Harness().AddVat("B", b.puppet, kernel.VatOptions{}, false); return err },
	}
	got := map[string]error{}
	// The kernel of the bed again, with a sink that calls back.
	if err := errors.Join(b.k.Close(), b.workers.Close(), b.store.Rollback()); err != nil {
		t.Fatal(err)
	}
	var err error
	b.workers, err = worker.New(worker.Config{Engine: engines[false](), Console: func(_ kernel.VatID, _ string, _ uint32, text string) {
		if text == "call back" {
			for name, call := range calls {
				got[name] = call()
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if b.k, err = kernel.Initialize(b.store, b.workers, kernel.Genesis{}, kernel.Options{}); err != nil {
		t.Fatal(err)
	}
	b.sends(b.adds("A", kernel.VatOptions{}), "console 1 'call back'; vatstore_set 'k' 'v'", kernel.QueueOptions{})
	if n, err := b.k.Run(nil); n != 2 || err != nil {
		t.Fatalf("%d cranks, %v", n, err)
	}
	for name := range calls {
		if !errors.Is(got[name], kernel.ErrBusy) {
			t.Errorf("%s answers %v", name, got[name])
		}
	}
	if b.k.ActivityHash() != want {
		t.Error("to be turned away has changed something")
	}
}

// S30: a wall clock ends a run after a crank, and nothing is lost.
func TestWallClock(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	b.adds("A", kernel.VatOptions{})
	b.sends(1, "on message { burn 20000; send o+0 '#[\"again\",[]]' [] }", kernel.QueueOptions{NoResult: true})
	b.sends(1, "", kernel.QueueOptions{NoResult: true})
	for range 2 {
		start, before := time.Now(), b.k.Cranks()
		n, err := b.k.Run(kernel.WallClock(20 * time.Millisecond))
		took := time.Since(start)
		if err != nil || n == 0 || uint64(n) != b.k.Cranks()-before || took < 20*time.Millisecond {
			t.Fatalf("%d cranks in %v, %d are counted: %v", n, took, b.k.Cranks()-before, err)
		}
		if idle, err := b.k.Idle(); idle || err != nil {
			t.Fatalf("idle: %v, %v", idle, err)
		}
	}
	// A clock that is up lets one crank be done.
	if n, err := b.k.Run(kernel.WallClock(1)); n != 1 || err != nil {
		t.Fatalf("%d cranks, %v", n, err)
	}
	if err := b.k.TerminateVat(1, "enough"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.k.Run(kernel.WallClock(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if idle, err := b.k.Idle(); !idle || err != nil {
		t.Fatalf("idle: %v, %v", idle, err)
	}
}

// Budget is a policy by itself: each bound ends a run with the crank that reaches it.
func TestBudget(t *testing.T) {
	crank := func(gas uint64) kernel.CrankInfo { return kernel.CrankInfo{GasUsed: gas} }
	for _, c := range []struct {
		name   string
		policy kernel.RunPolicy
		gas    []uint64
		goOn   []bool
	}{
		{"forever", kernel.Forever(), []uint64{0, 1 << 60, 1 << 60}, []bool{true, true, true}},
		{"one crank", kernel.CrankCounter(1), []uint64{5}, []bool{false}},
		{"three cranks, empty ones too", kernel.CrankCounter(3), []uint64{0, 0, 7}, []bool{true, true, false}},
		{"gas below", kernel.GasCounter(10), []uint64{4, 5, 0}, []bool{true, true, true}},
		{"gas reached", kernel.GasCounter(10), []uint64{4, 6}, []bool{true, false}},
		{"gas crossed", kernel.GasCounter(10), []uint64{9, 90}, []bool{true, false}},
		{"both, gas first", &kernel.Budget{Cranks: 5, Gas: 10}, []uint64{9, 1}, []bool{true, false}},
		{"both, cranks first", &kernel.Budget{Cranks: 2, Gas: 10}, []uint64{1, 1}, []bool{true, false}},
	} {
		var goOn []bool
		for _, g := range c.gas {
			if ok, budget := c.policy.AllowCleanup(); !ok || budget != 0 {
				t.Errorf("%s: clean-up %v, %d", c.name, ok, budget)
			}
			goOn = append(goOn, c.policy.Cranked(crank(g)))
		}
		if !slices.Equal(goOn, c.goOn) {
			t.Errorf("%s: goes on %v, want %v", c.name, goOn, c.goOn)
		}
	}
	if ok, n := (&kernel.Budget{Cleanup: 7}).AllowCleanup(); !ok || n != 7 {
		t.Errorf("clean-up %v, %d", ok, n)
	}
}

// Initialize refuses what cannot be, and leaves the store as it was.
func TestInitializeRefuses(t *testing.T) {
	module := readPuppet(t)
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "kernel.db"), &sqlitestore.Options{Create: true, UnsafeNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	workers, err := worker.New(worker.Config{Engine: engines[false]()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(workers.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	}()
	vat := func(name string) kernel.VatConfig { return kernel.VatConfig{Name: name, Module: module} }
	bad := vat("a")
	bad.Module = []byte("no module")
	slots := vat("a")
	slots.Parameters.Slots = []capdata.Vref{capdata.Root}
	pause := vat("a")
	pause.Options.OnFault = "pause"
	for _, c := range []struct {
		name string
		g    kernel.Genesis
		want error
		text string
	}{
		{"a vat without a name", kernel.Genesis{Vats: []kernel.VatConfig{vat("")}}, kernel.ErrBadArgument, "1 to 199"},
		{"a long name", kernel.Genesis{Vats: []kernel.VatConfig{vat(strings.Repeat("x", 200))}}, kernel.ErrBadArgument, "1 to 199"},
		{"a strange name", kernel.Genesis{Vats: []kernel.VatConfig{vat("a b")}}, kernel.ErrBadArgument, `"a b"`},
		{"two of a name", kernel.Genesis{Vats: []kernel.VatConfig{vat("a"), vat("b"), vat("a")}}, kernel.ErrBadArgument, `"a"`},
		{"parameters with slots", kernel.Genesis{Vats: []kernel.VatConfig{slots}}, kernel.ErrBadArgument, "slots"},
		{"an unknown fault policy", kernel.Genesis{Vats: []kernel.VatConfig{pause}}, kernel.ErrBadArgument, "pause"},
		{"a bootstrap vat that is not there", kernel.Genesis{Vats: []kernel.VatConfig{vat("a")}, Bootstrap: "b"}, kernel.ErrNoVat, `"b"`},
		{"no module", kernel.Genesis{Vats: []kernel.VatConfig{bad}}, nil, `vat "a"`},
	} {
		k, err := kernel.Initialize(store, workers, c.g, kernel.Options{})
		var refusal *fault.Refusal
		if k != nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if ok, err := kernel.Initialized(store); ok || err != nil {
			t.Fatalf("%s: the store has changed (%v)", c.name, err)
		}
	}
	if _, err := kernel.Open(store, workers, kernel.Options{}); !errors.Is(err, kernel.ErrNotInitialized) {
		t.Errorf("Open of an empty store: %v", err)
	}
	if _, err := kernel.ReadDump(store); !errors.Is(err, kernel.ErrNotInitialized) {
		t.Errorf("ReadDump of an empty store: %v", err)
	}

	// A genesis as it should be; the order of the vats does not matter.
	g := kernel.Genesis{Vats: []kernel.VatConfig{vat("carol"), vat("bob"), vat("alice")}, Bootstrap: "carol", DefaultGasLimit: 1 << 30}
	k, err := kernel.Initialize(store, workers, g, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.Initialize(store, workers, g, kernel.Options{}); !errors.Is(err, kernel.ErrInitialized) {
		t.Errorf("Initialize twice: %v", err)
	}
	if p := k.Params(); p.Behaviour != kernel.Behaviour || p.GasLimit != 1<<30 || p.ConsensusMode {
		t.Errorf("parameters %+v", p)
	}
	d, err := k.Dump()
	if err != nil {
		t.Fatal(err)
	}
	host := holds{}
	for i, name := range []string{"alice", "bob", "carol"} {
		root, err := k.Root(name)
		if want := capdata.NewKref(capdata.Object, uint64(capdata.FirstObject+i)); root != want || err != nil {
			t.Errorf("the root of %s is %v, want %v (%v)", name, root, want, err)
		}
		host[root] = 1
		if id, err := k.VatNamed(name); id != kernel.VatID(i+1) || err != nil {
			t.Errorf("%s is v%d (%v)", name, id, err)
		}
	}
	if v := violations(d, host); v != nil {
		t.Error(v)
	}
	boot := d.AcceptanceQueue
	if len(boot) != 1 || boot[0].Data.Body != `#["bootstrap",[{"alice":"$0","bob":"$1","carol":"$2"},{}]]` || len(d.RunQueue) != 3 {
		t.Errorf("bootstrap is %+v, after %+v", boot, d.RunQueue)
	}
	if n, err := k.Run(nil); n != 5 || err != nil {
		t.Errorf("%d cranks, %v", n, err)
	}
	if _, err := k.Root("dave"); !errors.Is(err, kernel.ErrNoVat) {
		t.Errorf("the root of nobody: %v", err)
	}
	if err := k.TerminateVat(2, "enough"); err != nil {
		t.Error(err)
	}
	if _, err := k.Root("bob"); !errors.Is(err, kernel.ErrNoVat) || !strings.Contains(err.Error(), "enough") {
		t.Errorf("the root of one that has ended: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	if _, err := k.Run(nil); err != kernel.ErrClosed {
		t.Errorf("Run after Close: %v", err)
	}
	if _, err := k.Dump(); err != kernel.ErrClosed {
		t.Errorf("Dump after Close: %v", err)
	}
}

// The texts of a panic name where the kernel was, as far as it is known.
func TestPanicErrorText(t *testing.T) {
	cause := errors.New("the disk is full")
	for _, c := range []struct {
		p    kernel.PanicError
		want string
	}{
		{kernel.PanicError{Crank: 7, Where: "write"}, "kernel panic in crank 7: write: the disk is full"},
		{kernel.PanicError{Crank: 7, Vat: 3, VatName: "bank", Where: "write"}, "kernel panic in crank 7, vat v3 (bank): write: the disk is full"},
		{kernel.PanicError{Crank: 7, Vat: 3, VatName: "bank", Delivery: capdata.Notify, Where: "deliver"},
			"kernel panic in crank 7, vat v3 (bank), notify: deliver: the disk is full"},
	} {
		c.p.Cause = cause
		if got := c.p.Error(); got != c.want || !errors.Is(&c.p, kernel.ErrPanic) || !errors.Is(&c.p, cause) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// What a host gives and gets belongs to it: the kernel keeps no slice of the caller's.
func TestOwnership(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	b.adds("A", kernel.VatOptions{})
	root, err := b.k.Harness().AddExport(1, capdata.Root, true)
	if err != nil {
		t.Fatal(err)
	}
	script, err := puppet.Assemble(`resolve <$result data '#"answer"' [s0]>`)
	if err != nil {
		t.Fatal(err)
	}
	data := capdata.KernelData{Body: puppet.Body("run", script), Slots: []capdata.Kref{root}}
	r, err := b.k.Queue(root, data, kernel.QueueOptions{Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	clear(data.Body)
	clear(data.Slots)
	word := []byte("word")
	if err := b.k.HostSet("host", word); err != nil {
		t.Fatal(err)
	}
	clear(word)
	if _, err := b.k.Run(nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		how, got, err := b.k.PromiseResult(r)
		if err != nil || how != capdata.Fulfilled || string(got.Body) != `#"answer"` || !slices.Equal(got.Slots, []capdata.Kref{root}) {
			t.Fatalf("%v %v %s %v", how, err, got.Body, got.Slots)
		}
		clear(got.Body)
		clear(got.Slots)
	}
	if got, err := b.k.HostGet("host"); err != nil || !bytes.Equal(got, []byte("word")) {
		t.Fatalf("%q, %v", got, err)
	}
	if err := b.k.HostSet("host", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := b.k.HostGet("host"); err != nil || got != nil {
		t.Fatalf("%q, %v", got, err)
	}
}

// Host words are outside of all hashes, and each commit has the last one.
func TestHostWords(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	activity := b.k.ActivityHash()
	root, err := b.k.StateRoot()
	if err != nil {
		t.Fatal(err)
	}
	for i, commit := range []bool{true, false} {
		if err := b.k.HostSet("height", []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if commit {
			if err := b.k.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := b.k.StateRoot(); err != nil || got != root || b.k.ActivityHash() != activity {
		t.Errorf("a host word enters a hash (%v)", err)
	}
	if err := b.reopen(); err != nil {
		t.Fatal(err)
	}
	if got, err := b.k.HostGet("height"); err != nil || string(got) != "0" {
		t.Errorf("%q, %v", got, err)
	}
}
