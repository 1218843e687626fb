package wazeroengine

import (
	"context"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/crankcase/crankcase/runtime"
)

const upper = uint64(0xdeadbeef) << 32

// Whether wazero leaves something in an upper half depends on the code around
// a call, so what clears it is tested without wazero too.
func TestHostFunctionClearsUpperHalves(t *testing.T) {
	i32, i64, f32 := runtime.I32, runtime.I64, runtime.F32
	var got []uint64
	f, err := newHostFunction(runtime.HostFunc{
		Module: "m", Name: "f",
		Params:  []runtime.ValueType{i64, i32, f32},
		Results: []runtime.ValueType{f32, i64},
		Call: func(_ any, stack []uint64) error {
			got = slices.Clone(stack)
			copy(stack, []uint64{upper | 4, upper | 5})
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	stack := []uint64{upper | 1, upper | 2, upper | 3}
	f.Call(&callContext{}, stack)
	if want := []uint64{upper | 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("the host got %#x, want %#x", got, want)
	}
	if want := []uint64{4, upper | 5}; !slices.Equal(stack[:2], want) {
		t.Errorf("the guest gets %#x, want %#x", stack[:2], want)
	}
}

// fakeFunction leaves garbage where it likes; fakeGlobal is 64 bits wide.
type (
	fakeFunction struct {
		api.Function
		got []uint64
	}
	fakeGlobal struct {
		api.MutableGlobal
		v uint64
	}
)

func (f *fakeFunction) CallWithStack(_ context.Context, stack []uint64) error {
	f.got = slices.Clone(stack)
	for i := range stack {
		stack[i] |= upper
	}
	return nil
}

func (g *fakeGlobal) Get() uint64  { return g.v }
func (g *fakeGlobal) Set(v uint64) { g.v = v }

func TestFunctionClearsUpperHalves(t *testing.T) {
	fake := &fakeFunction{}
	f := &function{in: &instance{}, fn: fake, slots: 2, narrowParams: []int{1}, narrowResults: []int{0}}
	stack := []uint64{upper | 1, upper | 2}
	if err := f.Call(stack); err != nil {
		t.Fatal(err)
	}
	if want := []uint64{upper | 1, 2}; !slices.Equal(fake.got, want) {
		t.Errorf("the guest got %#x, want %#x", fake.got, want)
	}
	if want := []uint64{1, upper | 2}; !slices.Equal(stack, want) {
		t.Errorf("the host gets %#x, want %#x", stack, want)
	}
}

func TestNarrowGlobal(t *testing.T) {
	fake := &fakeGlobal{v: upper | 1}
	g := narrowGlobal{fake}
	if got := g.Get(); got != 1 {
		t.Errorf("Get is %#x, want 1", got)
	}
	g.Set(upper | 2)
	if fake.v != 2 {
		t.Errorf("Set left %#x, want 2", fake.v)
	}
}

// The env is found through contexts that wrap the instance's.
func TestEnv(t *testing.T) {
	type key struct{}
	c := &callContext{env: "env"}
	for _, ctx := range []context.Context{c, context.WithValue(c, key{}, 1)} {
		if got := envOf(ctx); got != "env" {
			t.Errorf("%T: env is %v", ctx, got)
		}
	}
	if got := envOf(context.Background()); got != nil {
		t.Errorf("env of no instance is %v", got)
	}
}
