package hostfuncs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

// wasiCase runs f with memory full of 0xee.
func wasiCase(t *testing.T, f func(c *code)) {
	t.Helper()
	o := play(script(func(c *code) {
		for i := range c.mem {
			c.mem[i] = 0xee
		}
		f(c)
	}), Options{}, nil, "")
	if o.String() != "ok" {
		t.Error(o)
	}
}

func TestWASIAnswers(t *testing.T) {
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	wasiCase(t, func(c *code) {
		for id := range 4 {
			check("clock", c.wasi("clock_time_get", id, uint64(1<<63), 1), uint32(0))
			check("time", c.get64(1), uint64(clockOrigin))
			check("resolution", c.wasi("clock_res_get", id, 17), uint32(0))
			check("resolution", c.get64(17), uint64(1))
		}
		check("no clock", c.wasi("clock_time_get", 4, 0, 0), uint32(errnoInval))
		check("no clock", c.wasi("clock_res_get", -1, 0), uint32(errnoInval))
		check("time, bad pointer", c.wasi("clock_time_get", 0, 0, 65529), uint32(errnoFault))
		check("time, bad pointer", c.wasi("clock_time_get", 0, 0, 0xffffffff), uint32(errnoFault))
		check("resolution, bad pointer", c.wasi("clock_res_get", 0, 65536), uint32(errnoFault))

		for _, n := range []string{"args", "environ"} {
			check(n, c.wasi(n+"_sizes_get", 100, 104), uint32(0))
			check(n, c.get64(100), uint64(0))
			check(n, c.wasi(n+"_get", 0xffffffff, 0xffffffff), uint32(0))
			c.put32(100, 9, 9)
			check(n+", bad pointer", c.wasi(n+"_sizes_get", 100, 65533), uint32(errnoFault))
			check(n+", bad pointer", c.wasi(n+"_sizes_get", 65533, 100), uint32(errnoFault))
			check(n+", nothing written", c.get32(100), uint32(9))
		}

		check("random", c.wasi("random_get", 200, 10), uint32(0))
		check("random", fmt.Sprintf("%x", c.mem[199:211]), "ee00000000000000000000ee")
		check("random, nothing", c.wasi("random_get", 0xffffffff, 0), uint32(0))
		check("random, bad pointer", c.wasi("random_get", 65530, 7), uint32(errnoFault))
		check("random, bad pointer", c.mem[65530], byte(0xee))
		check("yield", c.wasi("sched_yield"), uint32(0))

		c.put32(300, 0xffffffff, 0xffffffff, 0, 0)
		for _, fd := range []any{0, 3, -1, 0x80000001} {
			check("fd_write", c.wasi("fd_write", fd, 300, 1, 320), uint32(errnoBadF))
		}
		c.put32(320, 7)
		check("fd_write, too long", c.wasi("fd_write", 1, 300, 1, 320), uint32(errnoInval))
		check("fd_write, no table", c.wasi("fd_write", 1, 65530, 1, 320), uint32(errnoFault))
		check("fd_write, no table", c.wasi("fd_write", 1, 0, 0xffffffff, 320), uint32(errnoFault))
		check("fd_write, nowhere", c.wasi("fd_write", 1, 300, 1, 65533), uint32(errnoFault))
		check("fd_write, nothing written", c.get32(320), uint32(7))
		c.put32(300, 0xffffffff, 0x7ffffffe, 5, 1)
		check("fd_write", c.wasi("fd_write", 2, 300, 2, 320), uint32(0))
		check("fd_write", c.get32(320), uint32(math.MaxInt32))
		check("fd_write, nothing", c.wasi("fd_write", 1, 0xffffffff, 0, 320), uint32(0))
		check("fd_write, nothing", c.get32(320), uint32(0))

		before := bytes.Clone(c.mem)
		for _, b := range badFD {
			for _, v := range []any{0, 1, 3, 0xffffffff} {
				args := make([]any, len(b.sig))
				for i := range args {
					args[i] = v
				}
				check(b.name, c.wasi(b.name, args...), uint32(errnoBadF))
			}
		}
		check("memory after other fd calls", bytes.Equal(before, c.mem), true)
	})
}

// sub writes a subscription of poll_oneoff.
func (c *code) sub(at int, userdata uint64, kind byte, id uint32, timeout uint64, flags uint16) {
	b := c.mem[at : at+subscriptionSize]
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = kind
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint64(b[32:], 12345) // precision
	binary.LittleEndian.PutUint16(b[40:], flags)
}

// events formats what poll_oneoff wrote.
func (c *code) events(at, n int) string {
	s := ""
	for i := range n {
		b := c.mem[at+i*eventSize : at+(i+1)*eventSize]
		rest := append(append([]byte{}, b[11:]...), 0)
		if !bytes.Equal(rest, make([]byte, len(rest))) {
			s += "dirty "
		}
		s += fmt.Sprintf("%d/%d/%d ", binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint16(b[8:]), b[10])
	}
	return s
}

func TestPoll(t *testing.T) {
	wasiCase(t, func(c *code) {
		type sub struct {
			userdata uint64
			kind     byte
			id       uint32
			timeout  uint64
			flags    uint16
		}
		poll := func(what string, wantErrno, clock uint64, want string, subs ...sub) {
			t.Helper()
			for i, s := range subs {
				c.sub(1000+48*i, s.userdata, s.kind, s.id, s.timeout, s.flags)
			}
			c.put32(900, 99)
			got := ""
			e := c.wasi("poll_oneoff", 1000, 2000, len(subs), 900)
			if e == 0 {
				got = c.events(2000, int(c.get32(900)))
			} else if c.get32(900) != 99 {
				t.Errorf("%s: wrote to nevents", what)
			}
			if uint64(e) != wantErrno || got != want || c.clock() != clock {
				t.Errorf("%s: errno %d, clock %d, events %s; want %d, %d, %s", what, e, c.clock(), got, wantErrno, clock, want)
			}
		}
		poll("none", errnoInval, 0, "")
		poll("relative", 0, 100, "7/0/0 ", sub{7, 0, 1, 100, 0})
		poll("the shortest", 0, 150, "2/0/0 4/0/0 ", sub{1, 0, 0, 60, 0}, sub{2, 0, 1, 50, 0}, sub{3, 0, 2, 51, 0}, sub{4, 0, 3, 50, 0})
		poll("at once", 0, 150, "1/0/0 3/0/0 ", sub{1, 0, 0, 0, 0}, sub{2, 0, 1, 1, 0}, sub{3, 0, 0, 0, 0})
		poll("absolute", 0, 200, "1/0/0 ", sub{1, 0, 0, clockOrigin + 200, 1})
		poll("absolute and relative", 0, 230, "1/0/0 2/0/0 ", sub{1, 0, 0, clockOrigin + 230, 1}, sub{2, 0, 0, 30, 0}, sub{3, 0, 0, clockOrigin + 231, 0xffff})
		poll("past", 0, 230, "1/0/0 2/0/0 ", sub{1, 0, 0, clockOrigin + 1, 1}, sub{2, 0, 0, 0, 1}, sub{3, 0, 0, 5, 0})
		poll("flags that mean nothing", 0, 235, "1/0/0 ", sub{1, 0, 0, 5, 0xfffe})
		poll("files", 0, 235, "1/8/1 3/8/2 ", sub{1, 1, 0, 5, 0}, sub{2, 0, 0, 5, 0}, sub{3, 2, 1, 5, 0})
		poll("no such clock", 0, 235, "1/28/0 ", sub{1, 0, 4, 5, 0}, sub{2, 0, 0, 5, 0})
		poll("no such type", errnoInval, 235, "", sub{1, 0, 0, 5, 0}, sub{2, 3, 0, 5, 0})

		// In place: events over the subscriptions.
		c.sub(1000, 1, 0, 0, 9, 0)
		c.sub(1048, 2, 0, 0, 8, 0)
		c.sub(1096, 3, 0, 0, 8, 0)
		if e := c.wasi("poll_oneoff", 1000, 1000, 3, 900); e != 0 || c.events(1000, 2) != "2/0/0 3/0/0 " || c.get32(900) != 2 || c.clock() != 243 {
			t.Error(e, c.events(1000, 2), c.clock())
		}
		for _, args := range [][]any{{65530, 2000, 1, 900}, {1000, 65530, 1, 900}, {1000, 2000, 1, 65533}, {1000, 2000, 0xffffffff, 900}, {0xffffffff, 2000, 1, 900}} {
			c.put32(900, 99)
			if e := c.wasi("poll_oneoff", args...); e != errnoFault || c.get32(900) != 99 || c.clock() != 243 {
				t.Error(args, e)
			}
		}
		// The end of time.
		poll("for ever", 0, clockEnd, "1/0/0 ", sub{1, 0, 0, math.MaxUint64, 0})
		poll("beyond", 0, clockEnd, "1/0/0 2/0/0 ", sub{1, 0, 0, 5, 0}, sub{2, 0, 0, math.MaxUint64, 1})
		if e := c.wasi("clock_time_get", 0, 0, 0); e != 0 || c.get64(0) != math.MaxInt64 {
			t.Error(e, c.get64(0))
		}
	})
}

// The list of imports is part of consensus: its digest changes only with the ABI.
func TestImportList(t *testing.T) {
	seen := map[string]bool{}
	letters := func(l []runtime.ValueType) string {
		s := ""
		for _, v := range l {
			s += map[runtime.ValueType]string{runtime.I32: "i", runtime.I64: "l"}[v]
		}
		return s
	}
	got := map[string]int{}
	for _, i := range Imports() {
		name := i.Module + "." + i.Name
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
		got[i.Module]++
		if i.Module != ModuleWASI {
			continue
		}
		if r := letters(i.Results); r != "i" && i.Name != "proc_exit" {
			t.Errorf("%s returns %q", name, r)
		}
	}
	if want := (map[string]int{ModuleABI: 18, ModuleConsole: 1, ModuleWASI: 45}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// The types in the C header of the ABI.
	for name, sig := range map[string]string{"read": "iii", "answer": "iii", "send": "liiiil", "subscribe": "l", "resolve": "ii", "exit": "iiiii",
		"vatstore_get": "iiii>i", "vatstore_set": "iiii", "vatstore_delete": "ii", "vatstore_next_key": "iiii>i", "drop_imports": "ii",
		"retire_imports": "ii", "retire_exports": "ii", "abandon_exports": "ii", "call_now": "liiii>i", "fault": "ii", "bundle_len": ">i", "bundle_read": "iii"} {
		for _, i := range Imports() {
			if i.Module == ModuleABI && i.Name == name {
				got := letters(i.Params)
				if len(i.Results) > 0 {
					got += ">" + letters(i.Results)
				}
				if got != sig {
					t.Errorf("%s: %s, want %s", name, got, sig)
				}
			}
		}
		if !seen[ModuleABI+"."+name] {
			t.Errorf("%s is missing", name)
		}
	}
	if len(HostFuncs()) != len(Imports()) {
		t.Error("the engine does not get what the instrumenter allows")
	}
}
