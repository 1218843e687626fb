// Package puppet assembles the scripts that puppets run: vats whose messages
// are scripts of syscalls, for scenarios, conformance tests and fuzzing. The
// puppet itself and the language are in guests/puppet.
//
// The language has two dialects. Assemble takes all of it, so that a script can
// try anything the ABI allows to be said. A Translator takes what a scenario may
// have, with the meaning that it has in the JavaScript puppet of the oracle, the real SwingSet
// kernel that scenarios are also played on.
package puppet
