package instrument

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/fault"
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// nested is n blocks in each other around inner.
func nested(n int, inner []byte) []byte {
	return join(bytes.Repeat([]byte{opBlock, emptyBlock}, n), inner, bytes.Repeat([]byte{opEnd}, n), []byte{opI32Const, 0})
}

// TestLimits has, for each limit, a module that is at it and one that is over.
func TestLimits(t *testing.T) {
	zero := []byte{opI32Const, 0}
	table := func(n int) []byte { // n entries and the default one
		return join([]byte{opBlock, emptyBlock, opLocalGet, 0}, appendU32([]byte{opBrTable}, uint32(n)), make([]byte, n+1), []byte{opEnd}, zero)
	}
	set := []byte{opI32Const, 0, opLocalSet, 0}
	usual := []byte{0x60, 2, i32, i32, 1, i32}
	for _, c := range []struct {
		name   string
		set    func(*Limits)
		module func(over int) []byte // over is 0 or 1
		reason string
	}{
		{"module bytes", func(l *Limits) { l.ModuleBytes = len(moduleOf(guest{})) }, func(n int) []byte { return moduleOf(guest{after: bytes.Repeat(custom("")[:3*n], n)}) }, "bytes"},
		{"types", func(l *Limits) { l.Types = 3 }, func(n int) []byte {
			return moduleOf(guest{types: join([]byte{byte(3 + n)}, usual, bytes.Repeat([]byte{0x60, 0, 0}, 2+n))})
		}, "types"},
		{"parameters", func(l *Limits) { l.Params = 3 }, func(n int) []byte {
			return moduleOf(guest{types: join([]byte{2}, usual, []byte{0x60, byte(3 + n)}, bytes.Repeat([]byte{i64}, 3+n), []byte{0})})
		}, "parameters"},
		{"results", func(l *Limits) { l.Results = 3 }, func(n int) []byte {
			return moduleOf(guest{types: join([]byte{2}, usual, []byte{0x60, 0, byte(3 + n)}, bytes.Repeat([]byte{i64}, 3+n))})
		}, "results"},
		{"imports", func(l *Limits) { l.Imports = 1 }, func(n int) []byte {
			one := importOf("crankcase_v1", "tick", kindFunction, 1)[1:]
			return moduleOf(guest{types: join([]byte{2}, usual, []byte{0x60, 0, 0}), imports: join([]byte{byte(1 + n)}, bytes.Repeat(one, 1+n)),
				exports: []byte{2, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, 17, 'c', 'r', 'a', 'n', 'k', 'c', 'a', 's', 'e', '_', 'd', 'e', 'l', 'i', 'v', 'e', 'r', 0, byte(1 + n)}})
		}, "imports"},
		{"functions", func(l *Limits) { l.Functions = 1 }, func(n int) []byte {
			if n == 0 {
				return moduleOf(guest{})
			}
			return moduleOf(guest{types: join([]byte{2}, usual, []byte{0x60, 0, 0}), imports: importOf("crankcase_v1", "tick", kindFunction, 1)})
		}, "functions"},
		{"globals", func(l *Limits) { l.Globals = 3 }, func(n int) []byte {
			return moduleOf(guest{globals: join([]byte{byte(3 + n)}, bytes.Repeat([]byte{i32, 0, opI32Const, 0, opEnd}, 3+n))})
		}, "globals"},
		{"exports", func(l *Limits) { l.Exports = 2 }, func(n int) []byte {
			pairs := []any{"memory", kindMemory, "crankcase_deliver", kindFunction, "more", kindFunction}
			return moduleOf(guest{exports: exportsOf(pairs[:4+2*n]...)})
		}, "exports"},
		{"element segments", func(l *Limits) { l.Elements = 2 }, func(n int) []byte {
			return moduleOf(guest{elements: join([]byte{byte(2 + n)}, bytes.Repeat([]byte{1, 0, 0}, 2+n))})
		}, "element segments"},
		{"data segments", func(l *Limits) { l.Data = 2 }, func(n int) []byte {
			return moduleOf(guest{data: join([]byte{byte(2 + n)}, bytes.Repeat([]byte{1, 0}, 2+n))})
		}, "data segments"},
		{"data count", func(l *Limits) { l.Data = 2 }, func(n int) []byte {
			return moduleOf(guest{dataCount: []byte{byte(2 + n)}, data: []byte{2, 1, 0, 1, 0}})
		}, "data segments"},
		{"table size", func(l *Limits) { l.TableSize = 9 }, func(n int) []byte { return moduleOf(guest{table: []byte{1, 0x70, 0, byte(9 + n)}}) }, "table elements"},
		{"memory pages", func(l *Limits) { l.MemoryPages = 9 }, func(n int) []byte { return moduleOf(guest{memory: []byte{1, 0, byte(9 + n)}}) }, "pages"},
		{"function bytes", func(l *Limits) { l.FunctionBytes = 50 }, func(n int) []byte {
			return code(join(bytes.Repeat([]byte{opNop}, 46+n), zero)...)
		}, "bytes of body"},
		{"locals", func(l *Limits) { l.Locals = 100 }, func(n int) []byte { return moduleOf(guest{locals: []byte{2, 60, i32, byte(40 + n), i64}}) }, "locals"},
		{"locals wrap", func(l *Limits) {}, func(n int) []byte {
			return moduleOf(guest{locals: join([]byte{byte(1 + n), 1, i32}, bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, i64}, n))})
		}, "locals"},
		{"nesting", func(l *Limits) { l.Nesting = 40 }, func(n int) []byte { return code(nested(40+n, nil)...) }, "nested more than 40"},
		{"operands", func(l *Limits) { l.OperandHeight = 30 }, func(n int) []byte {
			return code(join(bytes.Repeat(zero, 30+n), []byte{opReturn})...)
		}, "more than 30 operands"},
		{"branch table", func(l *Limits) { l.BranchTable = 20 }, func(n int) []byte { return code(table(19 + n)...) }, "branch-table entries"},
		{"branch tables", func(l *Limits) { l.BranchTable = 20 }, func(n int) []byte {
			return code(join(table(9), []byte{opDrop}, table(9+n))...)
		}, "branch-table entries in the function"},
		// Two loops: 2 x 2 x (1 + 2), if both parameters are assigned in the inner one.
		{"loop work", func(l *Limits) { l.LoopWork = 12 }, func(n int) []byte {
			more := bytes.Repeat([]byte{opLoop, emptyBlock, opI32Const, 0, opLocalSet, 1, opEnd}, n)
			return code(join([]byte{opLoop, emptyBlock, opLoop, emptyBlock}, set, set, set, []byte{opEnd, opEnd}, more, zero)...)
		}, "loop work"},
		// Three branches to a block in which both parameters are assigned.
		{"merge work", func(l *Limits) { l.MergeWork = 6 }, func(n int) []byte {
			br := []byte{opLocalGet, 0, opBrIf, 0}
			return code(join([]byte{opBlock, emptyBlock}, set, set, set, bytes.Repeat(br, 3+n), []byte{opEnd}, zero)...)
		}, "merge work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := guestConfig()
			c.set(&config.Limits)
			if _, err := Instrument(c.module(0), config); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			_, err := Instrument(c.module(1), config)
			var r *fault.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("over the limit: %v", err)
			}
		})
	}
}

// TestInstrumentedBytes finds that limit from both sides.
func TestInstrumentedBytes(t *testing.T) {
	config := guestConfig()
	res, err := Instrument(readTestdata(t, "run.wasm"), config)
	if err != nil {
		t.Fatal(err)
	}
	config.Limits.InstrumentedBytes = len(res.Code)
	if _, err := Instrument(readTestdata(t, "run.wasm"), config); err != nil {
		t.Error(err)
	}
	config.Limits.InstrumentedBytes--
	if _, err := Instrument(readTestdata(t, "run.wasm"), config); err == nil {
		t.Error("one byte over the limit is accepted")
	}
}

// TestModuleWork sums work over functions: eight functions with the limit pass,
// a ninth does not.
func TestModuleWork(t *testing.T) {
	module := func(n int) []byte {
		body := join([]byte{0, opBlock, emptyBlock, opLocalGet, 0}, appendU32([]byte{opBrTable}, 19), make([]byte, 20), []byte{opEnd, opI32Const, 0, opEnd})
		out := []byte("\x00asm\x01\x00\x00\x00")
		out = appendSection(out, secType, vector{}, 1, []byte{0x60, 2, i32, i32, 1, i32})
		out = appendSection(out, secFunction, vector{}, n, make([]byte, n))
		out = appendSection(out, secMemory, vector{}, 1, []byte{0, 1})
		out = appendSection(out, secExport, vector{}, 2, exportsOf("memory", kindMemory, "crankcase_deliver", kindFunction)[1:])
		return appendSection(out, secCode, vector{}, n, bytes.Repeat(append([]byte{byte(len(body))}, body...), n))
	}
	config := guestConfig()
	config.Limits.BranchTable = 20
	if _, err := Instrument(module(functionsPerModule), config); err != nil {
		t.Error(err)
	}
	_, err := Instrument(module(functionsPerModule+1), config)
	var r *fault.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Reason, "this and earlier functions") || r.Function != functionsPerModule {
		t.Errorf("got %v", err)
	}
}
