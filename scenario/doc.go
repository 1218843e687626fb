// Package scenario plays scenarios: short JSON files that say which vats there
// are, who holds what, which messages a host sends, and when to look at the
// kernel's tables. Its vats are puppets (guests/puppet), whose messages are scripts of syscalls.
//
// The same file can be played on SwingSet, the kernel that Crankcase follows,
// by the oracle that the format comes from. The answers are compared as text,
// so this package gives JavaScript's answer to the byte: order of keys, escapes, layout.
// Where the two kernels differ on purpose, Differences says so.
package scenario
