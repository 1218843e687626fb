// Package crankcase runs vats: isolated actors in the style of SwingSet, each
// a metered WebAssembly guest, which send each other messages. Each message is
// delivered in a crank that commits whole or leaves no trace, and every machine
// that is given the same input reaches the same state, bit for bit.
//
// This package is the door for programs that embed it: Start opens a database,
// an engine and a kernel in one call, and Call talks to a vat. What lies behind it is
// in package kernel, whose methods a Kernel of this package has too. The
// example below is a whole program.
//
// What goes wrong comes in three layers. Misuse is a sentinel or a typed error
// (kernel.ErrNoVat, *fault.Refusal, *InputError): nothing has changed. A fault of a
// vat is no error of the host's: the vat ends, its text is in Status, and who waits for
// an answer gets a rejection. Anything else is a *kernel.PanicError: nothing since the last
// Commit is kept, the kernel refuses to go on, and opening the database again retries.
package crankcase
