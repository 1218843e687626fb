package instrument

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/runtime"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// specDir returns the folder of the WebAssembly specification's tests that
// wazero's module carries.
func specDir(t testing.TB) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skipf("no go command to find the specification's tests with: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no copy of the specification's tests: %v", err)
	}
	return dir
}

// specConfig accepts what the specification's tests need.
func specConfig() Config {
	l := DefaultLimits()
	l.MemoryPages = maxPages
	l.Params, l.Results, l.BranchTable = 1000, 1000, 65_536
	return Config{Limits: l, anyInterface: true}
}

// specReasons are the reasons for which a valid module of the specification may
// be refused.
var specReasons = []string{
	reasonThreads, reasonSIMD, reasonRelaxed, reasonMemory64, reasonMemories, reasonExceptions, reasonTailCalls, reasonConst,
	reasonTypedRefs, reasonGC, reasonRefs, reasonExternref, reasonTables, reasonOneTable,
	"tables cannot be imported", "memories cannot be imported", "globals cannot be imported",
	"does not fit the memory's minimum size", "does not fit the table's minimum size",
	`"crankcase.`,
	"an element cannot be a global's value",
	"table elements, at most",
}

type specCommand struct {
	Type       string
	Line       int
	Filename   string
	Text       string
	ModuleType string `json:"module_type"`
	Name       string
	Action     struct {
		Type, Module, Field string
		Args                []specValue
	}
	Expected []specValue
}

// A specValue is a value of a test; lanes of vectors are not looked at.
type specValue struct {
	Type  string
	Value json.RawMessage
}

func (v specValue) text() string {
	s, err := strconv.Unquote(string(v.Value))
	if err != nil {
		return string(v.Value)
	}
	return s
}

func (v specValue) bits() uint64 {
	switch s := v.text(); {
	case strings.HasPrefix(s, "nan:") && v.Type == "f32":
		return 0x7fc00000
	case strings.HasPrefix(s, "nan:"):
		return 0x7ff8000000000000
	case v.Type == "i32" || v.Type == "f32":
		// Some files write integers with a sign.
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			panic(err)
		}
		return uint64(uint32(n))
	default:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return uint64(n)
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
}

// TestSpecification holds Instrument against the specification's own tests:
// invalid and malformed modules are refused, valid ones are accepted or
// refused for a feature, and the accepted ones, instrumented, behave as
// they should, with canonical NaNs, on both of wazero's engines.
func TestSpecification(t *testing.T) {
	dir := specDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "*", "testdata", "*.json"))
	if err != nil || len(files) < 200 {
		t.Fatalf("%d test files found, %v", len(files), err)
	}
	total := map[string]int{}
	for _, file := range files {
		suite := filepath.Base(filepath.Dir(filepath.Dir(file)))
		name := suite + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			if testing.Short() && suite != "v1" {
				t.Skip("short")
			}
			s := &specRun{t: t, dir: filepath.Dir(file), suite: suite, counts: total}
			defer s.close()
			s.run(file)
		})
	}
	t.Logf("%v", total)
	if !testing.Short() && (total["returns"] < 20_000 || total["invalid"] < 1_500 || total["accepted"] < 500 || total["traps"] < 500) {
		t.Errorf("the tests were not found as they used to be: %v", total)
	}
}

type specRun struct {
	t      *testing.T
	dir    string
	suite  string
	counts map[string]int
	// engines hold an instance of the current module, if it can be run.
	engines []specEngine
}

type specEngine struct {
	runtime wazero.Runtime
	module  api.Module
}

func (s *specRun) close() {
	for _, e := range s.engines {
		if err := e.runtime.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
	}
	s.engines = nil
}

func (s *specRun) run(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	var script struct{ Commands []specCommand }
	if err := json.Unmarshal(text, &script); err != nil {
		s.t.Fatal(err)
	}
	for i := range script.Commands {
		c := &script.Commands[i]
		switch c.Type {
		case "module":
			s.close()
			s.module(c)
		case "assert_invalid", "assert_malformed":
			if c.ModuleType == "binary" || strings.HasSuffix(c.Filename, ".wasm") {
				s.refused(c)
			}
		case "assert_unlinkable", "assert_uninstantiable":
			// Valid, as such.
			s.close()
			s.module(c)
			s.close()
		case "assert_return", "action", "assert_trap", "assert_exhaustion":
			if c.Action.Type == "invoke" && c.Action.Module == "" && len(s.engines) > 0 {
				s.invoke(c)
			}
		case "register", "assert_exception": // of modules that are refused
		default:
			s.t.Errorf("line %d: unknown command %s", c.Line, c.Type)
		}
	}
}

func (s *specRun) read(c *specCommand) []byte {
	b, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// nowValid are modules that the first version of the specification calls
// invalid and the second accepts: several results, and, in code that control
// does not reach, a br_table whose labels differ in type.
var nowValid = map[string]bool{"v1/func.20.wasm": true, "v1/func.21.wasm": true, "v1/type.3.wasm": true, "v1/type.4.wasm": true,
	"v1/unreached-invalid.87.wasm": true}

func (s *specRun) refused(c *specCommand) {
	b := s.read(c)
	_, err := Instrument(b, specConfig())
	if accepted, want := err == nil, nowValid[s.suite+"/"+c.Filename]; accepted != want {
		s.t.Errorf("%s line %d: %s (%s): accepted is %v, want %v", c.Filename, c.Line, c.Type, c.Text, accepted, want)
	}
	s.counts["invalid"]++
}

func (s *specRun) module(c *specCommand) {
	b := s.read(c)
	res, err := Instrument(b, specConfig())
	if err != nil {
		var r *fault.Refusal
		if !errors.As(err, &r) {
			s.t.Fatalf("%s: not a refusal: %v", c.Filename, err)
		}
		for _, reason := range specReasons {
			if strings.Contains(r.Reason, reason) {
				s.counts["refused"]++
				return
			}
		}
		s.t.Errorf("%s line %d: refused: %v", c.Filename, c.Line, err)
		return
	}
	s.counts["accepted"]++
	ctx := context.Background()
	for _, config := range []wazero.RuntimeConfig{wazero.NewRuntimeConfigCompiler(), wazero.NewRuntimeConfigInterpreter()} {
		r := wazero.NewRuntimeWithConfig(ctx, config)
		s.engines = append(s.engines, specEngine{runtime: r})
		compiled, err := r.CompileModule(ctx, res.Code)
		if err != nil {
			s.t.Errorf("%s line %d: instrumented: %v", c.Filename, c.Line, err)
			s.close()
			return
		}
		if !specImports(s.t, r, compiled) {
			s.close()
			return
		}
		m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions())
		if err != nil {
			s.t.Errorf("%s line %d: instantiate: %v", c.Filename, c.Line, err)
			s.close()
			return
		}
		s.engines[len(s.engines)-1].module = m
		refill(m)
		if start := m.ExportedFunction(runtime.FuncStart); start != nil {
			if _, err := start.Call(ctx); err != nil && c.Type != "assert_uninstantiable" {
				s.t.Errorf("%s line %d: start: %v", c.Filename, c.Line, err)
			}
		}
	}
}

// specImports provides what a module imports if that is only functions of the
// specification's own host module.
func specImports(t *testing.T, r wazero.Runtime, m wazero.CompiledModule) bool {
	if len(m.ImportedFunctions()) == 0 {
		return true
	}
	b := r.NewHostModuleBuilder("spectest")
	seen := map[string]bool{}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != "spectest" || len(f.ResultTypes()) > 0 {
			return false
		}
		if !seen[name] {
			seen[name] = true
			b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), f.ParamTypes(), nil).Export(name)
		} else {
			return false
		}
	}
	if _, err := b.Instantiate(context.Background()); err != nil {
		t.Error(err)
		return false
	}
	return true
}

// refill gives an instance gas and an empty stack.
func refill(m api.Module) {
	m.ExportedGlobal(runtime.GlobalGas).(api.MutableGlobal).Set(math.MaxInt64 / 2)
	m.ExportedGlobal(runtime.GlobalDepth).(api.MutableGlobal).Set(0)
	m.ExportedGlobal(runtime.GlobalStatus).(api.MutableGlobal).Set(0)
}

func (s *specRun) invoke(c *specCommand) {
	args := make([]uint64, len(c.Action.Args))
	for i, a := range c.Action.Args {
		args[i] = a.bits()
	}
	where := fmt.Sprintf("line %d: %s(%v)", c.Line, c.Action.Field, args)
	var gas []uint64
	for _, e := range s.engines {
		f := e.module.ExportedFunction(c.Action.Field)
		if f == nil {
			s.t.Errorf("%s: no such function", where)
			return
		}
		refill(e.module)
		got, err := f.Call(context.Background(), args...)
		status := e.module.ExportedGlobal(runtime.GlobalStatus).Get()
		gas = append(gas, e.module.ExportedGlobal(runtime.GlobalGas).Get())
		switch c.Type {
		case "assert_trap":
			if err == nil || status != runtime.StatusNone {
				s.t.Errorf("%s: got %v, %v, status %d, want a trap (%s)", where, got, err, status, c.Text)
			}
			s.counts["traps"]++
			continue
		case "assert_exhaustion":
			if err == nil || status != runtime.StatusStack {
				s.t.Errorf("%s: got %v, %v, status %d, want exhaustion", where, got, err, status)
			}
			s.counts["exhaustions"]++
			continue
		}
		if err != nil {
			s.t.Errorf("%s: %v", where, err)
			continue
		}
		if depth := e.module.ExportedGlobal(runtime.GlobalDepth).Get(); depth != 0 {
			s.t.Errorf("%s: the depth after is %d", where, depth)
		}
		if c.Type == "assert_return" && len(got) != len(c.Expected) {
			s.t.Errorf("%s: got %v, want %v", where, got, c.Expected)
			continue
		}
		for i, want := range c.Expected {
			v := got[i]
			if want.Type == "i32" || want.Type == "f32" {
				v &= math.MaxUint32
			}
			if v != want.bits() {
				s.t.Errorf("%s: result %d is %#x, want %#x (%s)", where, i, v, want.bits(), want.text())
			}
		}
		s.counts["returns"]++
	}
	if len(gas) == 2 && gas[0] != gas[1] {
		s.t.Errorf("%s: gas left is %d and %d", where, gas[0], gas[1])
	}
}
