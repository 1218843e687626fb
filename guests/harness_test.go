// Package guests_test tests the SDKs as the kernel sees them: modules in a
// worker, and behind it a kernel of one vat that is strict about references.
package guests_test

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/worker"
)

// sent is a send syscall.
type sent struct {
	target, result capdata.Vref
	args           capdata.CapData
}

// vat is a guest under test with its c-list.
type vat struct {
	t       testing.TB
	run     func(kernel.Delivery) (kernel.Outcome, error)
	reach   map[capdata.Vref]bool // the c-list, with the R flag
	decides map[capdata.Vref]bool
	subs    map[capdata.Vref]bool
	store   map[string][]byte
	sends   []sent
	settled map[capdata.Vref]capdata.Resolution
	drops   []capdata.Vref
	retires []capdata.Vref
	exports []capdata.Vref // retired by the vat
	gas     uint64         // of the last delivery
	limit   uint64
}

func newWorkers(t testing.TB) *worker.Workers {
	t.Helper()
	engine, err := wazeroengine.New(wazeroengine.Config{Host: hostfuncs.HostFuncs()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func startVat(t testing.TB, w *worker.Workers, path string, incarnation uint32) *vat {
	t.Helper()
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := w.Prepare(module)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := w.Spawn(kernel.VatSpec{ID: 1, Name: path, Bundle: bundle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	v := newVat(t)
	v.run = func(d kernel.Delivery) (kernel.Outcome, error) { return instance.Deliver(d, v) }
	v.start(incarnation)
	return v
}

func newVat(t testing.TB) *vat {
	return &vat{t: t, limit: kernel.DefaultGasLimit,
		reach: map[capdata.Vref]bool{capdata.Root: true}, decides: map[capdata.Vref]bool{}, subs: map[capdata.Vref]bool{},
		store: map[string][]byte{}, settled: map[capdata.Vref]capdata.Resolution{}}
}

func (v *vat) start(incarnation uint32) {
	v.t.Helper()
	v.mustDeliver(capdata.StartVat, capdata.AppendStartVat(nil, incarnation, capdata.FlagPipelining, capdata.CapData{Body: []byte("#{}")}))
}

func (v *vat) deliver(kind capdata.DeliveryKind, payload []byte) *fault.Guest {
	v.t.Helper()
	out, err := v.run(kernel.Delivery{Kind: kind, Payload: payload, GasLimit: v.limit})
	if err != nil {
		v.t.Fatal(err)
	}
	v.gas = out.GasUsed
	return out.Fault
}

func (v *vat) mustDeliver(kind capdata.DeliveryKind, payload []byte) {
	v.t.Helper()
	if f := v.deliver(kind, payload); f != nil {
		v.t.Fatalf("%s: guest fault: %v", kind, f)
	}
}

func (v *vat) learn(data capdata.CapData) {
	for _, s := range data.Slots {
		v.reach[s] = true
	}
}

// message delivers a message to a target with a result that is new.
func (v *vat) message(target, result capdata.Vref, body string, slots ...capdata.Vref) {
	v.t.Helper()
	args := capdata.CapData{Body: []byte(body), Slots: slots}
	v.learn(args)
	if result != 0 {
		v.reach[result], v.decides[result] = true, true
	}
	v.mustDeliver(capdata.Message, capdata.AppendMessage(nil, target, result, args))
}

// notify tells of promises in parts, whose names all end with the last one.
func (v *vat) notify(parts ...[]capdata.Resolution) {
	v.t.Helper()
	for i, part := range parts {
		more := i+1 < len(parts)
		for _, r := range part {
			v.learn(r.Data)
		}
		if !more {
			for _, r := range slices.Concat(parts...) {
				delete(v.reach, r.Promise)
				delete(v.subs, r.Promise)
			}
		}
		v.mustDeliver(capdata.Notify, capdata.AppendNotify(nil, part, more))
	}
}

func (v *vat) gc(kind capdata.DeliveryKind, refs ...capdata.Vref) {
	v.t.Helper()
	for _, r := range refs {
		if kind == capdata.DropExports {
			v.reach[r] = false
		} else {
			delete(v.reach, r)
		}
	}
	v.mustDeliver(kind, capdata.AppendRefs(nil, refs))
}

func (v *vat) reap() {
	v.t.Helper()
	v.mustDeliver(capdata.BringOutYourDead, nil)
}

// answer returns how a result was settled, as text: "fulfilled #1 [o-50]".
func (v *vat) answer(result capdata.Vref) string {
	r, ok := v.settled[result]
	if !ok {
		return "not settled"
	}
	how := [...]string{"fulfilled", "rejected", "object"}[r.How]
	return fmt.Sprintf("%s %s %v", how, r.Data.Body, r.Data.Slots)
}

// imports lists the objects of others in the c-list, and the promises.
func (v *vat) imports() (objects, promises []capdata.Vref) {
	for r := range v.reach {
		switch {
		case r.Kind() == capdata.Promise:
			promises = append(promises, r)
		case !r.Exported():
			objects = append(objects, r)
		}
	}
	slices.Sort(objects)
	slices.Sort(promises)
	return objects, promises
}

// ---- syscalls ----

func (v *vat) known(imp string, r capdata.Vref) error {
	if reachable, ok := v.reach[r]; !ok || (!reachable && !r.Exported()) || !r.WellFormed() {
		return fault.New(fault.BadReference, imp, "%s is unknown", r)
	}
	return nil
}

// mention checks references that a body names; + ones may come into being.
func (v *vat) mention(imp string, refs []capdata.Vref) error {
	for _, r := range refs {
		if _, ok := v.reach[r]; !ok && r.Exported() && r.WellFormed() {
			v.decides[r] = r.Kind() == capdata.Promise
			v.reach[r] = true
		}
		if err := v.known(imp, r); err != nil {
			return err
		}
		if r.Exported() {
			v.reach[r] = true
		}
	}
	return nil
}

func clone(d capdata.CapData) capdata.CapData {
	return capdata.CapData{Body: slices.Clone(d.Body), Slots: slices.Clone(d.Slots)}
}

func (v *vat) Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error {
	if err := v.mention("send", append([]capdata.Vref{target}, args.Slots...)); err != nil {
		return err
	}
	if result != 0 {
		if _, ok := v.reach[result]; ok || !result.Exported() || result.Kind() != capdata.Promise {
			return fault.New(fault.BadReference, "send", "result %s is not new", result)
		}
		v.reach[result] = true
	}
	v.sends = append(v.sends, sent{target, result, clone(args)})
	return nil
}

func (v *vat) Subscribe(p capdata.Vref) error {
	v.subs[p] = true
	return v.known("subscribe", p)
}

func (v *vat) Resolve(count int, record func(i int) (capdata.Resolution, error)) error {
	for i := range count {
		r, err := record(i)
		if err != nil {
			return err
		}
		if !v.decides[r.Promise] {
			return fault.New(fault.NotDecider, "resolve", "%s", r.Promise)
		}
		if err := v.mention("resolve", r.Data.Slots); err != nil {
			return err
		}
		delete(v.decides, r.Promise)
		delete(v.reach, r.Promise)
		v.settled[r.Promise] = capdata.Resolution{Promise: r.Promise, How: r.How, Data: clone(r.Data)}
	}
	return nil
}

func (v *vat) Exit(bool, capdata.CapData) error { return nil }

func (v *vat) VatstoreGet(key []byte) ([]byte, bool, error) {
	value, ok := v.store[string(key)]
	return value, ok, nil
}

func (v *vat) VatstoreSet(key, value []byte) error {
	v.store[string(key)] = slices.Clone(value)
	return nil
}

func (v *vat) VatstoreDelete(key []byte) error {
	delete(v.store, string(key))
	return nil
}

func (v *vat) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	keys := []string{}
	for k := range v.store {
		if k > string(prior) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, false, nil
	}
	sort.Strings(keys)
	return []byte(keys[0]), true, nil
}

func (v *vat) DropImports(refs []capdata.Vref) error {
	for _, r := range refs {
		if err := v.known("drop_imports", r); err != nil || r.Exported() || r.Kind() != capdata.Object {
			return fault.New(fault.BadReference, "drop_imports", "%s: %v", r, err)
		}
	}
	for _, r := range refs {
		v.reach[r] = false
	}
	v.drops = append(v.drops, refs...)
	return nil
}

func (v *vat) RetireImports(refs []capdata.Vref) error {
	for _, r := range refs {
		if reachable, ok := v.reach[r]; !ok || reachable || r.Exported() {
			return fault.New(fault.BadReference, "retire_imports", "%s is unknown, reachable or listed twice", r)
		}
		delete(v.reach, r)
	}
	v.retires = append(v.retires, refs...)
	return nil
}

func (v *vat) RetireExports(refs []capdata.Vref) error {
	for _, r := range refs {
		if reachable, ok := v.reach[r]; !ok || reachable || !r.Exported() {
			return fault.New(fault.BadReference, "retire_exports", "%s is unknown or reachable", r)
		}
		delete(v.reach, r)
	}
	v.exports = append(v.exports, refs...)
	return nil
}

func (v *vat) AbandonExports([]capdata.Vref) error { return nil }

func (v *vat) CallNow(capdata.Vref, capdata.CapData) (bool, capdata.CapData, error) {
	return true, capdata.CapData{Body: []byte(`#{"#error":"no device","name":"Error"}`)}, nil
}
