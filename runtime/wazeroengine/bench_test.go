package wazeroengine

import (
	_ "embed"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

//go:generate wat2wasm testdata/bench.wat -o testdata/bench.wasm

//go:embed testdata/bench.wasm
var benchWasm []byte

type benchEnv struct{ calls int }

// benchModes runs f for both modes with the module of testdata/bench.wat.
func benchModes(b *testing.B, f func(b *testing.B, e *Engine, m runtime.Module)) {
	for _, cfg := range []Config{{}, {Interpreter: true}} {
		cfg.Host = []runtime.HostFunc{{
			Module: "bench", Name: "host",
			Params: []runtime.ValueType{runtime.I32, runtime.I32}, Results: []runtime.ValueType{runtime.I32},
			Call: func(env any, stack []uint64) error {
				env.(*benchEnv).calls++
				stack[0] += stack[1]
				return nil
			},
		}}
		e := newEngine(b, cfg)
		b.Run(e.Name(), func(b *testing.B) {
			m, err := e.Compile(benchWasm)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			f(b, e, m)
			closeAll(b, m)
		})
		closeAll(b, e)
	}
}

// benchInstance is benchModes with an instance.
func benchInstance(b *testing.B, f func(b *testing.B, in runtime.Instance, env *benchEnv)) {
	benchModes(b, func(b *testing.B, _ *Engine, m runtime.Module) {
		env := &benchEnv{}
		in, err := m.Instantiate(env)
		if err != nil {
			b.Fatal(err)
		}
		f(b, in, env)
		closeAll(b, in)
	})
}

func BenchmarkCall(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *benchEnv) {
		deliver, stack := in.Function("deliver"), make([]uint64, 2)
		for b.Loop() {
			stack[0], stack[1] = 2, 100
			if err := deliver.Call(stack); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One operation is one call of the host by the guest, in a run of 1,000.
func BenchmarkHostCall(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, env *benchEnv) {
		host, stack := in.Function("host"), make([]uint64, 1)
		for n := b.N; n > 0; n -= 1000 {
			stack[0] = uint64(min(n, 1000))
			if err := host.Call(stack); err != nil {
				b.Fatal(err)
			}
		}
		if env.calls != b.N {
			b.Fatalf("%d calls, want %d", env.calls, b.N)
		}
	})
}

func BenchmarkGlobalGetSet(b *testing.B) {
	for _, name := range []string{runtime.GlobalGas, runtime.GlobalDepth} {
		b.Run(name, func(b *testing.B) {
			benchInstance(b, func(b *testing.B, in runtime.Instance, _ *benchEnv) {
				g := in.Global(name)
				for b.Loop() {
					g.Set(g.Get() + 1)
				}
			})
		})
	}
}

func BenchmarkMemory(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *benchEnv) {
		n := 0
		for b.Loop() {
			n += len(in.Memory())
		}
		if n == 0 {
			b.Fatal("no memory")
		}
	})
}

func BenchmarkTrap(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *benchEnv) {
		trap := in.Function("trap")
		for b.Loop() {
			if trap.Call(nil) == nil {
				b.Fatal("no trap")
			}
		}
	})
}

// Instantiate and close, with a memory of 1 MiB of which one byte is touched.
func BenchmarkInstantiate(b *testing.B) {
	benchModes(b, func(b *testing.B, _ *Engine, m runtime.Module) {
		for b.Loop() {
			in, err := m.Instantiate(nil)
			if err != nil {
				b.Fatal(err)
			}
			in.Memory()[0] = 1
			if err := in.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkInstantiatePuppet(b *testing.B) {
	e := newEngine(b, Config{Host: stubs(b, puppet)})
	m, err := e.Compile(puppet)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		in, err := m.Instantiate(nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
	}
	closeAll(b, m, e)
}

// BenchmarkProbeTraps is what the first engine of a mode pays once a process.
func BenchmarkProbeTraps(b *testing.B) {
	for _, interpreter := range []bool{false, true} {
		name := Name
		if interpreter {
			name = NameInterpreter
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := probeTraps(interpreter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
