package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// Every import with arguments that are right, from a C guest.
func TestPuppetImports(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		var console []string
		w := workersFor(t, Config{Engine: e, Console: consoleTo(&console)})
		b := prepared(t, w, file(t, puppetFile))
		b.Data = []byte("the data blob")
		for _, c := range []struct {
			script       string
			log, console []string
		}{
			{script: `read &$scratch 0 8; show &$scratch 8; read 0xffffffff 0 0`, console: []string{`"\x01\x00\x00\x00\x00\x00\x00\x00"`}},
			{script: `send o-50 '#["hi",[]]' [o+7 o-51 o-51 p+5] p+6; send o+0 ""`, log: []string{`send o-50 "#[\"hi\",[]]"[o+7 o-51 o-51 p+5] p+6`, `send o+0 ""[] none`}},
			{script: `subscribe p-61; subscribe p+9`, log: []string{"subscribe p-61", "subscribe p+9"}},
			{script: `resolve <$result 0 '#"ok"' [o-50] p+5 rejected '#"no"' [p+5 p-60] p+9 object x"" [o+8]>; resolve 0xffffffff 0`,
				log: []string{`resolve 0/3 p-60 0 "#\"ok\""[o-50]`, `resolve 1/3 p+5 1 "#\"no\""[p+5 p-60]`, `resolve 2/3 p+9 2 ""[o+8]`}},
			{script: `exit 0 "bye" [o-50 o+8]; exit 1 "no" [o-50]; vatstore_delete "k"`, log: []string{`exit false "bye"[o-50 o+8]`, `exit true "no"[o-50]`, `delete "k"`}},
			{script: `vatstore_get "k"; print r0; print r1; vatstore_get "none"; print r0; print r1; vatstore_get "empty"; vatstore_get "k" &$scratch 2; vatstore_get "k" &$scratch 5; show &$scratch 6`,
				log:     []string{`get "k"`, `get "none"`, `get "empty"`, `get "k"`, `get "k"`},
				console: []string{`vatstore_get -> 1 "value"`, "5", "1", `vatstore_get -> 0 ""`, "18446744073709551615", "0", `vatstore_get -> 1 ""`, `vatstore_get -> 1 "value"`, `vatstore_get -> 1 "value"`, `"value\x00"`}},
			{script: `answer 0 0 0; set r2 1; vatstore_get "k"; answer &$scratch 1 3; show &$scratch 3; answer 7 5 0; vatstore_get "none"; answer 0 0 0`,
				log: []string{`get "k"`, `get "none"`}, console: []string{`vatstore_get -> 1 ""`, `"alu"`, `vatstore_get -> 0 ""`}},
			{script: `vatstore_set "a" "v"; vatstore_set x"00ff" ""; vatstore_get x"00ff"; vatstore_delete "none"`,
				log: []string{`set "a" "v"`, `set "\x00\xff" ""`, `get "\x00\xff"`, `delete "none"`}, console: []string{`vatstore_get -> 1 ""`}},
			{script: `vatstore_next_key ""; vatstore_next_key $ans &$scratch 1; vatstore_next_key $ans; vatstore_next_key $ans; print r0`,
				log:     []string{`next ""`, `next "empty"`, `next "k"`, `next "kk"`},
				console: []string{`vatstore_next_key -> 1 "empty"`, `vatstore_next_key -> 1 "k"`, `vatstore_next_key -> 1 "kk"`, `vatstore_next_key -> 0 ""`, "18446744073709551615"}},
			{script: `drop_imports [o-51 o-50]; retire_imports [o-52]; retire_exports [o+4]; abandon_exports [o+3]; drop_imports []; drop_imports 0xffffffff 0`,
				log: []string{"drop [o-51 o-50]", "retire imports [o-52]", "retire exports [o+4]", "abandon [o+3]"}},
			{script: `call_now d-70 "hi" [o-50 d-70]; print r1; print a0; call_now a0 "fail"; print r1`,
				log: []string{`call d-70 "hi"[o-50 d-70]`, `call d-71 "fail"[]`},
				console: []string{`call_now -> 0 "\x01\x00\x00\x00\x06\x00\x00\x00t\x04\x00\x00\x00\x00\x00\x00#\"yes\""`, "0", "1140",
					`call_now -> 1 "\x01\x00\x00\x00\x06\x00\x00\x00t\x04\x00\x00\x00\x00\x00\x00#\"yes\""`, "1"}},
			{script: `bundle_len; print r0; bundle_read &$scratch 4 4; show &$scratch 4; bundle_read 0xffffffff 13 0`, console: []string{"bundle_len -> 13", "13", `"data"`}},
			{script: `console 1 "hello"; console 99 0xfffffff0 100; console 0 0xffffffff 0`, console: []string{"hello", "(unreadable 0xfffffff0+100)", ""}},
		} {
			v := spawn(t, w, b)
			if o := v.start(""); o.String() != "ok" {
				t.Fatal(o)
			}
			console = nil
			o := v.message(script(t, "mode 1; echo 1; "+c.script), testGas)
			if o.String() != "ok" || o.GasUsed == 0 {
				t.Errorf("%s: %s, gas %d", c.script, o, o.GasUsed)
			}
			if !slices.Equal(v.sys.log, c.log) {
				t.Errorf("%s:\n got %q\nwant %q", c.script, v.sys.log, c.log)
			}
			var lines []string
			for _, l := range console[min(len(console), 1):] { // after the delivery's own
				lines = append(lines, strings.SplitN(l, " ", 4)[3])
			}
			if !slices.Equal(lines, c.console) {
				t.Errorf("%s:\n got %q\nwant %q", c.script, lines, c.console)
			}
		}
	})
}

// A bad argument ends the delivery as a guest fault on each engine.
func TestPuppetBadArguments(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		w := workersFor(t, Config{Engine: e})
		b := prepared(t, w, file(t, puppetFile))
		size := 0 // of the puppet's memory
		for _, c := range []struct{ script, want string }{
			{`read 0 0xffffffff 1`, "bad-range: read: offset 4294967295+1 lies past the end of the payload (PAYLOAD bytes)"},
			{`read 0xffffffff 0 2`, "bad-range: read: dst 0xffffffff+2 lies outside memory (MEMORY bytes)"},
			{`read 0 0 0xffffffff`, "over-limit: read: len is 4294967295, more than 2^31-1"},
			{`vatstore_get "k"; answer 0 5 1`, "bad-range: answer: offset 5+1 lies past the end of the answer (5 bytes)"},
			{`vatstore_get "k"; vatstore_get "none"; answer 0 0 1`, "bad-range: answer: offset 0+1 lies past the end of the answer (0 bytes)"},
			{`send o-50 0xffffffff 16 0 0 0`, "bad-range: send: body 0xffffffff+16 lies outside memory (MEMORY bytes)"},
			{`send o-50 0 0 0 10001 0`, "over-limit: send: slot_count is 10001, the limit is 10000"},
			{`send 6 ""`, "bad-reference: send: reference 0: 0x6 is malformed"},
			{`subscribe 0`, "bad-reference: subscribe: reference 0: 0x0 is malformed"},
			{`resolve &[$result 3 0 0] 1`, "bad-argument: resolve: record 0: kind is 3, expected 0, 1 or 2"},
			{`resolve &[$result 0x100000000 0 0] 1`, "bad-argument: resolve: record 0: reserved word is 0x1, expected 0"},
			{`resolve &[$result 0 0x1ffffffff 0] 1`, "bad-range: resolve: record 0: body 0xffffffff+1 lies outside memory (MEMORY bytes)"},
			{`resolve &[$result 0 0 0x1ffffffff] 1`, "bad-range: resolve: record 0: slots 0xffffffff+8 lies outside memory (MEMORY bytes)"},
			{`resolve &[$result 0 0x80000000ffffffff 0] 1`, "over-limit: resolve: record 0: body_len is 2147483648, more than 2^31-1"},
			{`resolve &[0 0 0 0] 1`, "bad-reference: resolve: reference 0: 0x0 is malformed"},
			{`exit 2 ""`, "bad-argument: exit: failure is 2, expected 0 or 1"},
			{`vatstore_get ""`, "bad-argument: vatstore_get: key_len is 0, a key has 1 to 1024 bytes"},
			{`vatstore_get "k" 0 0x7fffffff`, "bad-range: vatstore_get: dst 0x0+2147483647 lies outside memory (MEMORY bytes)"},
			{`vatstore_set "k" 0 10485761`, "over-limit: vatstore_set: value_len is 10485761, the limit is 10485760"},
			{`vatstore_delete 0 1025`, "over-limit: vatstore_delete: key_len is 1025, the limit is 1024"},
			{`vatstore_next_key 0 1025`, "over-limit: vatstore_next_key: prior_len is 1025, the limit is 1024"},
			{`drop_imports 0xffffffff 1`, "bad-range: drop_imports: refs 0xffffffff+8 lies outside memory (MEMORY bytes)"},
			{`retire_imports 0 10001`, "over-limit: retire_imports: count is 10001, the limit is 10000"},
			{`retire_exports [6]`, "bad-reference: retire exports: reference 0: 0x6 is malformed"},
			{`abandon_exports [0]`, "bad-reference: abandon: reference 0: 0x0 is malformed"},
			{`call_now d-70 0xffffffff 1`, "bad-range: call_now: body 0xffffffff+1 lies outside memory (MEMORY bytes)"},
			{`fault "my own bug"; vatstore_set "after" "1"`, "told: fault: my own bug"},
			{`fault x"ff41"`, "told: fault: \ufffdA"},
			{`bundle_read 0 0 1`, "bad-range: bundle_read: offset 0+1 lies past the end of the data blob (0 bytes)"},
			{`return 7`, "returned: returned: crankcase_deliver returned 7, expected 0"},
			{`return -1`, "returned: returned: crankcase_deliver returned -1, expected 0"},
			{`trap`, "unreachable: unreachable"},
			{`peek 0xffffffff`, "memory-out-of-bounds: memory-out-of-bounds"},
			{`poke 0xffffffff 1`, "memory-out-of-bounds: memory-out-of-bounds"},
			{`recurse 10000000`, "memory-out-of-bounds: memory-out-of-bounds"}, // its own stack, below address 0
			{`spin`, "out-of-gas: out-of-gas: the delivery's gas limit of 2000000 was reached"},
			{`repeat 1000000 { vatstore_delete "k" }`, "out-of-gas: GAS"},
		} {
			v := spawn(t, w, b)
			if o := v.start(""); o.String() != "ok" {
				t.Fatal(o)
			}
			if size == 0 {
				size = len(v.worker.guest.Instance().Memory())
			}
			body := script(t, c.script)
			o := v.message(body, testGas)
			payload := 16 + 8 + 2*8 + len(body)
			want := strings.NewReplacer("PAYLOAD", fmt.Sprint(payload), "MEMORY", fmt.Sprint(size)).Replace(c.want)
			switch {
			case strings.HasSuffix(want, "GAS"):
				if o.Fault == nil || o.Fault.Code.String() != "out-of-gas" || o.GasUsed != testGas {
					t.Errorf("%s: %s, gas %d", c.script, o, o.GasUsed)
				}
			case o.String() != want:
				t.Errorf("%s:\n got %s\nwant %s", c.script, o, want)
			}
			if o := v.message(nil, testGas); o.err == nil {
				t.Errorf("%s: a delivery after the fault: %s", c.script, o)
			}
		}
	})
}

// Traps of each kind, and growth up to the module's own maximum.
func TestTraps(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		w := workersFor(t, Config{Engine: e})
		b := prepared(t, w, file(t, "testdata/traps.wasm"))
		for n, want := range []string{"unreachable: unreachable",
			"memory-out-of-bounds: memory-out-of-bounds", "memory-out-of-bounds: memory-out-of-bounds", "memory-out-of-bounds: memory-out-of-bounds",
			"table-out-of-bounds: table-out-of-bounds", "table-out-of-bounds: table-out-of-bounds", "indirect-call: indirect-call",
			"integer-overflow: integer-overflow", "integer-overflow: integer-overflow", "divide-by-zero: divide-by-zero",
			"out-of-gas: out-of-gas: the delivery's gas limit of 2000000 was reached", "stack-overflow: stack-overflow", "ok"} {
			v := spawn(t, w, b)
			if o := v.deliver(capdata.StartVat, nil, testGas); o.String() != "ok" {
				t.Fatal(o)
			}
			o := v.deliver(capdata.Message, make([]byte, n), testGas)
			if o.String() != want || o.GasUsed == 0 || o.GasUsed > testGas {
				t.Errorf("case %d: %s, gas %d, want %s", n, o, o.GasUsed, want)
			}
		}
	})
}

// The gas of a delivery is exact: with one less than it used it is out of gas
// or, if only the last block could not be paid, found to be at its end.
func TestGasLimitIsExact(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		w := workersFor(t, Config{Engine: e})
		b := prepared(t, w, file(t, puppetFile))
		run := func(limit uint64) result {
			v := spawn(t, w, b)
			v.start("")
			return v.message(script(t, `burn 100; vatstore_set "a" "b"`), limit)
		}
		used := run(testGas).GasUsed
		if o := run(used); o.String() != "ok" || o.GasUsed != used {
			t.Errorf("with the gas that it used, %d: %s, %d", used, o, o.GasUsed)
		}
		for _, limit := range []uint64{used - 1, used / 2, 1, 0} {
			o := run(limit)
			if o.Fault == nil || o.Fault.Code.String() != "out-of-gas" || o.GasUsed != limit {
				t.Errorf("with %d: %s, %d", limit, o, o.GasUsed)
			}
		}
	})
}

func TestInitialize(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		var console []string
		w := workersFor(t, Config{Engine: e, Console: consoleTo(&console)})
		for name, want := range map[string]string{"syscall": "too-early: vatstore_set: called before startVat", "read": "too-early: read: called before startVat", "fault": "told: fault: not today", "bundle": "ok"} {
			b := prepared(t, w, file(t, "../guests/puppet/puppet-init-"+name+".wasm"))
			b.Data = []byte("the data blob")
			v := spawn(t, w, b)
			if o := v.start(""); o.String() != want {
				t.Errorf("%s: got %s, want %s", name, o, want)
			}
			if want == "ok" {
				console = nil
				if o := v.message(script(t, `mode 1; echo 1; print r14; show &$scratch r14`), testGas); o.String() != "ok" || !slices.Equal(console[1:], []string{"v7 seven 1 13", `v7 seven 1 "the data blob"`}) {
					t.Error(o, console)
				}
			} else if len(v.sys.log) != 0 {
				t.Errorf("%s: the kernel heard %q", name, v.sys.log)
			}
		}

		// A start section too: once, before _initialize, before startVat.
		b := prepared(t, w, file(t, "testdata/start.wasm"))
		v := spawn(t, w, b)
		for _, k := range []capdata.DeliveryKind{capdata.StartVat, capdata.Message, capdata.BringOutYourDead} {
			if o := v.deliver(k, nil, testGas); o.String() != "ok" {
				t.Fatal(o)
			}
		}
		if want := []string{`set "order" "s01"`, `set "order" "s012"`, `set "order" "s0127"`}; !slices.Equal(v.sys.log, want) {
			t.Errorf("got %q, want %q", v.sys.log, want)
		}
		// One gas limit for all of it.
		v = spawn(t, w, b)
		if o := v.deliver(capdata.StartVat, nil, 100); o.Fault == nil || o.Fault.Code.String() != "out-of-gas" || o.GasUsed != 100 {
			t.Errorf("%s, gas %d", o, o.GasUsed)
		}
	})
}

// Console mode changes nothing that a guest, the kernel or a hash can see.
func TestConsoleModes(t *testing.T) {
	both(t, func(t *testing.T, e runtime.Engine) {
		var lines []string
		run := func(c Config) string {
			c.Engine = e
			w := workersFor(t, c)
			v := spawn(t, w, prepared(t, w, file(t, puppetFile)))
			s := ""
			for _, o := range []result{v.start(""), v.message(script(t, `mode 1; echo 3; print 5; console 1 0xffffffff 0xffffffff; console 3 "x"; grow 1`), testGas)} {
				s += fmt.Sprint(o, o.GasUsed, " ")
			}
			return s + v.memory() + strings.Join(v.sys.log, "\n")
		}
		shown := run(Config{Console: consoleTo(&lines)})
		if len(lines) < 4 || !slices.Contains(lines, "v7 seven 3 x") {
			t.Errorf("the console got %q", lines)
		}
		lines = nil
		for _, c := range []Config{{}, {ConsensusMode: true}, {ConsensusMode: true, Console: consoleTo(&lines)}} {
			if got := run(c); got != shown {
				t.Errorf("%+v:\n got %s\nwant %s", c, got, shown)
			}
		}
		if len(lines) != 0 {
			t.Errorf("in consensus mode the console got %q", lines)
		}
	})
}

// A Go guest with goroutines, timers, printing and no files is as deterministic
// as any, on both engines.
func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Go guest")
	}
	wasm := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", wasm, "./testdata/goguest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const gas = 1_000_000_000
	run := func(e runtime.Engine, w *Workers, module []byte, console *[]string) string {
		*console = nil
		v := spawn(t, w, prepared(t, w, module))
		s := ""
		note := func(o result) { s += fmt.Sprintln(o, o.GasUsed, v.memory()) }
		note(v.deliver(capdata.StartVat, []byte("start"), gas))
		for range 3 {
			note(v.deliver(capdata.Message, []byte("payload"), gas))
		}
		s += strings.Join(v.sys.log, "\n")
		v.close()
		return s
	}
	var first, firstConsole string
	module := file(t, wasm)
	both(t, func(t *testing.T, e runtime.Engine) {
		var console []string
		w := workersFor(t, Config{Engine: e, Console: consoleTo(&console)})
		for range 2 {
			got := run(e, w, module, &console)
			if first == "" {
				first, firstConsole = got, strings.Join(console, "")
				t.Log(got)
			}
			if got != first {
				t.Errorf("got  %s\nwant %s", got, first)
			}
			if c := strings.Join(console, ""); c != firstConsole {
				t.Errorf("console: got %s\nwant %s", c, firstConsole)
			}
		}
		for kind, want := range map[capdata.DeliveryKind]string{capdata.RetireImports: "proc-exit: proc_exit: exit code 3", capdata.RetireExports: "unreachable: unreachable"} {
			v := spawn(t, w, prepared(t, w, module))
			if o := v.deliver(capdata.StartVat, nil, gas); o.String() != "ok" {
				t.Fatal(o)
			}
			console = nil
			if o := v.deliver(kind, nil, gas); o.String() != want {
				t.Errorf("got %s, want %s", o, want)
			}
			if c := strings.Join(console, ""); kind == capdata.RetireExports && !strings.Contains(c, "v7 seven 4 a bug of the vat's own") {
				t.Errorf("console of a panic: %s", c)
			}
		}
	})
	for _, want := range []string{`\"Order\":[\"g4\",\"g3\",\"timer\",\"g2\",\"g1\",\"g0\"]`, `\"Elapsed\":5000000`, `\"Time\":\"2001-09-09T01:46:40`, `\"Args\":0,\"Env\":0`, `\"Text\":\"a=1 b=2 \"`, `set "late" "after the answer"`} {
		if strings.Count(first, want) != 4 {
			t.Errorf("%s: not in each of four deliveries", want)
		}
	}
	if !strings.Contains(firstConsole, `1 stdout {"Kind":1,`) || !strings.Contains(firstConsole, "stderr\n") {
		t.Errorf("console: %s", firstConsole)
	}
}

// What the instrumenter is told is the ABI: other imports are refused by name.
func TestRefusedImports(t *testing.T) {
	c := InstrumentConfig(instrument.DefaultLimits())
	if len(c.Imports) < 60 || len(c.Exports) != 2 || c.Exports[0].Optional || !c.Exports[1].Optional {
		t.Errorf("%d imports, exports %+v", len(c.Imports), c.Exports)
	}
	w := workersFor(t, Config{Engine: engineFor(t, false)})
	module := file(t, "testdata/start.wasm")
	for _, change := range [][2]string{{"bundle_len", "bundle_lex"}, {"crankcase_v1", "crankcase_v2"}, {"crankcase_deliver", "crankcase_delivex"}, {"\x07console", "\x07consolx"}} {
		bad := []byte(strings.ReplaceAll(string(module), change[0], change[1]))
		if _, err := w.Prepare(bad); err == nil || !strings.Contains(err.Error(), "module refused") {
			t.Errorf("%s: %v", change[1], err)
		}
	}
	if _, err := w.Prepare(nil); err == nil {
		t.Error("no module at all was accepted")
	}
}
