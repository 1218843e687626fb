package wasmtimeengine

import (
	"io"
	"os"
	"testing"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
)

// benchWasm is what wazero's benchmarks run.
var benchWasm = mustRead("../wazeroengine/testdata/bench.wasm")

func mustRead(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return b
}

// benchHost is what benchWasm imports. Its env is a *int that counts calls.
func benchHost() []runtime.HostFunc {
	return []runtime.HostFunc{{
		Module: "bench", Name: "host",
		Params: []runtime.ValueType{runtime.I32, runtime.I32}, Results: []runtime.ValueType{runtime.I32},
		Call: func(env any, stack []uint64) error {
			*env.(*int)++
			stack[0] += stack[1]
			return nil
		},
	}}
}

// engines are what is compared, with their compilation cache in dir if it is
// not empty.
func engines(t testing.TB, host []runtime.HostFunc, dir string) []runtime.Engine {
	t.Helper()
	wazero, err := wazeroengine.New(wazeroengine.Config{Host: host, CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return []runtime.Engine{newEngine(t, Config{Host: host, CacheDir: dir}), wazero}
}

// benchInstance runs f on each engine with an instance of benchWasm.
func benchInstance(b *testing.B, f func(b *testing.B, in runtime.Instance, calls *int)) {
	for _, e := range engines(b, benchHost(), "") {
		b.Run(e.Name(), func(b *testing.B) {
			m, err := e.Compile(benchWasm)
			if err != nil {
				b.Fatal(err)
			}
			calls := 0
			in, err := m.Instantiate(&calls)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			f(b, in, &calls)
			closeAll(b, in, m)
		})
		closeAll(b, e)
	}
}

func BenchmarkCall(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *int) {
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
	benchInstance(b, func(b *testing.B, in runtime.Instance, calls *int) {
		host, stack := in.Function("host"), make([]uint64, 1)
		for n := b.N; n > 0; n -= 1000 {
			stack[0] = uint64(min(n, 1000))
			if err := host.Call(stack); err != nil {
				b.Fatal(err)
			}
		}
		if *calls != b.N {
			b.Fatalf("%d calls, want %d", *calls, b.N)
		}
	})
}

func BenchmarkGlobalGetSet(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *int) {
		g := in.Global(runtime.GlobalGas)
		for b.Loop() {
			g.Set(g.Get() + 1)
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *int) {
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
	benchInstance(b, func(b *testing.B, in runtime.Instance, _ *int) {
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
	for _, e := range engines(b, benchHost(), "") {
		b.Run(e.Name(), func(b *testing.B) {
			m, err := e.Compile(benchWasm)
			if err != nil {
				b.Fatal(err)
			}
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
			closeAll(b, m)
		})
		closeAll(b, e)
	}
}

// trader is an instrumented Go guest.
func trader(b *testing.B) []byte {
	b.Helper()
	module, err := crankcase.BuildGo(io.Discard)(exchange + "trader")
	if err != nil {
		b.Fatal(err)
	}
	return instrumented(b, module)
}

func BenchmarkCompileGo(b *testing.B) {
	code := trader(b)
	for _, e := range engines(b, stubs(b), "") {
		b.Run(e.Name(), func(b *testing.B) {
			for b.Loop() {
				m, err := e.Compile(code)
				if err != nil {
					b.Fatal(err)
				}
				closeAll(b, m)
			}
		})
		closeAll(b, e)
	}
}

// Taken from the cache, the file being in memory.
func BenchmarkCachedGo(b *testing.B) {
	code := trader(b)
	dir := b.TempDir()
	for _, e := range engines(b, stubs(b), dir) {
		b.Run(e.Name(), func(b *testing.B) {
			m, err := e.Compile(code)
			if err != nil {
				b.Fatal(err)
			}
			closeAll(b, m, e)
			for b.Loop() {
				// wazero's engine shares what it compiled: a fresh one each time.
				b.StopTimer()
				var fresh runtime.Engine
				for _, other := range engines(b, stubs(b), dir) {
					if other.Name() == e.Name() {
						fresh = other
					} else {
						closeAll(b, other)
					}
				}
				b.StartTimer()
				if m, err = fresh.Compile(code); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				closeAll(b, m, fresh)
				b.StartTimer()
			}
		})
	}
}

// One operation is 300 orders of the exchange, after its vats have started.
func BenchmarkExchange(b *testing.B) {
	for _, e := range engines(b, hostfuncs.HostFuncs(), b.TempDir()) {
		b.Run(e.Name(), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				playExchange(b, e, 300, b.StartTimer)
			}
		})
		closeAll(b, e)
	}
}

//go:generate wat2wasm testdata/compute.wat -o testdata/compute.wasm

// Instrumented guest code that calls no host.
func BenchmarkCompute(b *testing.B) {
	code := instrumented(b, mustRead("testdata/compute.wasm"))
	for _, name := range []string{"fib", "mix"} {
		for _, e := range engines(b, nil, "") {
			b.Run(name+"/"+e.Name(), func(b *testing.B) {
				m, err := e.Compile(code)
				if err != nil {
					b.Fatal(err)
				}
				in := mustInstantiate(b, m)
				f, gas, n := in.Function(name), in.Global(runtime.GlobalGas), map[string]uint64{"fib": 24, "mix": 100_000}[name]
				for b.Loop() {
					gas.Set(1 << 40)
					if err := f.Call([]uint64{n}); err != nil {
						b.Fatal(err)
					}
				}
				closeAll(b, in, m)
			})
			closeAll(b, e)
		}
	}
}
