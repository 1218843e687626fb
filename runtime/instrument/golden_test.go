package instrument

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files instead of comparing")

// guestConfig is the shape of the real configuration, with one import.
func guestConfig() Config {
	i32s := func(n int) []runtime.ValueType { return bytes2types(bytes.Repeat([]byte{i32}, n)) }
	return Config{
		Imports: []Import{
			{Module: "crankcase_v1", Name: "tick"},
			{Module: "crankcase_v1", Name: "read", Params: i32s(3)},
		},
		Exports: []Export{
			{Name: "crankcase_deliver", Params: i32s(2), Results: i32s(1)},
			{Name: "_initialize", Optional: true},
		},
		Limits: DefaultLimits(),
	}
}

func bytes2types(b []byte) []runtime.ValueType {
	out := make([]runtime.ValueType, len(b))
	for i, t := range b {
		out[i] = runtime.ValueType(t)
	}
	return out
}

func readTestdata(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden pins the code that comes out: a change to it needs a new Version.
func TestGolden(t *testing.T) {
	for _, name := range []string{"small", "run"} {
		res, err := Instrument(readTestdata(t, name+".wasm"), guestConfig())
		if err != nil {
			t.Fatal(err)
		}
		got, file := disassemble(res.Code), name+".golden"
		if *rewrite {
			if err := os.WriteFile(filepath.Join("testdata", file), []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want := strings.Split(string(readTestdata(t, file)), "\n")
		for i, line := range strings.Split(got, "\n") {
			if i >= len(want) || line != want[i] {
				t.Errorf("%s: line %d is %q, want %q", file, i+1, line, want[min(i, len(want)-1)])
				break
			}
		}
		if n := strings.Count(got, "\n") + 1; n != len(want) {
			t.Errorf("%s: %d lines, want %d", file, n, len(want))
		}
	}
}

// TestResult checks the facts that come with the code, and that neither is
// shared with the input.
func TestResult(t *testing.T) {
	module := readTestdata(t, "run.wasm")
	custom := append(appendName(nil, DataSection), "blob"...)
	module = append(appendU32(append(module, 0), uint32(len(custom))), custom...)
	before := bytes.Clone(module)
	res, err := Instrument(module, guestConfig())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, module) {
		t.Error("the input was changed")
	}
	if string(res.Data) != "blob" || res.MemoryMin != 1 || res.MemoryMax != 4 || !res.HadStart || res.Functions < 50 {
		t.Errorf("got %d bytes of data, %+v", len(res.Data), res)
	}
	if len(res.Globals) != 2 || res.Globals[0] != 0 || res.Globals[1] != 2 {
		t.Errorf("mutable globals are %v, want 0 and 2", res.Globals)
	}
	code, data := bytes.Clone(res.Code), bytes.Clone(res.Data)
	clear(module)
	if !bytes.Equal(code, res.Code) || !bytes.Equal(data, res.Data) {
		t.Error("the result shares memory with the input")
	}
	if bytes.Contains(res.Code, []byte(DataSection)) {
		t.Error("the data section is still in the code")
	}
	again, err := Instrument(before, guestConfig())
	if err != nil || !bytes.Equal(again.Code, res.Code) {
		t.Errorf("a second run gives other bytes: %v", err)
	}
}

func TestDataAbsentAndEmpty(t *testing.T) {
	module := readTestdata(t, "small.wasm")
	res, err := Instrument(module, guestConfig())
	if err != nil || res.Data != nil {
		t.Errorf("got data %v, %v, want none", res.Data, err)
	}
	custom := appendName(nil, DataSection)
	module = append(appendU32(append(module, 0), uint32(len(custom))), custom...)
	res, err = Instrument(module, guestConfig())
	if err != nil || res.Data == nil || len(res.Data) != 0 {
		t.Errorf("got data %v, %v, want an empty slice", res.Data, err)
	}
}
