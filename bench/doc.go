// Package bench measures what a delivery costs, with the floor beside it.
//
// The workload is the exchange of examples/exchange: C and Go vats trading
// through a real SQLite file. It is recorded once: which deliveries entered which
// vat, how the vat's questions were answered, and which rows each crank wrote. Then it is
// run in two ways, in one process, in turns:
//
//   - the kernel: what a host does, from the message to COMMIT;
//   - the floor: the same rows through the same store with the same savepoints and commits, and one
//     call of the same guest with the same payload, without a kernel. The part that is the call
//     alone is shown beside it: it is what a guest's own code costs in a process that also runs
//     SQLite, which is up to twice what it costs in a loop that does nothing else.
//
// A third run, of the kernel again, times the guests' own code as it is there: each delivery less
// what the kernel does in its syscalls. A large guest, such as one with Go's runtime, runs slower
// between a kernel's cranks than between rows that are written without one, because more of it has left
// the processor's caches; that is a cost of the kernel too, and shows as the difference of the two columns.
//
// What is reported is CPU time of the whole process (all threads, user and system) in
// microseconds a delivery, and ratios. A delivery is two cranks: routing, and the
// delivery itself; its cost is that of its own crank plus an equal share of routing, of the host's
// input and of commits. Trust the ratios; times depend on the machine and on what else it does.
package bench
