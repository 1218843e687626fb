package wazeroengine

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/crankcase/crankcase/runtime"
)

// grower grows its memory and says what memory.grow answered.
//
//	(module (memory (export "memory") 1 8)
//	  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
const grower = "\x00asm\x01\x00\x00\x00" +
	"\x01\x06\x01\x60\x01\x7f\x01\x7f" +
	"\x03\x02\x01\x00" +
	"\x05\x04\x01\x01\x01\x08" +
	"\x07\x11\x02\x06memory\x02\x00\x04grow\x00\x00" +
	"\x0a\x08\x01\x06\x00\x20\x00\x40\x00\x0b"

const (
	wasmPage  = 1 << 16
	growFails = 0xffffffff
)

var errNoMemory = errors.New("no memory today")

// meanPages is the system's page source, with refusals, and counts what is out.
type meanPages struct {
	pageSource
	refuseReserve func(n uint64) bool
	refuseCommit  func(n uint64) bool
	failRelease   bool
	out           int
}

func (p *meanPages) reserve(n uint64) ([]byte, error) {
	if p.refuseReserve != nil && p.refuseReserve(n) {
		return nil, errNoMemory
	}
	b, err := p.pageSource.reserve(n)
	if err == nil {
		p.out++
	}
	return b, err
}

func (p *meanPages) commit(b []byte) error {
	if p.refuseCommit != nil && p.refuseCommit(uint64(len(b))) {
		return errNoMemory
	}
	return p.pageSource.commit(b)
}

func (p *meanPages) release(b []byte) error {
	p.out--
	if err := p.pageSource.release(b); err != nil {
		return err
	}
	if p.failRelease {
		return errNoMemory
	}
	return nil
}

// withPages runs f in each mode, with the system's pages and with the heap's.
func withPages(t *testing.T, f func(t *testing.T, pages *meanPages, m runtime.Module)) {
	modes(t, func(t *testing.T, cfg Config) {
		for name, source := range map[string]pageSource{"system": osPages, "heap": heapPages{}} {
			t.Run(name, func(t *testing.T) {
				e := newEngine(t, cfg)
				pages := &meanPages{pageSource: source}
				e.pages = pages
				m, err := e.Compile([]byte(grower))
				if err != nil {
					t.Fatal(err)
				}
				f(t, pages, m)
				closeAll(t, m, e)
				if pages.out != 0 {
					t.Errorf("%d regions were not released", pages.out)
				}
			})
		}
	})
}

func mustInstantiate(t testing.TB, m runtime.Module) runtime.Instance {
	t.Helper()
	in, err := m.Instantiate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func grow(t *testing.T, in runtime.Instance, delta uint64) uint64 {
	t.Helper()
	stack := []uint64{delta}
	if err := in.Function("grow").Call(stack); err != nil {
		t.Fatal(err)
	}
	return stack[0]
}

// Where the host refuses memory below the logical limit, memory.grow answers
// -1 and the guest keeps what it has. Instrumented code makes that a host fault.
func TestHostRefusesGrowth(t *testing.T) {
	withPages(t, func(t *testing.T, pages *meanPages, m runtime.Module) {
		in := mustInstantiate(t, m)
		in.Memory()[100] = 42
		pages.refuseCommit = func(uint64) bool { return true }
		pages.refuseReserve = func(uint64) bool { return true }
		if got := grow(t, in, 1); got != growFails {
			t.Errorf("grow answered %#x, want -1", got)
		}
		if mem := in.Memory(); len(mem) != wasmPage || mem[100] != 42 {
			t.Errorf("after the refusal: %d bytes, %d", len(mem), mem[100])
		}
		// The host recovers.
		pages.refuseCommit, pages.refuseReserve = nil, nil
		if got := grow(t, in, 2); got != 1 {
			t.Errorf("grow answered %#x, want 1", got)
		}
		if mem := in.Memory(); len(mem) != 3*wasmPage || mem[100] != 42 {
			t.Errorf("after growth: %d bytes, %d", len(mem), mem[100])
		}
		closeAll(t, in)
	})
}

func TestHostRefusesFirstMemory(t *testing.T) {
	withPages(t, func(t *testing.T, pages *meanPages, m runtime.Module) {
		all := func(uint64) bool { return true }
		for _, refuse := range []func(){
			func() { pages.refuseReserve, pages.refuseCommit = all, nil },
			func() { pages.refuseReserve, pages.refuseCommit = nil, all },
		} {
			refuse()
			if in, err := m.Instantiate(nil); !errors.Is(err, errNoMemory) {
				t.Errorf("Instantiate: %v, want the host's refusal", err)
				if err == nil {
					closeAll(t, in)
				}
			} else if strings.Contains(err.Error(), "panic") {
				t.Errorf("Instantiate: %v", err)
			}
		}
		pages.refuseReserve, pages.refuseCommit = nil, nil
		closeAll(t, mustInstantiate(t, m))
	})
}

// Memory that the system does not take back is no reason to fail a guest, but
// Close tells.
func TestReleaseFails(t *testing.T) {
	withPages(t, func(t *testing.T, pages *meanPages, m runtime.Module) {
		pages.refuseReserve = func(n uint64) bool { return n > 2*wasmPage }
		in := mustInstantiate(t, m)
		in.Memory()[5] = 6
		pages.failRelease = true
		if got := grow(t, in, 1); got != 1 || in.Memory()[5] != 6 {
			t.Errorf("grow answered %#x, the memory holds %d", got, in.Memory()[5])
		}
		if err := in.Close(); !errors.Is(err, errNoMemory) {
			t.Errorf("Close: %v", err)
		}
	})
}

// Where the maximum cannot be reserved, growth moves the memory.
func TestGrowthMoves(t *testing.T) {
	withPages(t, func(t *testing.T, pages *meanPages, m runtime.Module) {
		for _, limit := range []uint64{8, 7, 4, 3} {
			pages.refuseReserve = func(n uint64) bool { return n > limit*wasmPage }
			in := mustInstantiate(t, m)
			for size := uint64(1); size <= limit; size++ {
				mem := in.Memory()
				if uint64(len(mem)) != size*wasmPage {
					t.Fatalf("limit %d: %d bytes, want %d pages", limit, len(mem), size)
				}
				if !bytes.Equal(mem[(size-1)*wasmPage:], make([]byte, wasmPage)) {
					t.Errorf("limit %d: page %d is not zero", limit, size)
				}
				for i := range size - 1 {
					if mem[i*wasmPage] != byte(i+1) || mem[(i+1)*wasmPage-1] != byte(i+1) {
						t.Errorf("limit %d: page %d was lost at %d", limit, i, size)
					}
				}
				mem[(size-1)*wasmPage], mem[size*wasmPage-1] = byte(size), byte(size)
				if size < limit {
					if got := grow(t, in, 1); got != size {
						t.Fatalf("limit %d: grow answered %#x, want %d", limit, got, size)
					}
				}
			}
			if got := grow(t, in, 1); got != growFails {
				t.Errorf("limit %d: grow past it answered %#x", limit, got)
			}
			closeAll(t, in)
		}
	})
}

// With the maximum reserved, growth does not move.
func TestGrowthStays(t *testing.T) {
	if !osPages.lazy() {
		t.Skip("this system reserves nothing ahead")
	}
	e := newEngine(t, Config{})
	m, err := e.Compile([]byte(grower))
	if err != nil {
		t.Fatal(err)
	}
	in := mustInstantiate(t, m)
	base := unsafe.SliceData(in.Memory())
	for size := uint64(1); size < 8; size++ {
		if got := grow(t, in, 1); got != size {
			t.Fatalf("grow answered %#x, want %d", got, size)
		}
		if unsafe.SliceData(in.Memory()) != base {
			t.Error("the memory moved")
		}
	}
	if mem := in.Memory(); cap(mem) != len(mem) {
		t.Errorf("capacity %d beyond the %d bytes of the guest", cap(mem), len(mem))
	}
	closeAll(t, in, m, e)
}

func TestMaxMemoryPages(t *testing.T) {
	modes(t, func(t *testing.T, cfg Config) {
		cfg.MaxMemoryPages = 3
		e := newEngine(t, cfg)
		m, err := e.Compile([]byte(grower)) // its own maximum is 8
		if err != nil {
			t.Fatal(err)
		}
		in := mustInstantiate(t, m)
		if got := grow(t, in, 3); got != growFails {
			t.Errorf("grow past the limit answered %#x", got)
		}
		if got := grow(t, in, 2); got != 1 {
			t.Errorf("grow to the limit answered %#x", got)
		}
		closeAll(t, in, m, e)
	})
}

// Address space for many instances: each reserves its maximum.
func TestManyMemories(t *testing.T) {
	e := newEngine(t, Config{Host: stubs(t, puppet)})
	m, err := e.Compile(puppet) // declares no maximum: 4 GiB each
	if err != nil {
		t.Fatal(err)
	}
	var all []interface{ Close() error }
	for i := range 1000 {
		in, err := m.Instantiate(nil)
		if err != nil {
			t.Fatalf("instance %d: %v", i, err)
		}
		in.Memory()[0] = byte(i)
		all = append(all, in)
	}
	closeAll(t, all...)
	closeAll(t, m, e)
}
