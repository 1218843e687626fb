package hostfuncs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/runtime"
)

// A fakeModule is a guest written in Go, on an engine that is one too: it
// calls the host functions as instrumented code would.
type fakeModule struct {
	pages                      int
	start, initialize, deliver func(c *code) uint32
	noGlobal                   string
	goesOn                     bool // an engine that does not stop at a host function's error
	closed                     int
}

func (m *fakeModule) Instantiate(env any) (runtime.Instance, error) {
	if m.pages < 0 {
		return nil, errors.New("no memory")
	}
	in := &fakeInstance{m: m, env: env, mem: make([]byte, max(m.pages, 1)<<16), globals: map[string]*fakeGlobal{}, funcs: map[string]runtime.HostFunc{}}
	for _, n := range []string{runtime.GlobalGas, runtime.GlobalDepth, runtime.GlobalStatus, runtime.GlobalClock} {
		if n != m.noGlobal {
			in.globals[n] = new(fakeGlobal)
		}
	}
	for _, f := range HostFuncs() {
		in.funcs[f.Module+"."+f.Name] = f
	}
	return in, nil
}

func (m *fakeModule) Close() error { return nil }

type fakeGlobal uint64

func (f *fakeGlobal) Get() uint64  { return uint64(*f) }
func (f *fakeGlobal) Set(v uint64) { *f = fakeGlobal(v) }

type fakeInstance struct {
	m       *fakeModule
	env     any
	mem     []byte
	globals map[string]*fakeGlobal
	funcs   map[string]runtime.HostFunc
}

func (in *fakeInstance) Memory() []byte { return in.mem }
func (in *fakeInstance) Close() error   { in.m.closed++; return nil }
func (in *fakeInstance) Global(name string) runtime.Global {
	if g := in.globals[name]; g != nil {
		return g
	}
	return nil
}

func (in *fakeInstance) Function(name string) runtime.Function {
	f := map[string]func(*code) uint32{ExportDeliver: in.m.deliver, ExportInitialize: in.m.initialize, runtime.FuncStart: in.m.start}[name]
	if f == nil {
		return nil
	}
	return &fakeFunction{in, f}
}

type fakeFunction struct {
	in *fakeInstance
	f  func(*code) uint32
}

// stopped is how the code of a guest is left at once.
type stopped struct{ err error }

func (f *fakeFunction) Call(stack []uint64) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stopped:
			err = r.err
		default:
			err = fmt.Errorf("engine: %w", &runtime.PanicError{Value: r, Stack: debug.Stack()})
		}
	}()
	c := &code{fakeInstance: f.in, kind: uint32(stack[0]), length: uint32(stack[1])}
	stack[0] = uint64(f.f(c))
	return nil
}

// code is what the guest's code works with.
type code struct {
	*fakeInstance
	kind, length uint32
}

// call calls an import; its arguments may be of any integer type. The upper
// halves of i32s are left clean, as engines do.
func (c *code) call(name string, args ...any) uint32 {
	if !strings.Contains(name, ".") {
		name = ModuleABI + "." + name
	}
	f, ok := c.funcs[name]
	if !ok {
		panic("no import " + name)
	}
	if len(args) != len(f.Params) {
		panic("wrong number of arguments for " + name)
	}
	stack := make([]uint64, max(len(f.Params), len(f.Results)))
	for i, a := range args {
		var v uint64
		switch a := a.(type) {
		case int:
			v = uint64(a)
		case uint32:
			v = uint64(a)
		case uint64:
			v = a
		case capdata.Vref:
			v = uint64(a)
		default:
			panic(fmt.Sprintf("argument of type %T", a))
		}
		if f.Params[i] == runtime.I32 {
			v = uint64(uint32(v))
		}
		stack[i] = v
	}
	if err := f.Call(c.env, stack); err != nil && !c.m.goesOn {
		panic(stopped{err})
	}
	if len(f.Results) == 0 {
		return 0
	}
	if stack[0]>>32 != 0 {
		panic(fmt.Sprintf("%s left an i32 with an upper half: %#x", name, stack[0]))
	}
	return uint32(stack[0])
}

func (c *code) wasi(name string, args ...any) uint32 { return c.call(ModuleWASI+"."+name, args...) }
func (c *code) log(level, ptr, n any)                { c.call(ModuleConsole+".log", level, ptr, n) }
func (c *code) trap(k runtime.TrapKind)              { panic(stopped{&runtime.Trap{Kind: k}}) }
func (c *code) status(s uint32)                      { c.globals[runtime.GlobalStatus].Set(uint64(s)) }
func (c *code) gas() int64                           { return int64(c.globals[runtime.GlobalGas].Get()) }
func (c *code) burn(n int64)                         { c.globals[runtime.GlobalGas].Set(uint64(c.gas() - n)) }
func (c *code) clock() uint64                        { return c.globals[runtime.GlobalClock].Get() }

// put writes s at ptr; refs writes references there; put32 words.
func (c *code) put(ptr int, s string) { copy(c.mem[ptr:], s) }
func (c *code) refs(ptr int, refs ...capdata.Vref) {
	for i, r := range refs {
		binary.LittleEndian.PutUint64(c.mem[ptr+8*i:], uint64(r))
	}
}
func (c *code) put32(ptr int, v ...uint32) {
	for i, x := range v {
		binary.LittleEndian.PutUint32(c.mem[ptr+4*i:], x)
	}
}
func (c *code) get32(ptr int) uint32 { return binary.LittleEndian.Uint32(c.mem[ptr:]) }
func (c *code) get64(ptr int) uint64 { return binary.LittleEndian.Uint64(c.mem[ptr:]) }

// A recorder is Syscalls that write down what they are asked.
type recorder struct {
	log    []string
	store  map[string]string
	fail   error // of every method
	failed bool  // what call_now answers
	answer capdata.CapData
	value  []byte // of any key, if not nil
	// swallow makes Resolve go on after a bad record.
	swallow bool
}

func refs(list []capdata.Vref) string {
	s := make([]string, len(list))
	for i, r := range list {
		s[i] = r.String()
	}
	return "[" + strings.Join(s, " ") + "]"
}

func (r *recorder) note(format string, args ...any) error {
	r.log = append(r.log, fmt.Sprintf(format, args...))
	return r.fail
}

func (r *recorder) Send(t capdata.Vref, a capdata.CapData, result capdata.Vref) error {
	return r.note("send %s %q%s %s", t, a.Body, refs(a.Slots), result)
}
func (r *recorder) Subscribe(p capdata.Vref) error { return r.note("subscribe %s", p) }
func (r *recorder) Resolve(n int, record func(int) (capdata.Resolution, error)) error {
	for i := range n {
		x, err := record(i)
		if err != nil && !r.swallow {
			return err
		}
		if err := r.note("resolve %d/%d %s %d %q%s", i, n, x.Promise, x.How, x.Data.Body, refs(x.Data.Slots)); err != nil {
			return err
		}
	}
	return nil
}
func (r *recorder) Exit(failure bool, info capdata.CapData) error {
	return r.note("exit %v %q%s", failure, info.Body, refs(info.Slots))
}
func (r *recorder) VatstoreGet(key []byte) ([]byte, bool, error) {
	if r.value != nil {
		return r.value, true, nil
	}
	v, ok := r.store[string(key)]
	return []byte(v), ok, r.note("get %q", key)
}
func (r *recorder) VatstoreSet(key, value []byte) error {
	if value == nil {
		return errors.New("a nil value would be a deletion")
	}
	if r.store == nil {
		r.store = map[string]string{}
	}
	r.store[string(key)] = string(value)
	return r.note("set %q %q", key, value)
}
func (r *recorder) VatstoreDelete(key []byte) error { return r.note("delete %q", key) }
func (r *recorder) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	next, ok := "", false
	for k := range r.store {
		if k > string(prior) && (!ok || k < next) {
			next, ok = k, true
		}
	}
	return []byte(next), ok, r.note("next %q", prior)
}
func (r *recorder) DropImports(l []capdata.Vref) error   { return r.note("drop %s", refs(l)) }
func (r *recorder) RetireImports(l []capdata.Vref) error { return r.note("retire imports %s", refs(l)) }
func (r *recorder) RetireExports(l []capdata.Vref) error { return r.note("retire exports %s", refs(l)) }
func (r *recorder) AbandonExports(l []capdata.Vref) error {
	return r.note("abandon %s", refs(l))
}
func (r *recorder) CallNow(d capdata.Vref, a capdata.CapData) (bool, capdata.CapData, error) {
	return r.failed, r.answer, r.note("call %s %q%s", d, a.Body, refs(a.Slots))
}

// outcome is how a delivery ended.
type outcome struct {
	gas   uint64
	fault *fault.Guest
	err   error
}

func (o outcome) String() string {
	switch {
	case o.err != nil:
		return "host fault: " + o.err.Error()
	case o.fault != nil:
		return fmt.Sprintf("%s: %s", o.fault.Code, o.fault)
	}
	return "ok"
}

const testGas = 1_000_000

// play makes a guest of m and delivers startVat.
func play(m *fakeModule, o Options, sys Syscalls, payload string) outcome {
	g, err := New(m, o)
	if err != nil {
		return outcome{err: err}
	}
	used, f, err := g.Deliver(capdata.StartVat, []byte(payload), testGas, sys)
	return outcome{used, f, err}
}

// script is a guest whose delivery is f, which returns 0.
func script(f func(c *code)) *fakeModule {
	return &fakeModule{deliver: func(c *code) uint32 { f(c); return 0 }}
}
