// Package wasmtimeengine runs guests on wasmtime. It is a runtime.Engine, in a
// module of its own, so that only hosts that want it download wasmtime's
// library and need a C compiler.
//
// Guests get the same results, memory, globals, traps and gas as on wazero. With
// vats of some size they run 1.2 to 1.5 times faster; compiling takes twice as
// long, and taking what was compiled from the cache a fifth of the time.
//
// # The binding
//
// The package binds wasmtime's C API by itself and takes from wasmtime-go only
// the library that it links. wasmtime-go boxes each value, looks its store up
// under one lock, asks for a function's type at each call, and hangs a finalizer
// on each trap: a call takes 30 times as long by it as by this package, and a call
// of the host five times. The declarations in capi.h are checked by a test
// against the headers that come with the library. README.md has the numbers.
//
// # Stack
//
// Guest code runs on the stack of the thread that calls it. wasmtime is told to
// stop at 7 MiB, or a mebibyte below what threads have. New refuses to run where
// that is less than 5 MiB, which instrumented code does not take before it comes to
// its own limit, unless it is crafted to (README.md): on Linux with a stack limit (ulimit -s) of less than 6 MiB or
// of none, and on systems where threads have less. Code is compiled without
// optimization, so that frames hold little more than what the instrumenter counts. For the same reason a host function
// must not call a guest, be it another one, on its own goroutine: that is refused.
//
// # Lifetime
//
// Nothing is freed by the garbage collector; all that is made must be closed.
// An engine outlives its modules and instances, and refuses to close before
// them. A module may be closed while its instances go on. An instance owns its
// memory, functions and globals: after its Close, functions and globals answer with an
// error or zero, and a slice of its memory that is touched ends the process. A
// host function must not end its goroutine (runtime.Goexit, or FailNow of a
// test): if it does, its instance can neither be called nor closed any more, and
// its thread ends with the goroutine.
//
// wasmtime installs handlers for SIGSEGV, SIGILL, SIGFPE and SIGBUS in the
// process, which pass on what is not guest code's.
//
// Texts of errors other than traps and host functions' own are wasmtime's: they
// are for logs, never for consensus state.
package wasmtimeengine
