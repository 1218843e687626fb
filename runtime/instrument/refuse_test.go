package instrument

import (
	"errors"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/fault"
)

// code is a guest with the given instructions as its body, without a result
// to worry about: what is refused is refused before the end.
func code(b ...byte) []byte { return moduleOf(guest{body: b}) }

func TestRefusals(t *testing.T) {
	const deliver = "crankcase_deliver"
	for _, c := range []struct {
		name    string
		module  []byte
		section string
		instr   string
		reason  string
		hint    string
	}{
		{"empty", nil, "", "", "not a WebAssembly module", ""},
		{"text", []byte("(module)"), "", "", "not a WebAssembly module", ""},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "", "", "a component", "core module"},
		{"version", []byte("\x00asm\x02\x00\x00\x00"), "", "", "unknown binary version", ""},
		{"no memory", moduleOf(guest{memory: []byte{0}, exports: exportsOf(deliver, kindFunction)}), "", "", "no memory", ""},
		{"memory not exported", moduleOf(guest{exports: exportsOf(deliver, kindFunction)}), "", "", `not exported as "memory"`, ""},
		{"memory is a function", moduleOf(guest{exports: exportsOf("memory", kindFunction, deliver, kindFunction)}), "export", "", `"memory" must be the memory`, ""},
		{"no deliver", moduleOf(guest{exports: exportsOf("memory", kindMemory)}), "export", "", "crankcase_deliver", ""},
		{"deliver is a memory", moduleOf(guest{exports: exportsOf("memory", kindMemory, deliver, kindMemory)}), "export", "", "must be a function", ""},
		{"wrong type", moduleOf(guest{exports: exportsOf("memory", kindMemory, deliver, kindFunction, "_initialize", kindFunction)}), "export", "", "it must have type () -> ()", ""},
		{"reserved export", moduleOf(guest{exports: exportsOf("memory", kindMemory, deliver, kindFunction, "crankcase.gas", kindFunction)}), "export", "", "reserved", ""},
		{"export twice", moduleOf(guest{exports: exportsOf("memory", kindMemory, deliver, kindFunction, "memory", kindMemory)}), "export", "", "exported twice", ""},
		{"bad utf-8", moduleOf(guest{exports: exportsOf("\xff", kindMemory)}), "export", "", "UTF-8", ""},
		{"abort", moduleOf(guest{imports: importOf("env", "abort", kindFunction, 0)}), "import", "", "env.abort", "--use abort="},
		{"seed", moduleOf(guest{imports: importOf("env", "seed", kindFunction, 0)}), "import", "", "env.seed", "Math.random"},
		{"undefined", moduleOf(guest{imports: importOf("env", "strlen", kindFunction, 0)}), "import", "", "no such import", "undefined symbol"},
		{"unknown function", moduleOf(guest{imports: importOf("crankcase_v1", "mystery", kindFunction, 0)}), "import", "", "no such function", ""},
		{"import type", moduleOf(guest{imports: importOf("crankcase_v1", "tick", kindFunction, 0)}), "import", "", "it has type () -> ()", ""},
		{"import memory", moduleOf(guest{imports: importOf("env", "memory", kindMemory, 0, 1)}), "import", "", "memories cannot", "--import-memory"},
		{"import table", moduleOf(guest{imports: importOf("env", "t", kindTable, 0x70, 0, 1)}), "import", "", "tables cannot", "--import-table"},
		{"import global", moduleOf(guest{imports: importOf("env", "g", kindGlobal, i32, 0)}), "import", "", "globals cannot", ""},
		{"import tag", moduleOf(guest{imports: importOf("env", "g", kindTag, 0, 0)}), "import", "", reasonExceptions, ""},

		{"tag section", moduleOf(guest{after: []byte{secTag, 1, 0}}), "tag", "", "out of order", ""},
		{"tag section in place", append([]byte("\x00asm\x01\x00\x00\x00"), secTag, 1, 0), "tag", "", reasonExceptions, ""},
		{"gc type", moduleOf(guest{types: []byte{1, 0x5f, 0, 0}}), "type", "", reasonGC, ""},
		{"v128 parameter", moduleOf(guest{types: []byte{1, 0x60, 1, 0x7b, 0}}), "type", "", reasonSIMD, ""},
		{"externref parameter", moduleOf(guest{types: []byte{1, 0x60, 1, 0x6f, 0}}), "type", "", reasonExternref, ""},
		{"funcref parameter", moduleOf(guest{types: []byte{1, 0x60, 1, 0x70, 0}}), "type", "", reasonRefs, ""},
		{"typed reference", moduleOf(guest{types: []byte{1, 0x60, 1, 0x64, 0}}), "type", "", reasonTypedRefs, ""},
		{"externref table", moduleOf(guest{table: []byte{1, 0x6f, 0, 1}}), "table", "", reasonExternref, ""},
		{"two tables", moduleOf(guest{table: []byte{2, 0x70, 0, 1, 0x70, 0, 1}}), "table", "", reasonOneTable, ""},
		{"shared memory", moduleOf(guest{memory: []byte{1, 3, 1, 1}}), "memory", "", reasonThreads, "-pthread"},
		{"memory64", moduleOf(guest{memory: []byte{1, 4, 1}}), "memory", "", reasonMemory64, ""},
		{"two memories", moduleOf(guest{memory: []byte{2, 0, 1, 0, 1}}), "memory", "", reasonMemories, ""},
		{"max below min", moduleOf(guest{memory: []byte{1, 1, 2, 1}}), "memory", "", "below the minimum", ""},
		{"memory too big", moduleOf(guest{memory: appendU32([]byte{1, 0}, 4097)}), "memory", "", "at most 4096", ""},
		{"extended const", moduleOf(guest{globals: []byte{1, i32, 0, opI32Const, 1, opI32Const, 1, opI32Add, opEnd}}), "global", "i32.const", reasonConst, ""},
		{"global of a global", moduleOf(guest{globals: []byte{1, i32, 0, opGlobalGet, 0, opEnd}}), "global", "global.get", "cannot read a global", ""},
		{"funcref global", moduleOf(guest{globals: []byte{1, 0x70, 0, opRefNull, 0x70, opEnd}}), "global", "", reasonRefs, ""},
		{"start type", moduleOf(guest{start: []byte{0}}), "start", "", "must have type () -> ()", ""},
		{"element does not fit", moduleOf(guest{table: []byte{1, 0x70, 0, 1}, elements: []byte{1, 0, opI32Const, 1, opEnd, 1, 0}}), "element", "", "does not fit", ""},
		{"element offset wraps", moduleOf(guest{table: []byte{1, 0x70, 0, 1}, elements: []byte{1, 0, opI32Const, 0x7f, opEnd, 1, 0}}), "element", "", "does not fit", ""},
		{"externref elements", moduleOf(guest{elements: []byte{1, 5, 0x6f, 0}}), "element", "", reasonExternref, ""},
		{"data does not fit", moduleOf(guest{data: append([]byte{1, 0}, append(appendS64([]byte{opI32Const}, 65535), opEnd, 2, 'a', 'b')...)}), "data", "", "does not fit", ""},
		{"data count differs", moduleOf(guest{dataCount: []byte{1}}), "", "", "data count section says 1", ""},
		{"two data blobs", moduleOf(guest{before: custom(DataSection), after: custom(DataSection)}), "custom", "", "a second section", ""},
		{"section twice", moduleOf(guest{before: []byte{secType, 1, 0}}), "type", "", "repeated or out of order", ""},
		{"unknown section", moduleOf(guest{after: []byte{14, 0}}), "", "", "unknown section 14", ""},
		{"huge section", moduleOf(guest{after: []byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f}}), "custom", "", "announced", ""},
		{"huge count", moduleOf(guest{globals: []byte{0xa0, 0x1f}}), "global", "", "only 0 bytes left", ""},
		{"long LEB", moduleOf(guest{globals: []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}}), "global", "", "too long", ""},
		{"large LEB", moduleOf(guest{globals: []byte{0x80, 0x80, 0x80, 0x80, 0x10}}), "global", "", "too large", ""},

		{"try", code(0x06, 0x40), "code", "try", reasonExceptions, ""},
		{"throw", code(0x08, 0), "code", "throw", reasonExceptions, ""},
		{"try_table", code(0x1f, 0x40, 0), "code", "try_table", reasonExceptions, ""},
		{"tail call", code(0x12, 0), "code", "return_call", reasonTailCalls, "-mtail-call"},
		{"indirect tail call", code(0x13, 0, 0), "code", "return_call_indirect", reasonTailCalls, ""},
		{"call_ref", code(0x14, 0), "code", "call_ref", reasonTypedRefs, ""},
		{"table.get", code(0x25, 0), "code", "table.get", reasonRefs, ""},
		{"table.set", code(0x26, 0), "code", "table.set", reasonTables, ""},
		{"ref.null", code(0xd0, 0x70), "code", "ref.null", reasonRefs, ""},
		{"ref.func", code(0xd2, 0), "code", "ref.func", reasonRefs, ""},
		{"gc", code(0xfb, 0, 0), "code", "gc 0x0", reasonGC, ""},
		{"data.drop", code(0xfc, 9, 0), "code", "data.drop", reasonTables, ""},
		{"table.init", code(0xfc, 12, 0, 0), "code", "table.init", reasonTables, ""},
		{"elem.drop", code(0xfc, 13, 0), "code", "elem.drop", reasonTables, ""},
		{"table.copy", code(0xfc, 14, 0, 0), "code", "table.copy", reasonTables, ""},
		{"table.grow", code(0xfc, 15, 0), "code", "table.grow", reasonTables, ""},
		{"table.size", code(0xfc, 16, 0), "code", "table.size", reasonRefs, ""},
		{"table.fill", code(0xfc, 17, 0), "code", "table.fill", reasonTables, ""},
		{"simd", code(0xfd, 0xe4, 1), "code", "f32x4.add", reasonSIMD, "simd128"},
		{"last simd", code(0xfd, 0xff, 1), "code", "f64x2.convert_low_i32x4_u", reasonSIMD, ""},
		{"relaxed simd", code(0xfd, 0x85, 2), "code", "f32x4.relaxed_madd", reasonRelaxed, ""},
		{"atomic load", code(0xfe, 0x11, 3, 0), "code", "i64.atomic.load", reasonThreads, "-matomics"},
		{"atomic rmw", code(0xfe, 0x4e, 2, 0), "code", "i64.atomic.rmw32.cmpxchg_u", reasonThreads, ""},
		{"atomic fence", code(0xfe, 3, 0), "code", "atomic.fence", reasonThreads, ""},
		{"multi-memory load", code(opI32Const, 0, 0x28, 0x42, 1, 0), "code", "i32.load", reasonMemories, ""},
		{"multi-memory size", code(opMemorySize, 1), "code", "memory.size", reasonMemories, ""},
		{"memory.init without count", code(0xfc, 8, 0, 0), "code", "memory.init", "data count section", ""},
		{"unknown instruction", code(0x27), "code", "", "unknown instruction 0x27", ""},
		{"dead code is checked", code(opReturn, opI32Const, 0, 0xfd, 0), "code", "", "type mismatch", ""},
		{"type mismatch", code(opI64Const, 0), "code", "end", "type mismatch: an operand of type i32 is needed, it is i64", ""},
		{"unknown local", code(opLocalGet, 2), "code", "local.get", "unknown local 2", ""},
		{"alignment", code(opI32Const, 0, 0x28, 3, 0), "code", "i32.load", "alignment", ""},
		{"v128 local", moduleOf(guest{locals: []byte{1, 1, 0x7b}}), "code", "", reasonSIMD, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Instrument(c.module, guestConfig())
			var r *fault.Refusal
			if !errors.As(err, &r) || res != nil {
				t.Fatalf("got %v, %v, want a refusal", res, err)
			}
			if r.Section != c.section || !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Hint, c.hint) || c.instr != "" && r.Instruction != c.instr {
				t.Errorf("got %#v", r)
			}
			if inCode := c.section == "code"; inCode != (r.Function >= 0) {
				t.Errorf("function is %d", r.Function)
			}
			if r.Offset > len(c.module) {
				t.Errorf("offset %d of %d", r.Offset, len(c.module))
			}
		})
	}
}

// TestUsualGuest makes sure that what the refusals start from is accepted.
func TestUsualGuest(t *testing.T) {
	for _, g := range []guest{{}, {table: []byte{1, 0x70, 0, 1}, elements: []byte{1, 0, opI32Const, 0, opEnd, 1, 0}},
		{data: []byte{1, 1, 2, 'a', 'b'}, dataCount: []byte{1}}, {memory: []byte{1, 1, 1, 1}},
		// LLVM's five-byte table index.
		{table: []byte{1, 0x70, 0, 1}, body: []byte{opLocalGet, 0, opLocalGet, 0, opLocalGet, 0, opCallIndirect, 0, 0x80, 0x80, 0x80, 0x80, 0}},
		{elements: []byte{1, 5, 0x70, 1, opRefFunc, 0, opEnd}}, {elements: []byte{1, 3, 0, 1, 0}},
		{before: custom("name", 0xff), after: custom(DataSection)}} {
		if _, err := Instrument(moduleOf(g), guestConfig()); err != nil {
			t.Error(err)
		}
	}
}

// TestRefusalName takes the function's name from the name section, wherever
// that is and whatever it holds.
func TestRefusalName(t *testing.T) {
	sub := append(appendName([]byte{1, 0}, "bad\nfunc"), 1, 0)
	names := custom("name", append([]byte{0, 1, 0, 1, byte(len(sub))}, sub...)...)
	_, err := Instrument(moduleOf(guest{body: []byte{0xfd, 12}, after: names}), guestConfig())
	var r *fault.Refusal
	if !errors.As(err, &r) || r.Name != "bad?func" || r.Function != 0 || r.Instruction != "v128.const" {
		t.Errorf("got %#v", r)
	}
	if want := `module refused: code section: function 0 (bad?func): v128.const at offset 0x`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s...", err, want)
	}
	for n := range names {
		if _, err := Instrument(append(code(0xfd, 12), names[:n]...), guestConfig()); err == nil {
			t.Errorf("accepted with %d bytes of the names", n)
		}
	}
}
