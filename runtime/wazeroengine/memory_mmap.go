//go:build darwin || linux

package wazeroengine

import (
	"math"
	"syscall"
)

// osPages maps anonymous pages. What is reserved has no access rights: it
// counts against no limit on memory in use, and the system can refuse the
// commit.
var osPages pageSource = mmapPages{}

type mmapPages struct{}

func (mmapPages) reserve(n uint64) ([]byte, error) {
	if n > math.MaxInt {
		return nil, syscall.ENOMEM
	}
	return syscall.Mmap(-1, 0, int(n), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
}

func (mmapPages) commit(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return syscall.Mprotect(b, syscall.PROT_READ|syscall.PROT_WRITE)
}

func (mmapPages) release(b []byte) error { return syscall.Munmap(b) }

// A 32-bit address space holds no 4 GiB.
func (mmapPages) lazy() bool { return math.MaxInt > math.MaxInt32 }
