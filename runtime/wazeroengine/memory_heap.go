package wazeroengine

import (
	"fmt"
	"math"
)

// heapPages takes pages from Go's heap, where there is no mmap. A heap that is
// used up ends the process, so only absurd sizes are refused.
type heapPages struct{}

func (heapPages) reserve(n uint64) ([]byte, error) {
	if n > math.MaxInt {
		return nil, fmt.Errorf("%d bytes do not fit the address space", n)
	}
	return make([]byte, n), nil
}

func (heapPages) commit([]byte) error  { return nil }
func (heapPages) release([]byte) error { return nil }
func (heapPages) lazy() bool           { return false }
