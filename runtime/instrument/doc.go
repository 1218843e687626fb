// Package instrument checks WebAssembly modules that come to be installed and
// rewrites them, so that every engine runs them to the same end, with bounded
// cost, and a host can see and restore all their state.
//
// Instrument is a function of the module's bytes and the Config alone: the
// same on each platform, for each run. Its result is what is stored and
// hashed, so a change to what it makes of any module is a new Version.
//
// # What is accepted
//
// A core module of the MVP with sign extension, saturating float-to-int
// conversion, multi-value, bulk memory (memory.copy, memory.fill, memory.init,
// passive segments, the data count section) and exported mutable globals; one
// memory, defined by the module and exported as "memory"; at most one table,
// of funcref, with any form of element segment; any encoding of table index 0
// in call_indirect. The whole module is validated, dead code and custom section
// names included. Beyond validity: imports are functions on the allowed list
// with exactly their types; no export has a reserved name; active segments fit
// the minimum sizes, so that instantiation cannot fail; and the Limits hold.
//
// Threads, SIMD, memory64, several memories or tables, exceptions, tail calls,
// extended-const, typed function references and GC are refused by name, and so
// are references as values, instructions that change a table and data.drop:
// state that no snapshot holds. Only the code counts, not what a
// target_features section claims.
//
// # What becomes of a module
//
// Gas. An i64 global, exported as runtime.GlobalGas, counts down. Instructions
// have fixed prices (PriceTable). They are summed up over stretches of code
// that run as a whole, and subtracted where a stretch begins, so gas is paid
// before, and what was paid stays paid if a trap ends the stretch early. A
// stretch begins at function entry, at loop heads, in both arms of an if,
// after br_if and after the end of a block that a branch from inside may have
// passed by; a block that can only be left at its end belongs, with what
// follows it, to the stretch in which it was entered. A call does not end a
// stretch. At function entry and loop heads, after the subtraction, the
// code traps if gas is below zero, with StatusGas in runtime.GlobalStatus.
// So gas may end below zero, by at most what a straight line through one function
// costs, and a host function may find it there: it must check for itself.
// memory.copy, fill and init pay by length before they run, with a
// check; memory.grow by page.
//
// Stack. An i32 global, exported as runtime.GlobalDepth, counts units of stack:
// a call takes one, and more if the function is big, has many locals or keeps
// many operands. Above StackLimit the code traps with StatusStack. At
// function entry the gas is paid and checked first, then the stack. All ways
// out of a function give its units back: the body stands in a block, and
// return is a branch to its end. A function that calls no other function of
// the module, if it takes one unit only, is not counted: it can only be the
// innermost, so one such frame (and a host function or the grow function above
// it) comes on top of the StackLimit. After a trap the counter is left as it is:
// the host sets it to zero.
//
// Memory. memory.grow becomes a call of an injected function. Above the
// logical maximum (Result.MemoryMax: the smaller of the declared maximum and
// Limits.MemoryPages, which also becomes the memory's maximum) it answers -1 and
// costs no page. Below, it pays, then grows; if the engine cannot, that is the
// host's fault, and it traps with StatusHost.
//
// NaN. After each float operation whose NaN may have any bits (add, sub, mul,
// div, sqrt, min, max, ceil, floor, trunc, nearest, demote, promote) a NaN is
// replaced by the canonical one, 0x7fc00000 or 0x7ff8000000000000. It is left
// out where the next instruction takes the value and gives the same for each
// NaN: arithmetic that is canonicalised itself, comparisons, conversions to
// integers, drop. abs, neg, copysign, loads, constants and reinterpretations
// are exact to the bit in the specification and stay as they are.
//
// State. Each mutable global of the module is exported as runtime.GlobalPrefix
// and its index. runtime.GlobalClock is an i64 that no guest code can reach. The
// start section becomes an export, runtime.FuncStart. Injected globals, types
// and the grow function are appended to the module's own and nothing is
// imported, so that indexes do not shift. All injected globals are 0 at first.
//
// Code that control cannot reach (after br, br_table, return or unreachable, to
// the end of the block) is checked and left out. Custom sections are dropped;
// the content of DataSection becomes Result.Data.
package instrument
