package kernel_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// setup says how a kernel under test is run. None of it may change what it does.
type setup struct {
	interpreter bool
	restarts    bool // the process ends after each crank
	online      int  // vats online at a time
}

// Engines are shared by all tests: each compiles the puppet once.
var engines = map[bool]func() runtime.Engine{
	false: sync.OnceValue(func() runtime.Engine { return newEngine(false) }),
	true:  sync.OnceValue(func() runtime.Engine { return newEngine(true) }),
}

func newEngine(interpreter bool) runtime.Engine {
	e, err := wazeroengine.New(wazeroengine.Config{Interpreter: interpreter, Host: hostfuncs.HostFuncs()})
	if err != nil {
		panic(err)
	}
	return e
}

// bed is a kernel on a real file with real guests.
type bed struct {
	t       *testing.T
	setup   setup
	path    string
	puppet  []byte
	store   *sqlitestore.Store
	workers *worker.Workers
	k       *kernel.Kernel
	lines   []string // what the vats wrote to their consoles
	part    string   // of a line
}

// newBed makes a kernel without vats.
func newBed(t *testing.T, s setup) *bed {
	t.Helper()
	puppet, err := os.ReadFile("../guests/puppet/puppet.wasm")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, setup: s, path: filepath.Join(dir, "kernel.db"), puppet: puppet}
	b.open(&sqlitestore.Options{Create: true, UnsafeNoSync: true})
	if b.k, err = kernel.Initialize(b.store, b.workers, kernel.Genesis{}, b.options()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) options() kernel.Options {
	return kernel.Options{MaxVatsOnline: b.setup.online, Logger: slog.New(bedLog{b})}
}

// bedLog shows what the kernel logs as lines, in order with those of the vats.
type bedLog struct{ b *bed }

func (bedLog) Enabled(context.Context, slog.Level) bool { return true }
func (l bedLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l bedLog) WithGroup(string) slog.Handler          { return l }
func (l bedLog) Handle(_ context.Context, r slog.Record) error {
	line := "log: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.b.lines = append(l.b.lines, line)
	return nil
}

func (b *bed) open(o *sqlitestore.Options) {
	b.t.Helper()
	var err error
	if b.store, err = sqlitestore.Open(b.path, o); err != nil {
		b.t.Fatal(err)
	}
	b.workers, err = worker.New(worker.Config{Engine: engines[b.setup.interpreter](),
		Console: func(_ kernel.VatID, name string, level uint32, text string) {
			// A puppet writes a long line in parts; all but the last have level 0.
			if b.part += text; level > 0 {
				b.lines = append(b.lines, name+": "+b.part)
				b.part = ""
			}
		}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// reopen ends what was a process and starts another one on the same file.
func (b *bed) reopen() error {
	if err := b.shut(); err != nil {
		return err
	}
	b.open(&sqlitestore.Options{UnsafeNoSync: true})
	k, err := kernel.Open(b.store, b.workers, b.options())
	if err == nil {
		b.k = k
	}
	return err
}

func (b *bed) shut() error {
	if b.k != nil {
		if err := b.k.Close(); err != nil {
			return err
		}
	}
	if err := b.workers.Close(); err != nil {
		return err
	}
	return b.store.Close()
}

func (b *bed) close() {
	b.t.Helper()
	if err := b.shut(); err != nil {
		b.t.Error(err)
	}
}
