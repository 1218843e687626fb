package hostfuncs

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/runtime"
)

var errDisk = errors.New("disk full")

// Whatever ends a delivery is a guest fault only if it is one for certain.
func TestOutcomes(t *testing.T) {
	run := func(f func(c *code)) *fakeModule { return script(f) }
	returns := func(n uint32) *fakeModule { return &fakeModule{deliver: func(*code) uint32 { return n }} }
	trap := func(k runtime.TrapKind, status uint32, burn int64) *fakeModule {
		return run(func(c *code) { c.burn(burn); c.status(status); c.trap(k) })
	}
	kernelFault := fault.New(fault.NotDecider, "resolve", "record 0: the vat does not decide p-60")
	const outOfGas = "out-of-gas: out-of-gas: the delivery's gas limit of 1000000 was reached"
	for _, c := range []struct {
		name string
		m    *fakeModule
		sys  *recorder
		want string
		gas  uint64
	}{
		{"nothing", returns(0), nil, "ok", 0},
		{"some gas", run(func(c *code) { c.burn(77) }), nil, "ok", 77},
		{"all of it", run(func(c *code) { c.burn(testGas) }), nil, "ok", testGas},
		{"more gas than before", run(func(c *code) { c.burn(-5) }), nil, "ok", 0},
		{"a gas too much", run(func(c *code) { c.burn(testGas + 1) }), nil, outOfGas, testGas},
		{"a gas too much, and a return value", &fakeModule{deliver: func(c *code) uint32 { c.burn(testGas + 1); return 1 }}, nil, outOfGas, testGas},
		{"returned", returns(7), nil, "returned: returned: crankcase_deliver returned 7, expected 0", 0},
		{"returned -1", returns(math.MaxUint32), nil, "returned: returned: crankcase_deliver returned -1, expected 0", 0},
		{"unreachable", trap(runtime.TrapUnreachable, runtime.StatusNone, 5), nil, "unreachable: unreachable", 5},
		{"memory", trap(runtime.TrapMemoryOutOfBounds, runtime.StatusNone, 5), nil, "memory-out-of-bounds: memory-out-of-bounds", 5},
		{"table", trap(runtime.TrapTableOutOfBounds, runtime.StatusNone, 5), nil, "table-out-of-bounds: table-out-of-bounds", 5},
		{"indirect", trap(runtime.TrapIndirectCall, runtime.StatusNone, 5), nil, "indirect-call: indirect-call", 5},
		{"overflow", trap(runtime.TrapIntegerOverflow, runtime.StatusNone, 5), nil, "integer-overflow: integer-overflow", 5},
		{"divide", trap(runtime.TrapDivideByZero, runtime.StatusNone, 5), nil, "divide-by-zero: divide-by-zero", 5},
		{"a trap, out of gas", trap(runtime.TrapDivideByZero, runtime.StatusNone, testGas+1), nil, outOfGas, testGas},
		{"out of gas", trap(runtime.TrapUnreachable, runtime.StatusGas, testGas+9), nil, outOfGas, testGas},
		{"out of gas, not below zero", trap(runtime.TrapUnreachable, runtime.StatusGas, 3), nil, outOfGas, testGas},
		{"stack", trap(runtime.TrapUnreachable, runtime.StatusStack, 5), nil, "stack-overflow: stack-overflow", 5},
		{"stack and gas", trap(runtime.TrapUnreachable, runtime.StatusStack, testGas+1), nil, outOfGas, testGas},
		{"host memory", trap(runtime.TrapUnreachable, runtime.StatusHost, 5), nil, "host fault: hostfuncs: the host could not give the guest memory that it is allowed", 5},
		{"host memory and gas", trap(runtime.TrapUnreachable, runtime.StatusHost, testGas+1), nil, "host fault: hostfuncs: the host could not give the guest memory that it is allowed", testGas},
		{"unknown status", trap(runtime.TrapUnreachable, 4, 5), nil, "host fault: hostfuncs: unknown status 4 of a trap", 5},
		{"another trap with a status", trap(runtime.TrapDivideByZero, runtime.StatusGas, 5), nil, "host fault: hostfuncs: trap divide by zero with status 1, which goes with unreachable only", 5},
		{"unknown trap", trap(99, 0, 0), nil, "host fault: hostfuncs: the engine told of an unknown trap, kind 99", 0},
		{"trap 0", trap(0, 0, 0), nil, "host fault: hostfuncs: the engine told of an unknown trap, kind 0", 0},
		{"engine error", run(func(*code) { panic(stopped{errors.New("stack overflow")}) }), nil, "host fault: hostfuncs: the guest was stopped: stack overflow", 0},
		{"wrapped trap", run(func(*code) { panic(stopped{fmt.Errorf("engine: %w", &runtime.Trap{Kind: 1})}) }), nil, "host fault: hostfuncs: the guest was stopped: engine: wasm trap: unreachable", 0},
		{"guest fault of nobody", run(func(*code) { panic(stopped{kernelFault}) }), nil, "host fault: hostfuncs: the guest was stopped: " + kernelFault.Error(), 0},
		{"kernel's guest fault", run(func(c *code) { c.call("subscribe", p60) }), &recorder{fail: kernelFault}, "not-decider: " + kernelFault.Error(), gasSubscribe},
		{"kernel's error", run(func(c *code) { c.call("subscribe", p60) }), &recorder{fail: errDisk}, "host fault: hostfuncs: the guest was stopped: disk full", gasSubscribe},
		{"kernel's error around a guest fault", run(func(c *code) { c.call("subscribe", p60) }), &recorder{fail: fmt.Errorf("x: %w", kernelFault)}, "host fault: hostfuncs: the guest was stopped: x: " + kernelFault.Error(), gasSubscribe},
		{"kernel swallows a bad record", run(func(c *code) { c.put32(8, 9); c.call("resolve", 0, 1) }), &recorder{swallow: true},
			"host fault: hostfuncs: the guest was stopped: hostfuncs: resolve: the kernel did not stop at a bad record: resolve: record 0: kind is 9, expected 0, 1 or 2", gasResolve + gasRecord},
		{"no syscalls", run(func(c *code) { c.call("subscribe", p60) }), nil, "host fault: hostfuncs: the guest was stopped: engine: panic in a host function: runtime error: invalid memory address or nil pointer dereference", gasSubscribe},
		{"value too long", run(func(c *code) { c.call("vatstore_get", 0, 1, 0, 0) }), &recorder{value: make([]byte, maxLength+1)}, "host fault: hostfuncs: the guest was stopped: hostfuncs: vatstore_get: the kernel answered with 2147483648 bytes, more than 2^31-1", gasGet + gasReadWord},
		{"engine goes on", &fakeModule{goesOn: true, deliver: func(c *code) uint32 { c.call("read", 0, 9, 9); return 0 }}, nil, "host fault: hostfuncs: the engine went on after a host function's error: read: offset 9+9 lies past the end of the payload (0 bytes)", gasCrossing},
		{"engine goes on, and traps", &fakeModule{goesOn: true, deliver: func(c *code) uint32 { c.call("read", 0, 9, 9); c.trap(1); return 0 }}, nil, "host fault: hostfuncs: the guest was stopped: wasm trap: unreachable", gasCrossing},
	} {
		var sys Syscalls
		if c.sys != nil {
			sys = c.sys
		}
		o := play(c.m, Options{}, sys, "")
		if o.String() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, o, c.want)
		}
		if o.gas != c.gas {
			t.Errorf("%s: gas %d, want %d", c.name, o.gas, c.gas)
		}
		if o.err != nil && o.fault != nil {
			t.Errorf("%s: two kinds of fault at once", c.name)
		}
	}
}

// A host fault keeps its cause.
func TestHostFaultKeepsItsCause(t *testing.T) {
	o := play(script(func(c *code) { c.call("subscribe", p60) }), Options{}, &recorder{fail: errDisk}, "")
	if !errors.Is(o.err, errDisk) {
		t.Errorf("%v is not %v", o.err, errDisk)
	}
	o = play(script(func(c *code) { c.call("subscribe", p60) }), Options{}, nil, "")
	var p *runtime.PanicError
	if !errors.As(o.err, &p) || !strings.Contains(string(p.Stack), "subscribe") {
		t.Errorf("%v has no panic with a stack", o.err)
	}
}

// Start function, _initialize and startVat run once, in this order, under one limit.
func TestBoot(t *testing.T) {
	var order []string
	m := &fakeModule{
		start:      func(c *code) uint32 { order = append(order, "start"); c.burn(100); return 9 },
		initialize: func(c *code) uint32 { order = append(order, "init"); c.burn(20); c.call("bundle_len"); return 9 },
		deliver: func(c *code) uint32 {
			order = append(order, fmt.Sprint("deliver ", c.kind, " gas ", c.gas()))
			c.burn(3)
			c.call("read", 0, 0, 0)
			return 0
		},
	}
	g, err := New(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range []struct {
		kind  capdata.DeliveryKind
		limit uint64
		used  uint64
	}{{capdata.StartVat, 1000, 100 + 20 + gasCrossing + 3 + gasCrossing}, {capdata.Message, 500, 3 + gasCrossing}, {99, math.MaxUint64, 3 + gasCrossing}} {
		used, f, err := g.Deliver(d.kind, nil, d.limit, &recorder{})
		if used != d.used || f != nil || err != nil {
			t.Errorf("delivery %d: %d %v %v", i, used, f, err)
		}
	}
	if got, want := strings.Join(order, ", "), fmt.Sprintf("start, init, deliver 1 gas 730, deliver 2 gas 500, deliver 99 gas %d", math.MaxInt64); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := g.Close(); err != nil || m.closed != 1 {
		t.Error(err, m.closed)
	}
}

// Depth and status are 0 whenever the host calls; the clock goes on.
func TestGlobalsAreReset(t *testing.T) {
	dirty := func(c *code) uint32 {
		if c.globals[runtime.GlobalDepth].Get() != 0 || c.globals[runtime.GlobalStatus].Get() != 0 {
			return 1
		}
		c.globals[runtime.GlobalDepth].Set(5)
		c.status(runtime.StatusGas)
		c.globals[runtime.GlobalClock].Set(c.clock() + 1)
		return 0
	}
	m := &fakeModule{start: dirty, initialize: dirty, deliver: dirty}
	g, err := New(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []capdata.DeliveryKind{capdata.StartVat, capdata.Message} {
		if _, f, err := g.Deliver(k, nil, testGas, nil); f != nil || err != nil {
			t.Fatal(f, err)
		}
	}
	if n := g.Instance().Global(runtime.GlobalClock).Get(); n != 4 {
		t.Errorf("clock %d, want 4", n)
	}
}

// Before startVat only what looks at the bundle, fault, console and WASI may be called.
func TestTooEarly(t *testing.T) {
	for _, i := range Imports() {
		early := i.Module != ModuleABI || i.Name == "fault" || i.Name == "bundle_len" || i.Name == "bundle_read"
		args := make([]any, len(i.Params))
		for j := range args {
			args[j] = 0
		}
		f := func(c *code) uint32 { c.call(i.Module+"."+i.Name, args...); return 0 }
		for _, m := range []*fakeModule{{start: f}, {initialize: f}} {
			m.deliver = func(*code) uint32 { return 0 }
			want := "too-early: " + i.Name + ": called before startVat"
			switch {
			case i.Name == "fault":
				want = "told: fault: "
			case i.Name == "proc_exit":
				want = "proc-exit: proc_exit: exit code 0"
			case early:
				want = "ok"
			}
			if o := play(m, Options{}, &recorder{}, ""); o.String() != want {
				t.Errorf("%s: got %s, want %s", i.Name, o, want)
			}
		}
	}
}

// A fault before startVat says where; startVat is not delivered.
func TestFaultInBoot(t *testing.T) {
	none := func(*code) uint32 { return 0 }
	traps := func(c *code) uint32 { c.trap(runtime.TrapDivideByZero); return 0 }
	burns := func(c *code) uint32 { c.burn(testGas + 1); return 0 }
	for want, m := range map[string]*fakeModule{
		"divide-by-zero: divide-by-zero: in the start function":                   {start: traps, initialize: none},
		"divide-by-zero: divide-by-zero: in _initialize":                          {start: none, initialize: traps},
		"out-of-gas: out-of-gas: the delivery's gas limit of 1000000 was reached": {start: burns, initialize: none},
	} {
		m.deliver = func(*code) uint32 { t.Error("delivered"); return 0 }
		if o := play(m, Options{}, nil, ""); o.String() != want {
			t.Errorf("got %s, want %s", o, want)
		}
	}
}

// What the host does wrong is refused, and after a fault nothing more runs.
func TestMisuse(t *testing.T) {
	g, err := New(script(func(c *code) { c.call("subscribe", p60) }), Options{})
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(want string, kind capdata.DeliveryKind, payload []byte) {
		t.Helper()
		used, f, err := g.Deliver(kind, payload, testGas, &recorder{fail: fault.New(fault.BadReference, "subscribe", "no")})
		if o := (outcome{used, f, err}); o.String() != want {
			t.Errorf("got %s, want %s", o, want)
		}
	}
	deliver("host fault: hostfuncs: delivery message: startVat must be the first one, and only that", capdata.Message, nil)
	deliver("host fault: hostfuncs: the payload has 2147483648 bytes, more than 2^31-1", capdata.StartVat, make([]byte, maxLength+1))
	deliver("bad-reference: subscribe: no", capdata.StartVat, nil)
	deliver("host fault: hostfuncs: delivery to a guest that a fault has ended", capdata.Message, nil)

	g, err = New(script(func(c *code) {}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	deliver("ok", capdata.StartVat, nil)
	deliver("host fault: hostfuncs: delivery startVat: startVat must be the first one, and only that", capdata.StartVat, nil)
	deliver("ok", capdata.Message, nil)

	// An engine that panics leaves the guest broken too.
	g, err = New(script(func(c *code) {}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.deliver = nil
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		deliver("", capdata.StartVat, nil)
	}()
	deliver("host fault: hostfuncs: delivery to a guest that a fault has ended", capdata.Message, nil)

	for _, n := range []string{runtime.GlobalGas, runtime.GlobalDepth, runtime.GlobalStatus, runtime.GlobalClock} {
		m := script(func(c *code) {})
		m.noGlobal = n
		if _, err := New(m, Options{}); err == nil || m.closed != 1 {
			t.Errorf("without %s: %v, closed %d times", n, err, m.closed)
		}
	}
	if _, err := New(&fakeModule{}, Options{}); err == nil {
		t.Error("a module without crankcase_deliver was accepted")
	}
	if _, err := New(&fakeModule{pages: -1}, Options{}); err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Error(err)
	}
}
