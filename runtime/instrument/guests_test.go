package instrument

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
)

// goGuest builds a guest with Go's own compiler, with a good part of the
// standard library in it.
func goGuest(t testing.TB) []byte {
	if testing.Short() {
		t.Skip("short")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module guest\n\ngo 1.26\n",
		"main.go": `package main

import (
	"encoding/json"
	"fmt"
	"math"
)

//go:wasmexport crankcase_deliver
func deliver(kind, length int32) int32 {
	var v any
	if err := json.Unmarshal([]byte("[1, 2.5, {\"a\": null}]"), &v); err != nil {
		return 1
	}
	return int32(len(fmt.Sprint(v, math.Sqrt(float64(kind)))))
}

func main() {}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "guest.wasm", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a Go guest: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "guest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// openConfig has the default limits and any interface.
func openConfig() Config { return Config{Limits: DefaultLimits(), anyInterface: true} }

// TestGuests instruments whole guests under the default limits and has wazero
// validate what comes out.
func TestGuests(t *testing.T) {
	t.Run("puppet", func(t *testing.T) { testGuest(t, readTestdata(t, "puppet.wasm")) })
	t.Run("go", func(t *testing.T) { testGuest(t, goGuest(t)) })
}

func testGuest(t *testing.T, module []byte) {
	res, err := Instrument(module, openConfig())
	if err != nil {
		t.Fatal(err)
	}
	if most := len(module) * 3 / 2; len(res.Code) > most {
		t.Errorf("%d bytes became %d, at most %d were expected", len(module), len(res.Code), most)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if _, err := r.CompileModule(ctx, res.Code); err != nil {
		t.Error(err)
	}
}

// TestTruncated cuts a guest at each byte: never a panic, and accepted only
// where nothing but the name section is lost.
func TestTruncated(t *testing.T) {
	module := readTestdata(t, "run.wasm")
	whole := instrumented(t, "run.wasm")
	for n := range module {
		if res, err := Instrument(module[:n], guestConfig()); err == nil && !bytes.Equal(res.Code, whole.Code) {
			t.Errorf("accepted with %d of %d bytes", n, len(module))
		}
	}
}

// BenchmarkInstrument measures MB of module a second.
func BenchmarkInstrument(b *testing.B) {
	module := goGuest(b)
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Instrument(module, openConfig()); err != nil {
			b.Fatal(err)
		}
	}
}
