package wazeroengine

import (
	"context"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

// puppet is a real guest: the scripted vat, compiled from C.
var puppet = func() []byte {
	b, err := os.ReadFile("../../guests/puppet/puppet.wasm")
	if err != nil {
		panic(err)
	}
	return b
}()

// stubs returns host functions for all that the module imports, which do
// nothing and return zeros.
func stubs(t testing.TB, wasm []byte) []runtime.HostFunc {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	compiled, err := rt.CompileModule(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	types := func(from []api.ValueType) (to []runtime.ValueType) {
		for _, v := range from {
			to = append(to, runtime.ValueType(v))
		}
		return to
	}
	var list []runtime.HostFunc
	for _, def := range compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		results := len(def.ResultTypes())
		list = append(list, runtime.HostFunc{
			Module: module, Name: name, Params: types(def.ParamTypes()), Results: types(def.ResultTypes()),
			Call: func(_ any, stack []uint64) error {
				clear(stack[:results])
				return nil
			},
		})
	}
	return list
}

func TestPuppet(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		cfg.Host = stubs(t, puppet)
		if len(cfg.Host) < 10 {
			t.Fatalf("%d imports, want those of the ABI", len(cfg.Host))
		}
		e := newEngine(t, cfg)
		m, err := e.Compile(puppet)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			in, err := m.Instantiate(nil)
			if err != nil {
				t.Fatal(err)
			}
			deliver := in.Function("crankcase_deliver")
			for range 3 {
				stack := []uint64{99, 0} // a kind that no guest knows: answered with 0
				if err := deliver.Call(stack); err != nil || stack[0] != 0 {
					t.Fatalf("deliver: %d, %v", stack[0], err)
				}
			}
			if len(in.Memory()) == 0 {
				t.Error("no memory")
			}
			closeAll(t, in)
		}
		closeAll(t, m, e)
	})
}
