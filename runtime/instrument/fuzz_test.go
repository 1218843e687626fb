package instrument

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/crankcase/crankcase/fault"
	"github.com/tetratelabs/wazero"
)

// FuzzInstrument gives Instrument any bytes: it never panics, answers the same
// twice, refuses with a *fault.Refusal, and what it makes of a module that it
// accepts is valid to wazero.
func FuzzInstrument(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.wasm")
	if err != nil {
		f.Fatal(err)
	}
	dir := specDir(f)
	for _, pattern := range []string{"v1/testdata/b*.0.wasm", "v2/testdata/[blmus]*.0.wasm", "v2/testdata/unreached*.wasm", "v2/testdata/elem.*.wasm"} {
		more, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, more...)
	}
	for _, name := range seeds {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 100_000 {
			f.Add(b, true)
			f.Add(b, false)
		}
	}
	for _, b := range [][]byte{moduleOf(guest{}), code(0xfd, 12), code(nested(30, nil)...)} {
		f.Add(b, false)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, module []byte, any bool) {
		config := guestConfig()
		config.anyInterface = any
		config.Limits.MemoryPages = 16 // what wazero is to allocate
		res, err := Instrument(module, config)
		again, err2 := Instrument(bytes.Clone(module), config)
		if err != nil {
			var refusal *fault.Refusal
			if !errors.As(err, &refusal) || err2 == nil || err.Error() != err2.Error() {
				t.Fatalf("got %v, then %v", err, err2)
			}
			return
		}
		if !bytes.Equal(res.Code, again.Code) || !bytes.Equal(res.Data, again.Data) {
			t.Fatal("two runs differ")
		}
		compiled, err := r.CompileModule(ctx, res.Code)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Close(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
