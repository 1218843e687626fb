package hostfuncs

import (
	"slices"

	"github.com/crankcase/crankcase/runtime"
)

// Modules that guests may import from.
const (
	ModuleABI     = "crankcase_v1"
	ModuleConsole = "console"
	ModuleWASI    = "wasi_snapshot_preview1"
)

// Functions and the memory that the host looks up in a guest.
const (
	ExportMemory     = "memory"
	ExportDeliver    = "crankcase_deliver"
	ExportInitialize = "_initialize"
)

// Import is a function that guests may import, with its type.
type Import struct {
	Module, Name    string
	Params, Results []runtime.ValueType
}

// Export is a function that a guest exports to the host, with its type.
type Export struct {
	Name            string
	Params, Results []runtime.ValueType
	Optional        bool // a guest without it is accepted
}

// Imports returns all functions that guests may import, in a fixed order.
// Every other import is refused at install. The caller owns the result.
func Imports() []Import {
	list := make([]Import, len(table))
	for i := range table {
		t := &table[i]
		list[i] = Import{Module: t.module, Name: t.name, Params: slices.Clone(t.params), Results: slices.Clone(t.results)}
	}
	return list
}

// Exports returns the functions that the host looks for in a guest. Besides
// them a guest exports exactly one memory, as ExportMemory. The caller owns
// the result.
func Exports() []Export {
	return []Export{
		{Name: ExportDeliver, Params: []runtime.ValueType{runtime.I32, runtime.I32}, Results: []runtime.ValueType{runtime.I32}},
		{Name: ExportInitialize, Optional: true},
	}
}

// HostFuncs returns the functions that an engine must be made with to run
// guests of this package. They keep no state of their own: each works on the
// *Guest that is the calling instance's env. The caller owns the result.
func HostFuncs() []runtime.HostFunc {
	list := make([]runtime.HostFunc, len(table))
	for i := range table {
		t := &table[i]
		list[i] = runtime.HostFunc{
			Module: t.module, Name: t.name,
			Params: slices.Clone(t.params), Results: slices.Clone(t.results),
			Call: func(env any, stack []uint64) error {
				g := env.(*Guest)
				err := g.enter(t)
				if err == nil {
					err = t.call(g, stack)
				}
				if err != nil {
					g.ended = err
				}
				return err
			},
		}
	}
	return list
}

// An imported is a row of the table of imports. call gets the parameters in
// stack and puts the result there; i32 parameters are in the low half.
type imported struct {
	module, name    string
	title           string // in faults
	params, results []runtime.ValueType
	price           uint64 // on entry
	early           bool   // may be called before startVat
	call            func(g *Guest, stack []uint64) error
}

// row makes a row of the table. sig has a letter for each parameter, i for i32
// and l for i64; each result is an i32.
func row(module, name, sig string, results int, price uint64, early bool, call func(g *Guest, stack []uint64) error) imported {
	t := imported{module: module, name: name, title: name, price: price, early: early, call: call}
	for _, c := range sig {
		if c == 'l' {
			t.params = append(t.params, runtime.I64)
		} else {
			t.params = append(t.params, runtime.I32)
		}
	}
	for range results {
		t.results = append(t.results, runtime.I32)
	}
	return t
}

// table lists every import, in the order in which engines and the instrumenter
// get them.
var table = slices.Concat(abiTable(), consoleTable(), wasiTable())

func abiTable() []imported {
	def := func(name, sig string, results int, price uint64, call func(g *Guest, stack []uint64) error) imported {
		return row(ModuleABI, name, sig, results, price, false, call)
	}
	always := func(name, sig string, results int, price uint64, call func(g *Guest, stack []uint64) error) imported {
		return row(ModuleABI, name, sig, results, price, true, call)
	}
	return []imported{
		def("read", "iii", 0, gasCrossing, (*Guest).read),
		def("answer", "iii", 0, gasCrossing, (*Guest).answerRead),
		def("send", "liiiil", 0, gasSend, (*Guest).send),
		def("subscribe", "l", 0, gasSubscribe, (*Guest).subscribe),
		def("resolve", "ii", 0, gasResolve, (*Guest).resolve),
		def("exit", "iiiii", 0, gasExit, (*Guest).exit),
		def("vatstore_get", "iiii", 1, gasGet, (*Guest).vatstoreGet),
		def("vatstore_set", "iiii", 0, gasSet, (*Guest).vatstoreSet),
		def("vatstore_delete", "ii", 0, gasDelete, (*Guest).vatstoreDelete),
		def("vatstore_next_key", "iiii", 1, gasNextKey, (*Guest).vatstoreNextKey),
		def("drop_imports", "ii", 0, gasList, (*Guest).dropImports),
		def("retire_imports", "ii", 0, gasList, (*Guest).retireImports),
		def("retire_exports", "ii", 0, gasList, (*Guest).retireExports),
		def("abandon_exports", "ii", 0, gasList, (*Guest).abandonExports),
		def("call_now", "liiii", 1, gasCallNow, (*Guest).callNow),
		always("fault", "ii", 0, gasCrossing, (*Guest).told),
		always("bundle_len", "", 1, gasCrossing, (*Guest).bundleLen),
		always("bundle_read", "iii", 0, gasCrossing, (*Guest).bundleRead),
	}
}

func consoleTable() []imported {
	t := row(ModuleConsole, "log", "iii", 0, gasConsole, true, (*Guest).consoleLog)
	t.title = "console.log"
	return []imported{t}
}
