package wazeroengine

import (
	"errors"
	goruntime "runtime"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

// endless calls itself.
//
//	(module (func (export "f") (call 0)))
const endless = "\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" +
	"\x03\x02\x01\x00" +
	"\x07\x05\x01\x01f\x00\x00" +
	"\x0a\x06\x01\x04\x00\x10\x00\x0b"

// wazero's own stack overflow is a fault of the engine each time, and what it
// grew the stack to does not stay.
func TestStackOverflow(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		e := newEngine(t, cfg)
		m, err := e.Compile([]byte(endless))
		if err != nil {
			t.Fatal(err)
		}
		in := mustInstantiate(t, m)
		f := in.Function("f")
		for range 2 {
			err := f.Call(nil)
			var trap *runtime.Trap
			if err == nil || errors.As(err, &trap) {
				t.Errorf("error %v, want a fault of the engine", err)
			}
		}
		var stats goruntime.MemStats
		goruntime.GC()
		goruntime.ReadMemStats(&stats)
		if stats.HeapAlloc > 40<<20 {
			t.Errorf("%d MB stay in use", stats.HeapAlloc>>20)
		}
		goruntime.KeepAlive(f)
		closeAll(t, in, m, e)
	})
}
