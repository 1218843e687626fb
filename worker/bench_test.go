package worker

import (
	"math"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// quiet is Syscalls that agree to everything and cost nothing.
type quiet struct{}

func (quiet) Send(capdata.Vref, capdata.CapData, capdata.Vref) error { return nil }
func (quiet) Subscribe(capdata.Vref) error                           { return nil }
func (quiet) Resolve(n int, record func(int) (capdata.Resolution, error)) error {
	for i := range n {
		if _, err := record(i); err != nil {
			return err
		}
	}
	return nil
}
func (quiet) Exit(bool, capdata.CapData) error             { return nil }
func (quiet) VatstoreGet([]byte) ([]byte, bool, error)     { return nil, false, nil }
func (quiet) VatstoreSet(_, _ []byte) error                { return nil }
func (quiet) VatstoreDelete([]byte) error                  { return nil }
func (quiet) VatstoreNextKey([]byte) ([]byte, bool, error) { return nil, false, nil }
func (quiet) DropImports([]capdata.Vref) error             { return nil }
func (quiet) RetireImports([]capdata.Vref) error           { return nil }
func (quiet) RetireExports([]capdata.Vref) error           { return nil }
func (quiet) AbandonExports([]capdata.Vref) error          { return nil }
func (quiet) CallNow(capdata.Vref, capdata.CapData) (bool, capdata.CapData, error) {
	return false, capdata.CapData{}, nil
}

// Deliveries to the puppet with its echo off: an empty one, and ones that make
// a syscall or ten.
func BenchmarkDeliver(b *testing.B) {
	w := workersFor(b, Config{Engine: engineFor(b, false)})
	bundle := prepared(b, w, file(b, puppetFile))
	for _, c := range []struct {
		name, script string
		kind         capdata.DeliveryKind
	}{
		{"bringOutYourDead", "", capdata.BringOutYourDead},
		{"message", "", capdata.Message},
		{"send", `send o-50 "0123456789" [o+7] p+6`, capdata.Message},
		{"10 sends", `repeat 10 { send o-50 "0123456789" [o+7] p+6 }`, capdata.Message},
		{"10 subscribes", `repeat 10 { subscribe p+6 }`, capdata.Message},
		{"10 vatstore_sets", `repeat 10 { vatstore_set "key" "value" }`, capdata.Message},
		{"10 console.logs", `repeat 10 { console 1 "hello" }`, capdata.Message},
	} {
		b.Run(c.name, func(b *testing.B) {
			k, err := w.Spawn(kernel.VatSpec{ID: 1, Bundle: bundle})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			off, err := puppet.Assemble("echo 0")
			if err != nil {
				b.Fatal(err)
			}
			text, err := puppet.Assemble(c.script)
			if err != nil {
				b.Fatal(err)
			}
			deliver := func(kind capdata.DeliveryKind, payload []byte) {
				if out, err := k.Deliver(kernel.Delivery{Kind: kind, Payload: payload, GasLimit: math.MaxInt64}, quiet{}); err != nil || out.Fault != nil {
					b.Fatal(out.Fault, err)
				}
			}
			deliver(capdata.StartVat, capdata.AppendStartVat(nil, 1, 0, capdata.CapData{Body: puppet.Raw(off)}))
			var payload []byte
			if c.kind == capdata.Message {
				payload = capdata.AppendMessage(nil, capdata.Root, 962, capdata.CapData{Body: puppet.Raw(text)})
			}
			b.ReportAllocs()
			for b.Loop() {
				deliver(c.kind, payload)
			}
		})
	}
}

// Deliveries to a guest that does nothing of its own: what a delivery and what
// a host call costs.
func BenchmarkBare(b *testing.B) {
	w := workersFor(b, Config{Engine: engineFor(b, false)})
	bundle := prepared(b, w, file(b, "testdata/calls.wasm"))
	for _, c := range []struct {
		name string
		kind capdata.DeliveryKind
		n    int
	}{
		{"empty", capdata.Message, 0},
		{"read 140", capdata.Notify, 140},
		{"100 subscribes", capdata.Message, 100},
		{"100 console.logs", capdata.BringOutYourDead, 100},
	} {
		b.Run(c.name, func(b *testing.B) {
			k, err := w.Spawn(kernel.VatSpec{ID: 1, Bundle: bundle})
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			payload := make([]byte, c.n)
			d := kernel.Delivery{Kind: capdata.StartVat, GasLimit: math.MaxInt64}
			if out, err := k.Deliver(d, quiet{}); err != nil || out.Fault != nil {
				b.Fatal(out.Fault, err)
			}
			d.Kind, d.Payload = c.kind, payload
			b.ReportAllocs()
			for b.Loop() {
				if out, err := k.Deliver(d, quiet{}); err != nil || out.Fault != nil {
					b.Fatal(out.Fault, err)
				}
			}
		})
	}
}

// Spawn, startVat and close, with the code compiled already.
func BenchmarkSpawn(b *testing.B) {
	w := workersFor(b, Config{Engine: engineFor(b, false)})
	bundle := prepared(b, w, file(b, puppetFile))
	payload := capdata.AppendStartVat(nil, 1, 0, capdata.CapData{})
	b.ReportAllocs()
	for b.Loop() {
		k, err := w.Spawn(kernel.VatSpec{ID: 1, Bundle: bundle})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Deliver(kernel.Delivery{Kind: capdata.StartVat, Payload: payload, GasLimit: math.MaxInt64}, quiet{}); err != nil {
			b.Fatal(err)
		}
		if err := k.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
