package docs_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// tables are the parts of documents that are generated; values those in a line.
var tables, values map[string]func(*testing.T) string

func init() {
	tables = map[string]func(*testing.T) string{
		"module-limits": moduleLimits,
		"call-limits":   callLimits,
		"instructions":  instructions,
		"host-calls":    hostCalls,
		"trace":         trace,
		"flags-run":     func(t *testing.T) string { return flags(t, "run") },
		"flags-send":    func(t *testing.T) string { return flags(t, "send") },
	}
	number := func(n func(*testing.T) int64) func(*testing.T) string {
		return func(t *testing.T) string { return commas(n(t)) }
	}
	kernelConstant := func(file, name string) func(*testing.T) int64 {
		return func(t *testing.T) int64 { return constantIn(t, file, name) }
	}
	values = map[string]func(*testing.T) string{
		"StackLimit": number(func(*testing.T) int64 { return instrument.StackLimit }),
		"MaxRefs": number(func(t *testing.T) int64 {
			if n := constantIn(t, "kernel/crank.go", "maxRefs"); n != capdata.MaxRefs {
				t.Errorf("the kernel gives %d references in a delivery, capdata encodes %d", n, capdata.MaxRefs)
			}
			return capdata.MaxRefs
		}),
		"maxNotify":       number(kernelConstant("kernel/deliver.go", "maxNotify")),
		"maxNotifyBytes":  number(func(t *testing.T) int64 { return constantIn(t, "kernel/deliver.go", "maxNotifyBytes") >> 20 }),
		"MaxFaultText":    number(func(*testing.T) int64 { return int64(hostfuncs.DefaultLimits().MaxFaultText) }),
		"DefaultGasLimit": number(func(*testing.T) int64 { return kernel.DefaultGasLimit }),
		"badFD":           func(t *testing.T) string { return strings.Join(badFD(), ", ") },
		"codes":           codes,
		"vrefs":           vrefs,
	}
}

func commas(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// constantIn evaluates a constant of a source file, for those that a package
// does not export.
func constantIn(t *testing.T, file, name string) int64 {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var value int64
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, id := range s.Names {
			if id.Name != name || i >= len(s.Values) {
				continue
			}
			tv, err := types.Eval(fset, nil, token.NoPos, types.ExprString(s.Values[i]))
			if err != nil {
				t.Fatal(err)
			}
			value, found = constant.Int64Val(tv.Value)
		}
		return true
	})
	if !found {
		t.Fatalf("%s has no constant %s", file, name)
	}
	return value
}

// limitTexts say what the fields of limits are. Limits in bytes above 64 KiB are shown in MiB.
var limitTexts = map[string]string{
	"ModuleBytes": "size of the module", "InstrumentedBytes": "size of the rewritten module",
	"Types": "types", "Params": "parameters of a function or block type", "Results": "results of a function or block type",
	"Imports": "imports", "Functions": "functions, imported ones included", "Globals": "globals", "Exports": "exports",
	"Elements": "element segments", "Data": "data segments", "TableSize": "minimum size of the table",
	"MemoryPages": "minimum size of the memory, in pages of 64 KiB", "FunctionBytes": "size of a function's body",
	"Locals": "declared locals of a function", "Nesting": "blocks open at one point", "OperandHeight": "operands on the stack at one point",
	"BranchTable": "br_table entries of a function", "LoopWork": "loop work of a function", "MergeWork": "merge work of a function",

	"MaxBody": "body of a capdata", "MaxSlots": "slots of a capdata; references of a list; records of a resolve",
	"MaxKey": "vatstore key, in bytes", "MaxValue": "vatstore value", "MaxFaultText": "text of `fault` that is kept, in bytes",
}

func limitRows(t *testing.T, limits any) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| limit | |\n|---|---:|\n")
	v := reflect.ValueOf(limits)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		text, ok := limitTexts[name]
		if !ok {
			t.Errorf("the limit %s has no text", name)
		}
		n := int64(0)
		if f := v.Field(i); f.CanInt() {
			n = f.Int()
		} else {
			n = int64(f.Uint())
		}
		fmt.Fprintf(&b, "| %s | %s |\n", text, inMiB(n, !strings.HasPrefix(text, "size of") && text != "body of a capdata" && text != "vatstore value"))
	}
	return b.String()
}

// inMiB shows bytes, or a count as it is.
func inMiB(n int64, count bool) string {
	if !count && n > 64<<10 && n%(1<<20) == 0 {
		return commas(n>>20) + " MiB"
	}
	return commas(n)
}

func moduleLimits(t *testing.T) string { return limitRows(t, instrument.DefaultLimits()) }

func callLimits(t *testing.T) string {
	return limitRows(t, hostfuncs.DefaultLimits()) +
		fmt.Sprintf("| the log of a crank's calls | %s |\n", inMiB(genesisParams(t).MaxLog, false))
}

func instructions(*testing.T) string {
	var b strings.Builder
	b.WriteString("| instructions | gas | per |\n|---|---:|---|\n")
	for _, p := range instrument.PriceTable() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Instructions, commas(int64(p.Gas)), p.Per)
	}
	return b.String()
}

func hostCalls(*testing.T) string {
	var b strings.Builder
	b.WriteString("| import | on entry | and |\n|---|---:|---|\n")
	list := hostfuncs.PriceTable()
	for i, p := range list {
		names := strings.Join(p.Imports, ", ")
		if i == len(list)-1 {
			names = "all others of WASI"
		}
		var more []string
		for _, c := range p.Sizes {
			more = append(more, fmt.Sprintf("%s for each %s", commas(int64(c.Gas)), strings.TrimPrefix(c.Per, "each ")))
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", names, commas(int64(p.Base)), strings.Join(more, "; "))
	}
	return b.String()
}

// servedWASI are the functions of WASI that do something. All others answer 8.
var servedWASI = []string{"args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get",
	"fd_write", "poll_oneoff", "proc_exit", "random_get", "sched_yield"}

func badFD() []string {
	var names []string
	for _, i := range hostfuncs.Imports() {
		if i.Module == hostfuncs.ModuleWASI && !slices.Contains(servedWASI, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// faultCodes are the names of all codes, by number from 1.
func faultCodes() []string {
	var names []string
	for c := fault.Code(1); c.String() != fmt.Sprintf("code-%d", c); c++ {
		names = append(names, c.String())
	}
	return names
}

func codes(*testing.T) string {
	var list []string
	for i, name := range faultCodes() {
		list = append(list, fmt.Sprintf("%d %s", i+1, name))
	}
	return strings.Join(list, ", ")
}

func vrefs(*testing.T) string {
	durable := capdata.Export(capdata.Object, 7) | 8
	var list []string
	for _, v := range []capdata.Vref{capdata.Root, capdata.Import(capdata.Object, capdata.FirstObjectImport), capdata.Export(capdata.Promise, 5),
		capdata.Import(capdata.Promise, capdata.FirstPromiseImport), capdata.Import(capdata.Device, capdata.FirstDeviceImport), durable} {
		list = append(list, fmt.Sprintf("`%v` is %d", v, uint64(v)))
	}
	return strings.Join(list, ", ")
}

// The tables of imports in abi.md have every import once, with its type.
func TestImports(t *testing.T) {
	type signature struct{ params, results string }
	want := map[string]signature{}
	text := func(list []runtime.ValueType) string {
		var names []string
		for _, v := range list {
			names = append(names, map[runtime.ValueType]string{runtime.I32: "i32", runtime.I64: "i64"}[v])
		}
		return strings.Join(names, " ")
	}
	for _, i := range hostfuncs.Imports() {
		want[i.Module+"."+i.Name] = signature{text(i.Params), text(i.Results)}
	}
	delete(want, "console.log") // in a paragraph of its own
	check := func(module string, cells []string, implied string) {
		for _, name := range strings.Split(cells[0], ", ") {
			w, ok := want[module+"."+name]
			if !ok {
				t.Errorf("abi.md: %s.%s is no import, or is there twice", module, name)
				continue
			}
			delete(want, module+"."+name)
			if cells[1] == "as in WASI" {
				continue
			}
			params, results, _ := strings.Cut(strings.TrimPrefix(cells[1], "("), ")")
			got := signature{results: strings.TrimPrefix(strings.TrimSpace(results), "-> ")}
			for i, p := range strings.Split(params, ", ") {
				if i > 0 {
					got.params += " "
				}
				switch fields := strings.Fields(p); {
				case len(fields) == 2:
					got.params += fields[1]
				case len(fields) == 1:
					got.params += "i32"
				}
			}
			if got.results == "" && name != "proc_exit" {
				got.results = implied
			}
			if got != w {
				t.Errorf("abi.md: %s.%s is %v, it has type %v", module, name, got, w)
			}
		}
	}
	for _, cells := range rows(t, "docs/abi.md", "| import | signature |") {
		check(hostfuncs.ModuleABI, cells, "")
	}
	for _, cells := range rows(t, "docs/abi.md", "| function | signature |") {
		check(hostfuncs.ModuleWASI, cells, "i32")
	}
	for name := range want {
		t.Errorf("abi.md does not have the import %s", name)
	}
}

// The table in faults.md has every code once, in order, and no other.
func TestFaultCodes(t *testing.T) {
	var got []string
	for _, cells := range rows(t, "docs/faults.md", "| code | what |") {
		got = append(got, strings.Split(cells[0], ", ")...)
	}
	if want := faultCodes(); !slices.Equal(got, want) {
		t.Errorf("faults.md has the codes\n%q, there are\n%q", got, want)
	}
}

// The table of deliveries in abi.md has the kernel's numbers and names.
func TestDeliveries(t *testing.T) {
	n := 0
	for _, cells := range rows(t, "docs/abi.md", "| kind | delivery |") {
		numbers, names := strings.Split(cells[0], ", "), strings.Split(cells[1], ", ")
		if len(numbers) != len(names) {
			t.Fatalf("abi.md: %q are %q", numbers, names)
		}
		for i := range numbers {
			k, err := strconv.Atoi(numbers[i])
			if err != nil || capdata.DeliveryKind(k).String() != names[i] {
				t.Errorf("abi.md: delivery %s is %s, it is called %s", numbers[i], names[i], capdata.DeliveryKind(k))
			}
			n++
		}
	}
	if next := capdata.DeliveryKind(n + 1).String(); next != "unknown" {
		t.Errorf("abi.md has %d deliveries; there is %s, too", n, next)
	}
}

// The table in architecture.md has the kernel's tables.
func TestKernelTables(t *testing.T) {
	last := 0
	for _, cells := range rows(t, "docs/architecture.md", "| number | table |") {
		last++
		if cells[0] != strconv.Itoa(last) {
			t.Errorf("architecture.md: table %s stands at place %d", cells[0], last)
		}
	}
	if last != int(kernel.TableGCAction) {
		t.Errorf("architecture.md has %d tables, the kernel %d", last, kernel.TableGCAction)
	}
}
