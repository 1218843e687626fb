package worker

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// A recorder is Syscalls that write down what they are asked, with a vatstore
// and a device, so that scripts have something to work with. It refuses
// references that are malformed and otherwise knows all of them.
type recorder struct {
	log   []string
	store map[string]string
}

func (r *recorder) note(imp string, refs []capdata.Vref, format string, args ...any) error {
	for i, v := range refs {
		if !v.WellFormed() {
			return fault.New(fault.BadReference, imp, "reference %d: %#x is malformed", i, uint64(v))
		}
	}
	r.log = append(r.log, imp+" "+fmt.Sprintf(format, args...))
	return nil
}

func refs(list []capdata.Vref) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = v.String()
	}
	return "[" + strings.Join(s, " ") + "]"
}

func with(list []capdata.Vref, more ...capdata.Vref) []capdata.Vref {
	for _, v := range more {
		if v != 0 {
			list = append(slices.Clone(list), v)
		}
	}
	return list
}

func (r *recorder) Send(t capdata.Vref, a capdata.CapData, result capdata.Vref) error {
	return r.note("send", append(with(a.Slots, result), t), "%s %q%s %s", t, a.Body, refs(a.Slots), result)
}
func (r *recorder) Subscribe(p capdata.Vref) error {
	return r.note("subscribe", []capdata.Vref{p}, "%s", p)
}
func (r *recorder) Resolve(n int, record func(int) (capdata.Resolution, error)) error {
	for i := range n {
		x, err := record(i)
		if err != nil {
			return err
		}
		if err := r.note("resolve", append(slices.Clone(x.Data.Slots), x.Promise), "%d/%d %s %d %q%s", i, n, x.Promise, x.How, x.Data.Body, refs(x.Data.Slots)); err != nil {
			return err
		}
	}
	return nil
}
func (r *recorder) Exit(failure bool, info capdata.CapData) error {
	return r.note("exit", info.Slots, "%v %q%s", failure, info.Body, refs(info.Slots))
}
func (r *recorder) VatstoreGet(key []byte) ([]byte, bool, error) {
	v, ok := r.store[string(key)]
	return []byte(v), ok, r.note("get", nil, "%q", key)
}
func (r *recorder) VatstoreSet(key, value []byte) error {
	r.store[string(key)] = string(value)
	return r.note("set", nil, "%q %q", key, value)
}
func (r *recorder) VatstoreDelete(key []byte) error {
	delete(r.store, string(key))
	return r.note("delete", nil, "%q", key)
}
func (r *recorder) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	next, ok := "", false
	for k := range r.store {
		if k > string(prior) && (!ok || k < next) {
			next, ok = k, true
		}
	}
	return []byte(next), ok, r.note("next", nil, "%q", prior)
}
func (r *recorder) DropImports(l []capdata.Vref) error { return r.note("drop", l, "%s", refs(l)) }
func (r *recorder) RetireImports(l []capdata.Vref) error {
	return r.note("retire imports", l, "%s", refs(l))
}
func (r *recorder) RetireExports(l []capdata.Vref) error {
	return r.note("retire exports", l, "%s", refs(l))
}
func (r *recorder) AbandonExports(l []capdata.Vref) error {
	return r.note("abandon", l, "%s", refs(l))
}
func (r *recorder) CallNow(d capdata.Vref, a capdata.CapData) (bool, capdata.CapData, error) {
	answer := capdata.CapData{Body: []byte(`#"yes"`), Slots: []capdata.Vref{capdata.Import(capdata.Device, 71)}}
	return bytes.Contains(a.Body, []byte("fail")), answer, r.note("call", append(slices.Clone(a.Slots), d), "%s %q%s", d, a.Body, refs(a.Slots))
}

// engineFor makes an engine that the test closes last.
func engineFor(t testing.TB, interpreter bool) runtime.Engine {
	t.Helper()
	e, err := wazeroengine.New(wazeroengine.Config{Interpreter: interpreter, Host: hostfuncs.HostFuncs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// workersFor makes Workers that the test closes.
func workersFor(t testing.TB, c Config) *Workers {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// both runs f as a subtest on the compiler and on the interpreter.
func both(t *testing.T, f func(t *testing.T, e runtime.Engine)) {
	for _, interpreter := range []bool{false, true} {
		e := engineFor(t, interpreter)
		t.Run(e.Name(), func(t *testing.T) { f(t, e) })
	}
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// puppetFile is the puppet of the guests' folder.
const puppetFile = "../guests/puppet/puppet.wasm"

// prepared is a module's bundle.
func prepared(t testing.TB, w *Workers, module []byte) kernel.Bundle {
	t.Helper()
	b, err := w.Prepare(module)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A vat is a worker with what it says to whom.
type vat struct {
	t      testing.TB
	worker *worker
	sys    *recorder
}

// consoleTo collects what vats write.
func consoleTo(lines *[]string) func(kernel.VatID, string, uint32, string) {
	return func(id kernel.VatID, name string, level uint32, text string) {
		*lines = append(*lines, fmt.Sprintf("v%d %s %d %s", id, name, level, text))
	}
}

const testGas = 2_000_000

// spawn makes a vat that is closed with the test.
func spawn(t testing.TB, w *Workers, b kernel.Bundle) *vat {
	t.Helper()
	k, err := w.Spawn(kernel.VatSpec{ID: 7, Name: "seven", Bundle: b})
	if err != nil {
		t.Fatal(err)
	}
	v := &vat{t: t, worker: k.(*worker), sys: &recorder{store: map[string]string{"k": "value", "kk": "", "empty": ""}}}
	t.Cleanup(v.close)
	return v
}

func (v *vat) close() {
	if err := v.worker.Close(); err != nil {
		v.t.Error(err)
	}
}

func (v *vat) deliver(kind capdata.DeliveryKind, payload []byte, limit uint64) result {
	out, err := v.worker.Deliver(kernel.Delivery{Kind: kind, Payload: payload, GasLimit: limit}, v.sys)
	return result{out, err}
}

func (v *vat) start(body string) result {
	return v.deliver(capdata.StartVat, capdata.AppendStartVat(nil, 1, 0, capdata.CapData{Body: []byte(body)}), testGas)
}

// message delivers a body to o+0, for p-60, with the slots o-50, o-51.
func (v *vat) message(body []byte, limit uint64) result {
	slots := []capdata.Vref{capdata.Import(capdata.Object, 50), capdata.Import(capdata.Object, 51)}
	return v.deliver(capdata.Message, capdata.AppendMessage(nil, capdata.Root, capdata.Import(capdata.Promise, 60), capdata.CapData{Body: body, Slots: slots}), limit)
}

// memory is a digest of all that the guest has.
func (v *vat) memory() string {
	if v.worker.guest == nil {
		return "none"
	}
	in := v.worker.guest.Instance()
	s := fmt.Sprintf("%x", sha256.Sum256(in.Memory()))
	for i := range 8 {
		if g := in.Global(fmt.Sprint(runtime.GlobalPrefix, i)); g != nil {
			s += fmt.Sprintf(" %x", g.Get())
		}
	}
	return s + fmt.Sprintf(" clock %d", in.Global(runtime.GlobalClock).Get())
}

// A result is how a delivery ended.
type result struct {
	kernel.Outcome
	err error
}

func (r result) String() string {
	switch {
	case r.err != nil:
		return "host fault: " + r.err.Error()
	case r.Fault != nil:
		return fmt.Sprintf("%s: %s", r.Fault.Code, r.Fault)
	}
	return "ok"
}

// script is a message's body that carries a script.
func script(t testing.TB, text string) []byte {
	t.Helper()
	b, err := puppet.Assemble(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return puppet.Raw(b)
}
