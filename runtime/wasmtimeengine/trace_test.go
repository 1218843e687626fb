package wasmtimeengine

import (
	"errors"
	"fmt"
	"hash/crc64"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

// A traced engine notes what comes of each call of a guest: results or trap,
// gas, status, memory. Two engines on which the same is run have the same notes.
type traced struct {
	runtime.Engine
	// every: the memory is hashed after one call of that many.
	every int

	mu    sync.Mutex
	calls []string
	kinds map[string]int // how many calls ended in which way
}

type tracedModule struct {
	runtime.Module
	engine *traced
}

type tracedInstance struct {
	runtime.Instance
	engine *traced
}

type tracedFunction struct {
	runtime.Function
	name   string
	in     *tracedInstance
	engine *traced
}

func (e *traced) Compile(code []byte) (runtime.Module, error) {
	m, err := e.Engine.Compile(code)
	if err != nil {
		return nil, err
	}
	return &tracedModule{m, e}, nil
}

func (m *tracedModule) Instantiate(env any) (runtime.Instance, error) {
	in, err := m.Module.Instantiate(env)
	if err != nil {
		return nil, err
	}
	return &tracedInstance{in, m.engine}, nil
}

func (in *tracedInstance) Function(name string) runtime.Function {
	f := in.Instance.Function(name)
	if f == nil {
		return nil
	}
	return &tracedFunction{f, name, in, in.engine}
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func (f *tracedFunction) Call(stack []uint64) error {
	given := slices.Clone(stack)
	err := f.Function.Call(stack)
	kind := "done"
	var trap *runtime.Trap
	if errors.As(err, &trap) {
		kind = trap.Error()
	} else if err != nil {
		kind = "stopped by the host"
	}
	e := f.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	text := fmt.Sprintf("%s%d %v %s, memory of %d", f.name, given, stack, kind, len(f.in.Memory()))
	for _, name := range []string{runtime.GlobalGas, runtime.GlobalStatus, runtime.GlobalDepth, runtime.GlobalPrefix + "0"} {
		if g := f.in.Global(name); g != nil {
			text += fmt.Sprintf(", %s %d", name, g.Get())
		}
	}
	if len(e.calls)%e.every == 0 || err != nil {
		text += fmt.Sprintf(", %#x", crc64.Checksum(f.in.Memory(), crcTable))
	}
	e.calls = append(e.calls, text)
	if e.kinds == nil {
		e.kinds = map[string]int{}
	}
	e.kinds[kind]++
	return err
}

// sameCalls reports the first call that two engines differ in.
func sameCalls(t *testing.T, got, want *traced) {
	t.Helper()
	for i := range min(len(got.calls), len(want.calls)) {
		if got.calls[i] != want.calls[i] {
			t.Errorf("call %d:\n%s: %s\n%s: %s", i, got.Name(), got.calls[i], want.Name(), want.calls[i])
			return
		}
	}
	if len(got.calls) != len(want.calls) || len(got.calls) == 0 {
		t.Errorf("%d calls on %s, %d on %s", len(got.calls), got.Name(), len(want.calls), want.Name())
	}
}

func (e *traced) summary() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(e.kinds)) {
		parts = append(parts, fmt.Sprintf("%s: %d", k, e.kinds[k]))
	}
	return strings.Join(parts, ", ")
}
