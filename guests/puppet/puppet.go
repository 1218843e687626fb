// Package puppet carries the puppet: a vat whose messages are scripts of
// syscalls, for scenarios, conformance tests and fuzzing. README.md has the
// language, scenario/puppet an assembler for it, src and build.sh what the module is made of.
package puppet

import _ "embed"

// Wasm is the module. It must not be changed.
//
//go:embed puppet.wasm
var Wasm []byte

// Modules with an _initialize, for tests of what a guest may do before startVat.
var (
	//go:embed puppet-init-syscall.wasm
	InitSyscall []byte // calls vatstore_set: a guest fault
	//go:embed puppet-init-read.wasm
	InitRead []byte // calls read: a guest fault
	//go:embed puppet-init-fault.wasm
	InitFault []byte // calls fault with the text "not today"
	//go:embed puppet-init-bundle.wasm
	InitBundle []byte // calls bundle_len (kept in r14) and bundle_read (kept in $scratch): allowed
)
