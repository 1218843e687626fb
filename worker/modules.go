package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/crankcase/crankcase/runtime"
)

// modules holds the compiled modules by the hash of their code: those that
// workers use, and a few that were used last. It is safe for concurrent use.
type modules struct {
	engine runtime.Engine
	keep   int // idle ones

	mu     sync.Mutex
	all    map[[32]byte]*module
	idle   []*module // without users, the longest idle first
	users  int       // of all modules
	closed bool
}

// A module is compiled code and its number of users.
type module struct {
	hash  [32]byte
	users int // under modules.mu

	once     sync.Once
	compiled runtime.Module
	err      error
}

func newModules(e runtime.Engine, keep int) *modules {
	return &modules{engine: e, keep: keep, all: map[[32]byte]*module{}}
}

// acquire returns the module of code, compiled, and counts a user. Of several
// calls for the same code at a time one compiles and the others wait for it.
// The code is hashed each time: its bundle's hash would not do, as bundles that
// differ in data only share code, and a bundle's code differs with the version
// of the instrumenter.
func (ms *modules) acquire(code []byte) (*module, error) {
	hash := sha256.Sum256(code)
	ms.mu.Lock()
	if ms.closed {
		ms.mu.Unlock()
		return nil, errClosed
	}
	m := ms.all[hash]
	if m == nil {
		m = &module{hash: hash}
		ms.all[hash] = m
	}
	if i := slices.Index(ms.idle, m); i >= 0 {
		ms.idle = slices.Delete(ms.idle, i, i+1)
	}
	m.users++
	ms.users++
	ms.mu.Unlock()

	m.once.Do(func() { m.compile(ms.engine, code) })
	if m.err != nil {
		return nil, errors.Join(m.err, ms.release(m))
	}
	return m, nil
}

func (m *module) compile(e runtime.Engine, code []byte) {
	defer recoverAs(&m.err, "compiling a module")
	m.compiled, m.err = e.Compile(code)
}

// release counts a user less. Without users a module becomes idle, one that
// was not compiled is forgotten, and the longest idle one may be closed.
func (ms *modules) release(m *module) error {
	ms.mu.Lock()
	m.users--
	ms.users--
	var old *module
	if m.err != nil {
		// The next call tries again; meanwhile a new module may be there.
		if ms.all[m.hash] == m {
			delete(ms.all, m.hash)
		}
	} else if m.users == 0 {
		ms.idle = append(ms.idle, m)
		if len(ms.idle) > ms.keep {
			old = ms.idle[0]
			ms.idle = slices.Delete(ms.idle, 0, 1)
			delete(ms.all, old.hash)
		}
	}
	ms.mu.Unlock()
	if old != nil {
		return old.compiled.Close()
	}
	return nil
}

var errClosed = errors.New("worker: the workers are closed")

func (ms *modules) close() error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.closed {
		return nil
	}
	if ms.users > 0 {
		return fmt.Errorf("worker: %d workers are open", ms.users)
	}
	ms.closed = true
	var err error
	for _, m := range ms.idle {
		err = errors.Join(err, m.compiled.Close())
	}
	ms.idle, ms.all = nil, nil
	return err
}
