package instrument

// Limits bound what a module may hold, so that its compilation takes time and
// memory in proportion to its bytes and no module of a few kilobytes can hold a
// compiler hostage. They are consensus parameters: a module accepted here and
// refused there would part two machines. A field that is zero allows none of
// what it counts. All are counted on the module as it comes in, except
// InstrumentedBytes.
type Limits struct {
	ModuleBytes       int `json:"moduleBytes"`       // size of the module, with its custom sections
	InstrumentedBytes int `json:"instrumentedBytes"` // size of the instrumented code

	Types     int `json:"types"`     // entries of the type section
	Params    int `json:"params"`    // parameters of a function or block type
	Results   int `json:"results"`   // results of a function or block type
	Imports   int `json:"imports"`   // entries of the import section
	Functions int `json:"functions"` // imported and own functions together
	Globals   int `json:"globals"`   // globals
	Exports   int `json:"exports"`   // exports
	Elements  int `json:"elements"`  // element segments
	Data      int `json:"data"`      // data segments
	TableSize int `json:"tableSize"` // minimum size of the table, in elements

	// MemoryPages is the largest memory a guest can have, in pages of 64 KiB:
	// memory.grow answers -1 above it. A module whose minimum is larger is
	// refused; a module's own smaller maximum stands.
	MemoryPages int `json:"memoryPages"`

	FunctionBytes int `json:"functionBytes"` // size of a function's body
	Locals        int `json:"locals"`        // declared locals of a function, without parameters
	Nesting       int `json:"nesting"`       // blocks, loops and ifs open at one point
	OperandHeight int `json:"operandHeight"` // values on the operand stack at one point

	// The following three count what compilers take more than linear time over.
	// They are limits for one function. All functions of a module together may have
	// 8 times as much, or more if the module is big: once the limit for each
	// 256 KiB of the code section.

	// BranchTable: entries of br_tables, the default ones included.
	BranchTable int `json:"branchTable"`
	// LoopWork: the sum over loops of the square of the number of values that
	// the loop may change (parameters and locals, but no more than there are
	// assignments to them in it), times the loops open, itself included.
	LoopWork int `json:"loopWork"`
	// MergeWork: the sum over blocks, loops and ifs of the number of values that
	// they may change, counted in the same way, times the branches to their
	// label (an if's end counts as one more). A compiler that builds SSA form
	// passes that many arguments.
	MergeWork int
}

// The share of a module in the limits for one function.
const (
	functionsPerModule = 8
	bytesPerFunction   = 256 << 10
)

// DefaultLimits returns the limits of this Version. Ordinary guests are far
// below them. A Go guest of 3.2 MB has 2,139 functions and 36,577 data segments
// and nests blocks some 550 deep; in a function it has up to 441 units of loop
// work, 12,825 of merge work and 965 branch-table entries, and 67,388, 805,616
// and 73,826 in all. QuickJS has up to 13,664, 46,959 and 294.
//
// With wazero's compiler, on one core of a present machine, a unit of merge
// work takes up to 15 us, a branch-table entry 30 us, and 2^20 units of loop work
// 100 ms; without these limits, 21 KB can take 11 s.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes:       32 << 20,
		InstrumentedBytes: 64 << 20,

		Types:     10_000,
		Params:    128,
		Results:   16,
		Imports:   1_000,
		Functions: 32_768,
		Globals:   4_096,
		Exports:   8_192,
		Elements:  4_096,
		Data:      100_000,
		TableSize: 131_072,

		MemoryPages: 4_096, // 256 MiB

		FunctionBytes: 1 << 20,
		Locals:        8_192,
		Nesting:       4_096,
		OperandHeight: 1_024,

		BranchTable: 16_384,
		LoopWork:    1 << 20,
		MergeWork:   131_072,
	}
}
