package hostfuncs

import (
	"encoding/binary"
	"math"

	"github.com/crankcase/crankcase/fault"
)

// The WASI subset: wasi_snapshot_preview1 as a world without files, arguments,
// environment or randomness, whose time stands still unless the guest waits.
// It answers errors as WASI does, by number; where a pointer is bad the answer
// is errnoFault, nothing having been written. No call here depends on the
// console.

// Error numbers of WASI.
const (
	errnoSuccess = 0
	errnoBadF    = 8
	errnoFault   = 21
	errnoInval   = 28
)

// clockOrigin is what the WASI clock shows at 0 of GlobalClock, in nanoseconds:
// September 2001. Zero would be fatal to Go's runtime.
const clockOrigin = 1_000_000_000_000_000_000

// clockEnd is where the clock stops: the last time that is an i64.
const clockEnd = math.MaxInt64 - clockOrigin

// clocks is the number of clock ids: realtime, monotonic and two of CPU time.
// They all show the same.
const clocks = 4

// badFD are the calls about open files, directories and sockets, of which there
// are none. Each answers errnoBadF. Go programs import many of them, those about
// sockets too, without ever calling them.
var badFD = []struct{ name, sig string }{
	{"fd_advise", "illi"},
	{"fd_allocate", "ill"},
	{"fd_close", "i"},
	{"fd_datasync", "i"},
	{"fd_fdstat_get", "ii"},
	{"fd_fdstat_set_flags", "ii"},
	{"fd_fdstat_set_rights", "ill"},
	{"fd_filestat_get", "ii"},
	{"fd_filestat_set_size", "il"},
	{"fd_filestat_set_times", "illi"},
	{"fd_pread", "iiili"},
	{"fd_prestat_dir_name", "iii"},
	{"fd_prestat_get", "ii"},
	{"fd_pwrite", "iiili"},
	{"fd_read", "iiii"},
	{"fd_readdir", "iiili"},
	{"fd_renumber", "ii"},
	{"fd_seek", "ilii"},
	{"fd_sync", "i"},
	{"fd_tell", "ii"},
	{"path_create_directory", "iii"},
	{"path_filestat_get", "iiiii"},
	{"path_filestat_set_times", "iiiilli"},
	{"path_link", "iiiiiii"},
	{"path_open", "iiiiillii"},
	{"path_readlink", "iiiiii"},
	{"path_remove_directory", "iii"},
	{"path_rename", "iiiiii"},
	{"path_symlink", "iiiii"},
	{"path_unlink_file", "iii"},
	{"sock_accept", "iii"},
	{"sock_recv", "iiiiii"},
	{"sock_send", "iiiii"},
	{"sock_shutdown", "ii"},
}

func wasiTable() []imported {
	def := func(name, sig string, price uint64, call func(g *Guest, stack []uint64) error) imported {
		return row(ModuleWASI, name, sig, 1, price, true, call)
	}
	list := []imported{
		def("args_get", "ii", gasCrossing, wasiDone),
		def("args_sizes_get", "ii", gasCrossing, (*Guest).wasiNoSizes),
		def("clock_res_get", "ii", gasCrossing, (*Guest).clockResGet),
		def("clock_time_get", "ili", gasCrossing, (*Guest).clockTimeGet),
		def("environ_get", "ii", gasCrossing, wasiDone),
		def("environ_sizes_get", "ii", gasCrossing, (*Guest).wasiNoSizes),
		def("fd_write", "iiii", gasFDWrite, (*Guest).fdWrite),
		def("poll_oneoff", "iiii", gasPoll, (*Guest).pollOneoff),
		row(ModuleWASI, "proc_exit", "i", 0, gasCrossing, true, (*Guest).procExit),
		def("random_get", "ii", gasCrossing, (*Guest).randomGet),
		def("sched_yield", "", gasCrossing, wasiDone),
	}
	for _, f := range badFD {
		list = append(list, def(f.name, f.sig, gasCrossing, wasiBadFD))
	}
	return list
}

// errno puts a WASI call's result in place.
func errno(stack []uint64, n uint64) error {
	stack[0] = n
	return nil
}

func wasiBadFD(_ *Guest, stack []uint64) error { return errno(stack, errnoBadF) }

// wasiDone answers calls that have nothing to do. sched_yield has no
// parameters; an engine's stack holds a call's results all the same.
func wasiDone(_ *Guest, stack []uint64) error { return errno(stack, errnoSuccess) }

// put32 and put64 write to memory that has been checked.
func (g *Guest) put32(ptr uint64, v uint32) { binary.LittleEndian.PutUint32(g.mem[ptr:], v) }
func (g *Guest) put64(ptr uint64, v uint64) { binary.LittleEndian.PutUint64(g.mem[ptr:], v) }

// wasiNoSizes answers (count, bytes) with none of either.
func (g *Guest) wasiNoSizes(stack []uint64) error {
	count, size := arg(stack, 0), arg(stack, 1)
	g.view()
	if !g.inside(count, 4) || !g.inside(size, 4) {
		return errno(stack, errnoFault)
	}
	g.put32(count, 0)
	g.put32(size, 0)
	return errno(stack, errnoSuccess)
}

func (g *Guest) clockResGet(stack []uint64) error {
	return g.clockAnswer(stack, arg(stack, 1), 1)
}

func (g *Guest) clockTimeGet(stack []uint64) error {
	return g.clockAnswer(stack, arg(stack, 2), clockOrigin+g.clock.Get())
}

// clockAnswer writes v at ptr if the first parameter is a clock.
func (g *Guest) clockAnswer(stack []uint64, ptr, v uint64) error {
	if arg(stack, 0) >= clocks {
		return errno(stack, errnoInval)
	}
	g.view()
	if !g.inside(ptr, 8) {
		return errno(stack, errnoFault)
	}
	g.put64(ptr, v)
	return errno(stack, errnoSuccess)
}

func (g *Guest) randomGet(stack []uint64) error {
	ptr, n := arg(stack, 0), arg(stack, 1)
	g.view()
	if !g.inside(ptr, n) {
		return errno(stack, errnoFault)
	}
	if err := g.charge(words(n) * gasCopyWord); err != nil {
		return err
	}
	clear(g.bytes(ptr, n))
	return errno(stack, errnoSuccess)
}

func (g *Guest) procExit(stack []uint64) error {
	return g.fault(fault.ProcExit, "exit code %d", int32(arg(stack, 0)))
}

// iovecSize is the size of an iovec: a pointer and a length, u32 each.
const iovecSize = 8

// fdWrite takes the lengths from the iovec table and says that all of it was
// written. The data is looked at only if there is a console to show it, which
// does not care whether it lies in memory.
func (g *Guest) fdWrite(stack []uint64) error {
	fd, iovecs, count, written := arg(stack, 0), arg(stack, 1), arg(stack, 2), arg(stack, 3)
	if fd != 1 && fd != 2 {
		return errno(stack, errnoBadF)
	}
	g.view()
	if !g.inside(iovecs, count*iovecSize) || !g.inside(written, 4) {
		return errno(stack, errnoFault)
	}
	if err := g.charge(count * gasIOVec); err != nil {
		return err
	}
	table := g.bytes(iovecs, count*iovecSize)
	var sum uint64 // below 2^61: at most 2^29 lengths below 2^32
	for t := table; len(t) > 0; t = t[iovecSize:] {
		sum += uint64(binary.LittleEndian.Uint32(t[4:]))
	}
	if sum > maxLength {
		return errno(stack, errnoInval)
	}
	if g.console != nil {
		var text []byte
		for t := table; len(t) > 0 && len(text) < maxConsoleText; t = t[iovecSize:] {
			text = g.appendText(text, uint64(binary.LittleEndian.Uint32(t)), uint64(binary.LittleEndian.Uint32(t[4:])))
		}
		level := uint32(levelLog)
		if fd == 2 {
			level = levelError
		}
		g.show(level, text)
	}
	g.put32(written, uint32(sum)) // last: it may overlap the table
	return errno(stack, errnoSuccess)
}
