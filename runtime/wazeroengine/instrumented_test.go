package wazeroengine

import (
	"errors"
	"testing"

	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// instrumented rewrites a module as install does.
func instrumented(t *testing.T, wasm []byte, host []runtime.HostFunc) []byte {
	t.Helper()
	c := instrument.Config{Limits: instrument.DefaultLimits()}
	for _, h := range host {
		c.Imports = append(c.Imports, instrument.Import{Module: h.Module, Name: h.Name, Params: h.Params, Results: h.Results})
	}
	res, err := instrument.Instrument(wasm, c)
	if err != nil {
		t.Fatal(err)
	}
	return res.Code
}

// A metered guest uses the same gas in both modes, and is stopped by the same
// trap with the same status.
func TestInstrumented(t *testing.T) {
	type outcome struct{ left, empty, depth uint64 }
	var outcomes []outcome
	modes(t, func(t *testing.T, cfg Config) {
		cfg.Host = stubs(t, puppet)
		e := newEngine(t, cfg)
		m, err := e.Compile(instrumented(t, puppet, cfg.Host))
		if err != nil {
			t.Fatal(err)
		}
		in := mustInstantiate(t, m)
		deliver := in.Function("crankcase_deliver")
		gas, status, depth := in.Global(runtime.GlobalGas), in.Global(runtime.GlobalStatus), in.Global(runtime.GlobalDepth)

		const limit = 1_000_000
		gas.Set(limit)
		stack := []uint64{99, 0}
		if err := deliver.Call(stack); err != nil || stack[0] != 0 {
			t.Fatalf("deliver: %d, %v", stack[0], err)
		}
		o := outcome{left: gas.Get()}
		if o.left >= limit || status.Get() != runtime.StatusNone || depth.Get() != 0 {
			t.Errorf("gas %d, status %d, depth %d", o.left, status.Get(), depth.Get())
		}

		gas.Set(0)
		err = deliver.Call([]uint64{99, 0})
		var trap *runtime.Trap
		if !errors.As(err, &trap) || trap.Kind != runtime.TrapUnreachable || status.Get() != runtime.StatusGas {
			t.Errorf("without gas: %v, status %d", err, status.Get())
		}
		o.empty, o.depth = gas.Get(), depth.Get()
		outcomes = append(outcomes, o)
		closeAll(t, in, m, e)
	})
	if len(outcomes) == 2 && outcomes[0] != outcomes[1] {
		t.Errorf("the modes differ: %+v", outcomes)
	}
}

// The instrumented code takes the host's refusal of memory for what it is, and
// the guest's own limit for what that is.
func TestInstrumentedGrowth(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		e := newEngine(t, cfg)
		pages := &meanPages{pageSource: osPages}
		e.pages = pages
		m, err := e.Compile(instrumented(t, []byte(grower), nil))
		if err != nil {
			t.Fatal(err)
		}
		in := mustInstantiate(t, m)
		status := in.Global(runtime.GlobalStatus)
		in.Global(runtime.GlobalGas).Set(1 << 40)
		if got := grow(t, in, 8); got != growFails || status.Get() != runtime.StatusNone {
			t.Errorf("past the guest's limit: %#x, status %d", got, status.Get())
		}
		pages.refuseCommit = func(uint64) bool { return true }
		err = in.Function("grow").Call([]uint64{1})
		var trap *runtime.Trap
		if !errors.As(err, &trap) || trap.Kind != runtime.TrapUnreachable || status.Get() != runtime.StatusHost {
			t.Errorf("refused by the host: %v, status %d", err, status.Get())
		}
		closeAll(t, in, m, e)
	})
}
