package puppet_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	guest "github.com/crankcase/crankcase/guests/puppet"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario/puppet"
	"github.com/crankcase/crankcase/worker"
)

// recorder is a kernel that allows everything and writes it down.
type recorder struct {
	calls []string
	store map[string][]byte
}

func (r *recorder) call(format string, args ...any) error {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
	return nil
}

func show(d capdata.CapData) string { return fmt.Sprintf("%q%v", d.Body, d.Slots) }

func (r *recorder) Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error {
	return r.call("send %v %s %v", target, show(args), result)
}
func (r *recorder) Subscribe(p capdata.Vref) error { return r.call("subscribe %v", p) }
func (r *recorder) Resolve(n int, record func(int) (capdata.Resolution, error)) error {
	for i := range n {
		x, err := record(i)
		if err != nil {
			return err
		}
		if err := r.call("resolve %v %d %s", x.Promise, x.How, show(x.Data)); err != nil {
			return err
		}
	}
	return nil
}
func (r *recorder) Exit(failure bool, info capdata.CapData) error {
	return r.call("exit %v %s", failure, show(info))
}
func (r *recorder) VatstoreGet(key []byte) ([]byte, bool, error) {
	v, ok := r.store[string(key)]
	return v, ok, nil
}
func (r *recorder) VatstoreSet(key, value []byte) error {
	r.store[string(key)] = bytes.Clone(value)
	return nil
}
func (r *recorder) VatstoreDelete(key []byte) error {
	delete(r.store, string(key))
	return nil
}
func (r *recorder) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	next, ok := "", false
	for k := range r.store {
		if k > string(prior) && (!ok || k < next) {
			next, ok = k, true
		}
	}
	return []byte(next), ok, nil
}
func (r *recorder) DropImports(v []capdata.Vref) error    { return r.call("drop_imports %v", v) }
func (r *recorder) RetireImports(v []capdata.Vref) error  { return r.call("retire_imports %v", v) }
func (r *recorder) RetireExports(v []capdata.Vref) error  { return r.call("retire_exports %v", v) }
func (r *recorder) AbandonExports(v []capdata.Vref) error { return r.call("abandon_exports %v", v) }
func (r *recorder) CallNow(d capdata.Vref, args capdata.CapData) (bool, capdata.CapData, error) {
	return d.Index() == 71, capdata.CapData{Body: []byte("yes"), Slots: slices.Clone(args.Slots[:min(1, len(args.Slots))])}, r.call("call_now %v %s", d, show(args))
}

// host makes vats of one module on one engine.
type host struct {
	workers *worker.Workers
	bundle  kernel.Bundle
	vat     *vat // that was made last: whose the console is
}

// vat is a puppet without a kernel.
type vat struct {
	t    testing.TB
	w    kernel.Worker
	sys  *recorder
	log  []string
	part string
}

func newHost(t testing.TB, module []byte, interpreter bool) *host {
	t.Helper()
	h := &host{}
	e, err := wazeroengine.New(wazeroengine.Config{Host: hostfuncs.HostFuncs(), Interpreter: interpreter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, e.Close()) })
	h.workers, err = worker.New(worker.Config{Engine: e, Console: func(_ kernel.VatID, _ string, level uint32, text string) {
		h.vat.part += text
		if level != 0 { // the last part of a line
			h.vat.log = append(h.vat.log, h.vat.part)
			h.vat.part = ""
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, h.workers.Close()) })
	if h.bundle, err = h.workers.Prepare(module); err != nil {
		t.Fatal(err)
	}
	h.bundle.Data = []byte("the data blob")
	return h
}

func (h *host) newVat(t testing.TB) *vat {
	t.Helper()
	w, err := h.workers.Spawn(kernel.VatSpec{ID: 1, Name: "v", Bundle: h.bundle})
	if err != nil {
		t.Fatal(err)
	}
	h.vat = &vat{t: t, w: w, sys: &recorder{store: map[string][]byte{}}}
	return h.vat
}

func newVat(t testing.TB, module []byte, interpreter bool) *vat {
	t.Helper()
	v := newHost(t, module, interpreter).newVat(t)
	t.Cleanup(func() { closed(t, v.w.Close()) })
	return v
}

func closed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func (v *vat) deliver(kind capdata.DeliveryKind, payload []byte) *fault.Guest {
	v.t.Helper()
	o, err := v.w.Deliver(kernel.Delivery{Kind: kind, Payload: payload, GasLimit: 1_000_000_000}, v.sys)
	if err != nil {
		v.t.Fatal(err)
	}
	return o.Fault
}

func (v *vat) start() *fault.Guest {
	return v.deliver(capdata.StartVat, capdata.AppendStartVat(nil, 3, 1, capdata.CapData{Body: []byte("#{}")}))
}

func started(t testing.TB, interpreter bool) *vat {
	t.Helper()
	v := newVat(t, guest.Wasm, interpreter)
	if f := v.start(); f != nil {
		t.Fatal(f)
	}
	return v
}

func vref(t testing.TB, s string) capdata.Vref {
	t.Helper()
	r, err := capdata.ParseVref(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// message delivers a script as a raw body with slots o-50 and p-61.
func (v *vat) message(script string) *fault.Guest {
	v.t.Helper()
	b, err := puppet.Assemble(script)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.raw(puppet.Raw(b))
}

func (v *vat) raw(body []byte) *fault.Guest {
	return v.deliver(capdata.Message, capdata.AppendMessage(nil, capdata.Root, vref(v.t, "p-60"), capdata.CapData{Body: body, Slots: []capdata.Vref{vref(v.t, "o-50"), vref(v.t, "p-61")}}))
}

// Each op does what it says: what it logs after the delivery's own line, and
// what it asks of the kernel.
func TestOps(t *testing.T) {
	for _, c := range []struct {
		script string
		log    []string
		calls  []string
		fault  string
	}{
		{script: `send o-50 '#["hi",[]]' [o+7 s1 s1 p+5] p+6`, calls: []string{`send o-50 "#[\"hi\",[]]"[o+7 p-61 p-61 p+5] p+6`}},
		{script: `send o-50 @go{ print 5 }`, calls: []string{`send o-50 "#[\"go\",[\"0P:300005\"]]"[] none`}},
		{script: `send s0 $body $slots $target`, calls: []string{`send o-50 "\x00P\x02\x02\x00\v\x0f\x05"[o-50 p-61] o+0`}},
		{script: `subscribe p-61`, calls: []string{"subscribe p-61"}},
		{script: `resolve <$result 0 '#1' [o-50] p+9 rejected '#2' [] p+8 object '' [o+2]>`, calls: []string{`resolve p-60 0 "#1"[o-50]`, `resolve p+9 1 "#2"[]`, `resolve p+8 2 "#\"$0.Alleged: x\""[o+2]`}},
		{script: `resolve &[$result 0x100000000 0 0] 1`, fault: "resolve: "},
		{script: `exit 1 'no' [o-50]`, calls: []string{`exit true "no"[o-50]`}},
		{script: `vatstore_set "k" "value"; vatstore_get "k"; print r0; print r1; vatstore_get "none"; print r0; print r1`, log: []string{`vatstore_get -> 1 "value"`, "5", "1", `vatstore_get -> 0 ""`, "0", "0"}},
		{script: `mode 1; vatstore_set "k" ""; vatstore_get "k"; print r1; vatstore_get "none"; print r0`, log: []string{`vatstore_get -> 1 ""`, "1", `vatstore_get -> 0 ""`, "18446744073709551615"}},
		{script: `vatstore_set "k" "value"; vatstore_get "k" &$scratch 2; show &$scratch 3; show $ans`, log: []string{`vatstore_get -> 1 "value"`, `"va\x00"`, `"value"`}},
		{script: `mode 1; set r2 1; vatstore_set "k" "value"; vatstore_get "k"; answer &$scratch 1 3; show &$scratch 3`, log: []string{`vatstore_get -> 1 ""`, `"alu"`}},
		{script: `vatstore_set "a" ""; vatstore_set "b" ""; vatstore_next_key ""; vatstore_next_key $ans; vatstore_next_key $ans`, log: []string{`vatstore_next_key -> 1 "a"`, `vatstore_next_key -> 1 "b"`, `vatstore_next_key -> 0 ""`}},
		{script: `drop_imports [o-50]; retire_imports [o-50 o-51]; retire_exports [o+1]; abandon_exports [o+2]`, calls: []string{"drop_imports [o-50]", "retire_imports [o-50 o-51]", "retire_exports [o+1]", "abandon_exports [o+2]"}},
		{script: `call_now d-70 'x' [o-50]; print r1; print a0; call_now d-71 '' [o-50]; print r1`, log: []string{
			`call_now -> 0 "\x01\x00\x00\x00\x03\x00\x00\x00 \x03\x00\x00\x00\x00\x00\x00yes"`, "0", "800", `call_now -> 1 "\x01\x00\x00\x00\x03\x00\x00\x00 \x03\x00\x00\x00\x00\x00\x00yes"`, "1"},
			calls: []string{`call_now d-70 "x"[o-50]`, `call_now d-71 ""[o-50]`}},
		{script: `console 1 "hello"; console 4 0xfffffff0 100`, log: []string{"hello", "(unreadable 0xfffffff0+100)"}},
		{script: `read &$scratch 0 8; show &$scratch 8`, log: []string{`"\x01\x00\x00\x00\x00\x00\x00\x00"`}},
		{script: `bundle_len; bundle_read &$scratch 4 4; show &$scratch 4`, log: []string{"bundle_len -> 13", `"data"`}},
		{script: `fault "the counter is gone"`, fault: "fault: the counter is gone"},
		{script: `return 7`, fault: "returned"},
		{script: `return 0x100000000; print 1`, fault: "returned"},
		{script: `trap`, fault: "unreachable"},
		{script: `spin`, fault: "out-of-gas"},
		{script: `recurse 10000000`, fault: "memory-out-of-bounds"}, // its frames lie on the stack in memory, which ends first
		{script: `recurse 100; burn 1000; print r0`, log: []string{"5050"}},
		{script: `poke 0xffffffff 1`, fault: "memory-out-of-bounds"},
		{script: `grow 1; fill 100000; print %$ans; grow 0xffff`, log: []string{"grow -> 2", "100000", "grow -> 18446744073709551615"}},
		{script: `fill 0x7ffffff0`, fault: "unreachable"},
		{script: `set r3 7; add r3 -2; print r3; repeat 3 { add r3 1 }; ifeq r3 8 { print 1 }; ifne r3 8 { print 2 }; run { run { print 3 } }`, log: []string{"5", "1", "3"}},
		{script: `print $incarnation; print $flags; print $kind; print $nslots; print s0; print s7; print $memsize`, log: []string{"3", "1", "2", "2", "800", "0", "131072"}},
		{script: `poke &$scratch 65; show &$scratch 1; peek &$scratch; print r0`, log: []string{`"A"`, "65"}},
		{script: `echo 0; print 1; say 'no'; log 'yes'; echo 1; say 'é'; numbers [1 2 3]; numbers []`, log: []string{"yes", "é", "1,2,3", ""}},
		{script: `mode 2; print 5; print 6; mode 0; vatstore_next_key ""; vatstore_get $ans`, log: []string{"5", "6", `vatstore_next_key -> 1 "log.000000000000"`, `vatstore_get -> 1 "5"`}},
		{script: `show ('ab' [o-50])`, log: []string{`"\x01\x00\x00\x00\x02\x00\x00\x00 \x03\x00\x00\x00\x00\x00\x00ab"`}},
		{script: `return 0; trap`},
		{script: `repeat 5 { return 0 }; trap`},
	} {
		v := started(t, false)
		f := v.message(c.script)
		switch {
		case c.fault == "" && f != nil:
			t.Errorf("%s: %v", c.script, f)
		case c.fault != "" && (f == nil || !strings.HasPrefix(f.Error(), c.fault)):
			t.Errorf("%s: %v, want %s", c.script, f, c.fault)
		case c.fault == "" && !slices.Equal(v.log[2:], c.log):
			t.Errorf("%s:\n got %q\nwant %q", c.script, v.log[2:], c.log)
		case c.fault == "" && !slices.Equal(v.sys.calls, c.calls):
			t.Errorf("%s:\n got %q\nwant %q", c.script, v.sys.calls, c.calls)
		}
	}
}

// The line that each delivery begins with.
func TestDeliveryLines(t *testing.T) {
	v := started(t, false)
	data := func(body string, slots ...capdata.Vref) capdata.CapData {
		return capdata.CapData{Body: []byte(body), Slots: slots}
	}
	o, p := vref(t, "o-50"), vref(t, "p-60")
	rs := []capdata.Resolution{{Promise: p, How: capdata.Fulfilled, Data: data("#1")}, {Promise: p, How: capdata.Rejected, Data: data("#2", o, o)}, {Promise: vref(t, "p+5"), How: capdata.ToObject, Data: data("x", o)}}
	refs := []capdata.Vref{vref(t, "o+1"), vref(t, "o+d2")}
	long := strings.Repeat("y", 1200)
	for _, d := range []struct {
		kind    capdata.DeliveryKind
		payload []byte
		want    string
	}{
		{capdata.Message, capdata.AppendMessage(nil, capdata.Root, 0, data("#[\"m\",[\"0P:3000\",\"0T:x\\\"y\"]]\n\x00é\"", o)), `message target=o+0 result=none body="#[\"m\",[\"...\",\"...\"]]\x0a\x00\xc3\xa9\"" slots=[o-50]`},
		{capdata.Message, capdata.AppendMessage(nil, p, p, data("#[\"run\",[\"0Q:3000:print 1\"]]")), `message target=p-60 result=p-60 body="#[\"run\",[\"print 1\"]]" slots=[]`},
		{capdata.Message, capdata.AppendMessage(nil, p, p, data("#"+strings.Repeat("0P:", 300)+"\"0P:"+long+"\""+long)), `message target=p-60 result=p-60 body="#` + strings.Repeat("0P:", 300) + `\"...\"` + long[:118] + `"...(2106 bytes) slots=[]`},
		{capdata.Notify, capdata.AppendNotify(nil, rs, true), `notify p-60 fulfilled body="#1" slots=[]; p-60 rejected body="#2" slots=[o-50 o-50]; p+5 fulfilled body="x" slots=[o-50]`},
		{capdata.DropExports, capdata.AppendRefs(nil, refs), "dropExports [o+1 o+d2]"},
		{capdata.RetireExports, capdata.AppendRefs(nil, refs), "retireExports [o+1 o+d2]"},
		{capdata.RetireImports, capdata.AppendRefs(nil, []capdata.Vref{o}), "retireImports [o-50]"},
		{capdata.BringOutYourDead, nil, "bringOutYourDead"},
		{capdata.DeliveryKind(99), nil, ""},
	} {
		v.log = nil
		if f := v.deliver(d.kind, d.payload); f != nil {
			t.Fatal(f)
		}
		if d.want == "" && len(v.log) == 0 {
			continue
		}
		if len(v.log) == 0 || v.log[0] != d.want {
			t.Errorf("got %q\nwant %s", v.log, d.want)
		}
	}
	if f := v.message("mode 1"); f != nil {
		t.Fatal(f)
	}
	v.log = nil
	if f := v.deliver(capdata.Notify, capdata.AppendNotify(nil, rs, true)); f != nil {
		t.Fatal(f)
	}
	if want := `notify more p-60 fulfilled body="#1" slots=[]; p-60 rejected body="#2" slots=[o-50 o-50]; p+5 object body="x" slots=[o-50]`; v.log[0] != want {
		t.Errorf("got %s\nwant %s", v.log[0], want)
	}
}

// Scripts that are saved live on, in any number and size, and the latest of a kind counts.
func TestSavedScripts(t *testing.T) {
	v := started(t, true)
	big := strings.Repeat("vatstore_set 'a key' 'a value'; ", 2000)
	for _, s := range []string{
		"on bringOutYourDead { print 1 }; on notify { " + big + "print 2 }",
		"on message { print $kind }; on bringOutYourDead { print 3 }; on dropExports { print s1; on dropExports { print s0 } }",
		"fill 300000; on retireImports { return 5 }",
	} {
		if f := v.message(s); f != nil {
			t.Fatal(f)
		}
	}
	v.log = nil
	refs := capdata.AppendRefs(nil, []capdata.Vref{vref(t, "o+1"), vref(t, "o+2")})
	for _, d := range []struct {
		kind    capdata.DeliveryKind
		payload []byte
	}{{capdata.BringOutYourDead, nil}, {capdata.Notify, capdata.AppendNotify(nil, nil, false)}, {capdata.DropExports, refs}, {capdata.DropExports, refs}} {
		if f := v.deliver(d.kind, d.payload); f != nil {
			t.Fatal(f)
		}
	}
	if f := v.message("print 4"); f != nil {
		t.Fatal(f)
	}
	want := []string{"bringOutYourDead", "3", "notify", "2", "dropExports [o+1 o+2]", "33", "dropExports [o+1 o+2]", "17",
		`message target=o+0 result=p-60 body="\x00P0\x00\x04" slots=[o-50 p-61]`, "2", "4"}
	if !slices.Equal(v.log, want) {
		t.Errorf("got %q\nwant %q", v.log, want)
	}
	if f := v.deliver(capdata.RetireImports, refs); f == nil || f.Code != fault.Returned {
		t.Error(f)
	}
}

// Lines longer than the host takes at a time arrive whole.
func TestLongLines(t *testing.T) {
	v := started(t, false)
	if f := v.message("fill 200001; log $ans"); f != nil {
		t.Fatal(f)
	}
	if got := v.log[2]; got != strings.Repeat("x", 200001) {
		t.Errorf("%d bytes", len(got))
	}
	var rs []capdata.Resolution
	for range 100 {
		rs = append(rs, capdata.Resolution{Promise: vref(t, "p-60"), Data: capdata.CapData{Body: []byte(strings.Repeat("\x01", 1024))}})
	}
	v.log = nil
	if f := v.deliver(capdata.Notify, capdata.AppendNotify(nil, rs, false)); f != nil {
		t.Fatal(f)
	}
	if n := strings.Count(v.log[0], `\x01`); n != 102400 {
		t.Errorf("%d escapes", n)
	}
}

func TestInit(t *testing.T) {
	for _, c := range []struct {
		module []byte
		fault  string
	}{{guest.InitSyscall, "vatstore_set: "}, {guest.InitRead, "read: "}, {guest.InitFault, "fault: not today"}} {
		v := newVat(t, c.module, false)
		if f := v.start(); f == nil || !strings.HasPrefix(f.Error(), c.fault) {
			t.Errorf("%v, want %s", f, c.fault)
		}
	}
	v := newVat(t, guest.InitBundle, false)
	if f := v.start(); f != nil {
		t.Fatal(f)
	}
	if f := v.message("print r14; show &$scratch 8"); f != nil {
		t.Fatal(f)
	}
	if want := []string{"13", `"the data"`}; !slices.Equal(v.log[2:], want) {
		t.Errorf("%q", v.log)
	}
}

// Any bytes are a script: the worst that comes of them is a guest fault, and
// the two engines agree on which.
func FuzzScript(f *testing.F) {
	for _, s := range []string{"send o-50 @a{ trap } [o+7] p+5", "resolve <$result 2 '' [s0]>; on notify { print r15 }", "repeat 3 { vatstore_next_key $ans }", "call_now d-70 ('a' [s0]) &$slots 1"} {
		b, err := puppet.Assemble(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	seed, err := hex.DecodeString("0415ffffffff0f")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	hosts := []*host{newHost(f, guest.Wasm, false), newHost(f, guest.Wasm, true)}
	f.Fuzz(func(t *testing.T, script []byte) {
		var ends []string
		for _, h := range hosts {
			v := h.newVat(t)
			if f := v.start(); f != nil {
				t.Fatal(f)
			}
			o, err := v.w.Deliver(kernel.Delivery{Kind: capdata.Message, GasLimit: 200_000, Payload: capdata.AppendMessage(nil, capdata.Root, vref(t, "p-60"), capdata.CapData{Body: puppet.Raw(script), Slots: []capdata.Vref{vref(t, "o-50")}})}, v.sys)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, fmt.Sprint(o.Fault, o.GasUsed, v.sys.calls, v.log))
			closed(t, v.w.Close())
		}
		if ends[0] != ends[1] {
			t.Errorf("compiler and interpreter:\n%s\n%s", ends[0], ends[1])
		}
	})
}
