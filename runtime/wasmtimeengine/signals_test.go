package wasmtimeengine

import (
	"errors"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

//go:generate wat2wasm testdata/deep.wat -o testdata/deep.wasm

// A host function has room to work in wherever a guest calls it: at the very end
// of the guest's stack, too, on any thread.
func TestHostAtTheEndOfTheStack(t *testing.T) {
	var f func() error
	e := newEngine(t, Config{Host: []runtime.HostFunc{{Module: "m", Name: "f", Call: func(any, []uint64) error { return f() }}}})
	m := mustCompile(t, e, mustRead("testdata/deep.wasm"))

	f = func() error { return nil }
	in := mustInstantiate(t, m)
	down := in.Function("down")
	fits, not := uint64(0), uint64(1<<24)
	for fits+1 < not {
		n := (fits + not) / 2
		if err := down.Call([]uint64{n}); err == nil {
			fits = n
		} else if strings.Contains(err.Error(), "call stack exhausted") {
			not = n
		} else {
			t.Fatal(err)
		}
	}
	if fits < 10_000 {
		t.Fatalf("only %d calls fit", fits)
	}
	t.Logf("%d calls fit", fits)
	closeAll(t, in)

	var work func(n int, b [512]byte) byte
	work = func(n int, b [512]byte) byte {
		if n == 0 {
			return b[0]
		}
		b[n%512]++
		return work(n-1, b)
	}
	errStop := errors.New("stop")
	f = func() error {
		work(10_000, [512]byte{})
		goruntime.GC()
		goruntime.Stack(make([]byte, 1<<16), true)
		return errStop
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			in := mustInstantiate(t, m)
			down := in.Function("down")
			for n := fits - 3; n <= fits; n++ {
				if err := down.Call([]uint64{n}); err != errStop {
					t.Errorf("%d calls deep: %v", n, err)
				}
			}
			closeAll(t, in)
		})
	}
	wg.Wait()
	closeAll(t, m, e)
}

// Go's own faults stay Go's, although wasmtime has handlers for their signals.
func TestSignalsOfTheHost(t *testing.T) {
	type node struct{ next *node }
	var none *node
	zero := 0
	faults := map[string]func() any{
		"nil":  func() any { return none.next },
		"zero": func() any { return 1 / zero },
	}
	e, m, f := loopEngine(t)
	in := mustInstantiate(t, m)
	for name, fault := range faults {
		*f = func() error { fault(); return nil }
		for range 3 {
			var p *runtime.PanicError
			if err := in.Function("g").Call(nil); !errors.As(err, &p) {
				t.Errorf("%s in a host function: %v", name, err)
			} else if _, ok := p.Value.(goruntime.Error); !ok {
				t.Errorf("%s in a host function: %v", name, p.Value)
			}
		}
		func() {
			defer func() {
				if _, ok := recover().(goruntime.Error); !ok {
					t.Errorf("%s outside of a guest is no panic", name)
				}
			}()
			fault()
		}()
	}
	closeAll(t, in, m, e)
}
