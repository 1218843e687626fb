package wasmtimeengine

import (
	"sync"
	"sync/atomic"
)

// instances are those of the process that are open, by number: C code cannot
// keep a pointer to what is Go's.
var instances registry

// A registry numbers instances. It is safe for concurrent use; get takes no
// lock, since each call of a host function begins with it.
type registry struct {
	mu   sync.Mutex
	free []uint
	all  atomic.Pointer[[]*instance]
}

// add returns the instance's number.
func (r *registry) add(in *instance) uint {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		id := r.free[n-1]
		r.free = r.free[:n-1]
		(*r.all.Load())[id] = in
		return id
	}
	var old []*instance
	if p := r.all.Load(); p != nil {
		old = *p
	}
	id := uint(len(old))
	grown := make([]*instance, max(2*len(old), 64))
	copy(grown, old)
	for n := uint(len(grown)) - 1; n > id; n-- {
		r.free = append(r.free, n)
	}
	grown[id] = in
	r.all.Store(&grown)
	return id
}

// remove frees a number.
func (r *registry) remove(id uint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	(*r.all.Load())[id] = nil
	r.free = append(r.free, id)
}

// get returns the instance of a number that is in use. Its element is written
// only before the number is given out and after it comes back, so that no lock
// is needed: a larger list that takes the place of this one holds the same.
func (r *registry) get(id uint) *instance { return (*r.all.Load())[id] }
