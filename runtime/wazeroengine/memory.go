package wazeroengine

import (
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
)

// A pageSource is where memories get their bytes from.
type pageSource interface {
	// reserve returns n > 0 bytes of address space that must not be touched
	// yet. What is committed of it later reads as zero.
	reserve(n uint64) ([]byte, error)
	// commit makes a part of what was reserved usable, at bounds of 64 KiB.
	commit(b []byte) error
	// release gives back exactly what reserve returned.
	release(b []byte) error
	// lazy says that reserving costs nothing, so that a memory's maximum can
	// be reserved at once.
	lazy() bool
}

// A memory is an instance's linear memory, and wazero's allocator of it. Its
// maximum is reserved as address space, so that growth neither moves nor
// copies; where that is refused it moves.
type memory struct {
	pages  pageSource
	region []byte // as reserved; nil: none yet, or freed
	view   []byte // what the guest has: the committed front of region
	max    uint64
	// refused is why the source last gave nothing, releaseErr why it did not
	// take something back.
	refused, releaseErr error
}

var (
	_ experimental.MemoryAllocator = (*memory)(nil)
	_ experimental.LinearMemory    = (*memory)(nil)
)

// Allocate implements experimental.MemoryAllocator. wazero calls it once an
// instance: an instance has one memory.
func (m *memory) Allocate(_, max uint64) experimental.LinearMemory {
	m.max = max
	return m
}

// Reallocate implements experimental.LinearMemory: it makes the memory size
// bytes long. nil makes memory.grow answer -1; size never shrinks.
func (m *memory) Reallocate(size uint64) []byte {
	if err := m.grow(size); err != nil {
		m.refused = err
		return nil
	}
	return m.view
}

func (m *memory) grow(size uint64) error {
	if size == 0 {
		// No page yet. wazero must not take it for a refusal.
		m.view = []byte{}
		return nil
	}
	if size > uint64(len(m.region)) {
		return m.move(size)
	}
	if err := m.pages.commit(m.region[len(m.view):size]); err != nil {
		return fmt.Errorf("commit %d bytes: %w", size-uint64(len(m.view)), err)
	}
	m.view = m.region[:size:size]
	return nil
}

// move goes to a larger region. The first one takes the maximum if it can;
// what else is tried leaves room for growth, and last of all takes just what
// is needed.
func (m *memory) move(size uint64) error {
	sizes := []uint64{min(2*size, max(m.max, size)), size}
	if m.region == nil {
		sizes[0] = size
		if m.pages.lazy() {
			sizes[0] = max(m.max, size)
		}
	}
	var region []byte
	var err error
	for _, n := range sizes {
		if region, err = m.pages.reserve(n); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("reserve %d bytes: %w", size, err)
	}
	if err := m.pages.commit(region[:size]); err != nil {
		m.release(region)
		return fmt.Errorf("commit %d bytes: %w", size, err)
	}
	copy(region, m.view)
	m.release(m.region)
	m.region, m.view = region, region[:size:size]
	return nil
}

func (m *memory) release(region []byte) {
	if region == nil {
		return
	}
	if err := m.pages.release(region); err != nil {
		err = fmt.Errorf("wazero: release %d bytes of memory: %w", len(region), err)
		m.releaseErr = errors.Join(m.releaseErr, err)
	}
}

// Free implements experimental.LinearMemory. Freeing twice is nothing.
func (m *memory) Free() {
	region := m.region
	m.region, m.view = nil, nil
	m.release(region)
}
