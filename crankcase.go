package crankcase

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// Options are what a host chooses each time it opens a database. No guest can
// sense any of it, and it enters no hash. The zero value is usable.
type Options struct {
	// Engine runs the guests: wazeroengine.Name (the default) or
	// wazeroengine.NameInterpreter.
	Engine string
	// CacheDir is where compiled code is kept for the next start. "": the
	// folder crankcase in the user's cache folder, if there is one; "-": nowhere.
	CacheDir string
	// Logger hears of faults of vats and of kernel panics. nil: silent.
	Logger *slog.Logger
	// Console gets what vats write to their consoles, outside consensus mode:
	// the vat, its name, the level (0 debug, 1 log, 2 info, 3 warn, 4 error)
	// and the text. It must not call the kernel. nil: nobody.
	Console func(vat kernel.VatID, name string, level uint32, text string)
	// MaxVatsOnline bounds the vats that are kept in memory; another one
	// comes back by replay. 0: no bound.
	MaxVatsOnline int
	// UnsafeNoSync does not wait for the disk at Commit: for tests.
	UnsafeNoSync bool
}

// ErrEngine is returned when Options.Engine names an engine that this build
// does not have. Nothing was changed.
var ErrEngine = errors.New("no such engine in this build")

// Kernel is a kernel with its database, engine and workers. All of
// kernel.Kernel's methods are its own; Commit and Close do a little more. It
// belongs to one goroutine at a time.
type Kernel struct {
	*kernel.Kernel
	store   *sqlitestore.Store
	engine  runtime.Engine
	workers *worker.Workers
	// uncommitted: Start made the file, and nothing in it was ever committed.
	uncommitted bool
	closed      bool
}

// Open opens a database that exists and holds a kernel. Errors: those of
// sqlitestore.Open, among them fs.ErrNotExist and sqlitestore.ErrLocked,
// kernel.ErrNotInitialized, kernel.ErrBehaviour, ErrEngine. Nothing has changed then.
func Open(path string, o Options) (*Kernel, error) {
	store, err := sqlitestore.Open(path, &sqlitestore.Options{UnsafeNoSync: o.UnsafeNoSync})
	if err != nil {
		return nil, err
	}
	k, err := open(store, o)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return k, nil
}

// Start makes a fresh database at path and starts the vats of c in it, or opens
// the one that is there, if it was started with the same. Nothing of a fresh
// one has run yet or is committed: a kernel that is closed before its first Commit
// leaves no file behind. If Start fails nothing has changed either.
//
// Errors: those of Open; ErrOtherConfig; for a fresh database
// a *fault.Refusal that says why a vat's module is not accepted, and
// kernel.ErrBadArgument or kernel.ErrNoVat for what else is wrong with c.
func Start(path string, c *Config, o Options) (*Kernel, error) {
	g, err := c.Genesis()
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := c.checkModules(); err != nil {
			return nil, err
		}
	}
	store, err := sqlitestore.Open(path, &sqlitestore.Options{Create: true, UnsafeNoSync: o.UnsafeNoSync})
	if err != nil {
		return nil, err
	}
	started, err := kernel.Initialized(store)
	var k *Kernel
	switch {
	case err != nil:
	case started:
		fresh = false
		if err = checkOrigin(store, c, g); err == nil {
			k, err = open(store, o)
		}
	default:
		k, err = initialize(store, g, o)
	}
	if err != nil {
		if fresh {
			err = errors.Join(err, removeDatabase(store.Path()))
		}
		return nil, errors.Join(err, store.Close())
	}
	k.uncommitted = fresh
	return k, nil
}

func checkOrigin(store *sqlitestore.Store, c *Config, g kernel.Genesis) error {
	word, err := store.HostGet(wordOrigin)
	if err != nil {
		return err
	}
	if err := originOf(g).check(word, func(vat string) string { return c.Vats[vat].Path }); err != nil {
		return fmt.Errorf("%s: %w", store.Path(), err)
	}
	return nil
}

// open opens the kernel in a store, which stays the caller's if it fails.
func open(store *sqlitestore.Store, o Options) (*Kernel, error) {
	// The workers have to know the mode, which the kernel knows.
	params, err := kernel.ReadParams(store)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", store.Path(), err)
	}
	return bind(store, params.ConsensusMode, o, func(w kernel.Workers, ko kernel.Options) (*kernel.Kernel, error) {
		return kernel.Open(store, w, ko)
	})
}

// initialize makes a kernel in a store, which stays the caller's if it fails.
func initialize(store *sqlitestore.Store, g kernel.Genesis, o Options) (*Kernel, error) {
	word, err := originOf(g).encode()
	if err != nil {
		return nil, err
	}
	return bind(store, g.ConsensusMode, o, func(w kernel.Workers, ko kernel.Options) (*kernel.Kernel, error) {
		k, err := kernel.Initialize(store, w, g, ko)
		if err != nil {
			return nil, err
		}
		if err := k.HostSet(wordOrigin, word); err != nil {
			return nil, errors.Join(err, k.Close())
		}
		return k, nil
	})
}

// bind makes an engine and workers and a kernel on them.
func bind(store *sqlitestore.Store, consensus bool, o Options, with func(kernel.Workers, kernel.Options) (*kernel.Kernel, error)) (_ *Kernel, err error) {
	k := &Kernel{store: store}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.closeWorkers())
		}
	}()
	if k.engine, err = NewEngine(o.Engine, o.CacheDir); err != nil {
		return nil, err
	}
	if k.workers, err = worker.New(worker.Config{Engine: k.engine, ConsensusMode: consensus, Console: o.Console}); err != nil {
		return nil, err
	}
	k.Kernel, err = with(k.workers, kernel.Options{Logger: o.Logger, MaxVatsOnline: o.MaxVatsOnline})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// NewEngine makes an engine by its name, as Options.Engine takes it, that runs
// vats; cacheDir is as in Options. The caller closes it.
func NewEngine(name, cacheDir string) (runtime.Engine, error) {
	c := wazeroengine.Config{Host: hostfuncs.HostFuncs()}
	switch name {
	case "", wazeroengine.Name:
	case wazeroengine.NameInterpreter:
		c.Interpreter = true
	default:
		return nil, fmt.Errorf("%w: %q; it has %s and %s", ErrEngine, name, wazeroengine.Name, wazeroengine.NameInterpreter)
	}
	switch cacheDir {
	case "-":
	case "":
		// Without a home there is no cache: it only saves time.
		if dir, err := os.UserCacheDir(); err == nil {
			c.CacheDir = filepath.Join(dir, "crankcase")
		}
	default:
		c.CacheDir = cacheDir
	}
	return wazeroengine.New(c)
}

// Path is the path of the database.
func (k *Kernel) Path() string { return k.store.Path() }

// CacheError tells why compiled code is not, or not fully, kept for the next
// start; nil if all is well, or nothing is to be kept. It costs time only.
func (k *Kernel) CacheError() error {
	if e, ok := k.engine.(interface{ CacheError() error }); ok {
		return e.CacheError()
	}
	return nil
}

// Commit makes durable all that was done since the last commit. A kernel that
// has panicked refuses.
func (k *Kernel) Commit() error {
	if err := k.Kernel.Commit(); err != nil {
		return err
	}
	k.uncommitted = false
	return nil
}

// Committed reports whether the database holds a commit.
func (k *Kernel) Committed() bool { return !k.uncommitted }

// Close rolls back what was not committed and closes kernel, workers, engine
// and database. If Start made the database and nothing was ever committed, the
// file is removed. Closing twice is nothing.
func (k *Kernel) Close() error {
	if k.closed {
		return nil
	}
	if err := k.Kernel.Close(); err != nil {
		return err // it is running
	}
	k.closed = true
	err := k.closeWorkers()
	if k.uncommitted {
		err = errors.Join(err, removeDatabase(k.store.Path()))
	}
	return errors.Join(err, k.store.Close())
}

func (k *Kernel) closeWorkers() (err error) {
	if k.workers != nil {
		err = k.workers.Close()
	}
	if k.engine != nil {
		err = errors.Join(err, k.engine.Close())
	}
	return err
}

// removeDatabase removes a database whose lock is held, so that nobody else
// has begun to use it.
func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
