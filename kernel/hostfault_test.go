package kernel_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// faultBed runs a fixed workload on a real file, through a store and workers that may
// fail. The number of the step that is done next is kept among the host's words, as a host would.
type faultBed struct {
	path     string
	injector injector
	store    *sqlitestore.Store
	workers  *worker.Workers
	k        *kernel.Kernel
}

const wordNext = "next step"

func (b *faultBed) open() error {
	store, err := sqlitestore.Open(b.path, &sqlitestore.Options{Create: true, UnsafeNoSync: true})
	if err != nil {
		return err
	}
	b.store = store
	if b.workers, err = worker.New(worker.Config{Engine: engines[false]()}); err != nil {
		return err
	}
	return b.start()
}

func (b *faultBed) start() (err error) {
	defer func() { // before there is a kernel nobody catches a Go panic
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	s, w := &faultyStore{b.store, &b.injector}, &faultyWorkers{b.workers, &b.injector}
	o := kernel.Options{MaxVatsOnline: 1}
	ok, err := kernel.Initialized(s)
	switch {
	case err != nil:
	case ok:
		b.k, err = kernel.Open(s, w, o)
	default:
		b.k, err = kernel.Initialize(s, w, kernel.Genesis{}, o)
	}
	return err
}

func (b *faultBed) shut() error {
	var errs []error
	if b.k != nil {
		errs = append(errs, b.k.Close())
		b.k = nil
	}
	return errors.Join(append(errs, b.workers.Close(), b.store.Close())...)
}

// play does the rest of the steps, and notes the activity hash at each commit.
func (b *faultBed) play(module []byte, commits map[int][32]byte) error {
	word, err := b.k.HostGet(wordNext)
	if err != nil {
		return err
	}
	next := 0
	if word != nil {
		if next, err = strconv.Atoi(string(word)); err != nil {
			return err
		}
		if commits[next] != b.k.ActivityHash() {
			return fmt.Errorf("the file opened with activity hash %x at step %d, %x was committed", b.k.ActivityHash(), next, commits[next])
		}
	}
	for ; next < len(faultSteps); next++ {
		if err := b.do(faultSteps[next], module); err != nil {
			return fmt.Errorf("step %d: %w", next, err)
		}
		if next%3 == 2 {
			if err := b.k.HostSet(wordNext, []byte(strconv.Itoa(next+1))); err != nil {
				return err
			}
			if err := b.k.Commit(); err != nil {
				return err
			}
			commits[next+1] = b.k.ActivityHash()
			if faultSteps[next] == "restart" {
				if err := b.k.Close(); err != nil {
					return err
				}
				b.k = nil
				if err := b.start(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// faultSteps are calls and scripts that together use every method of the store: keys, a
// promise that is passed around, exports that are dropped and retired with an importer left, a vat that dies and is cleaned up.
var faultSteps = []string{
	"vat A", "vat B", "link",
	"A: vatstore_set 'a' '1'; send o-50 @m{ vatstore_set 'b' '2'; subscribe s0; resolve <$result data '#1' []> } [p+1 o+1] p+2; subscribe p+2",
	"run 3", "run",
	"A: on dropExports { retire_exports $slots }; vatstore_get 'a'; vatstore_next_key ''; resolve <p+1 object '' [o+2]>", "run", "root",
	"B: drop_imports [o-51]; vatstore_get 'b'", "run", "reap",
	"B: send o-50 @x{ resolve <$result rejected '#\"no\"' []> } [o+5] p+7; subscribe p+7", "run", "restart",
	"A: vatstore_delete 'a'; send o-50 '#[\"keep\",[]]' [o+9 p+9]; trap", "run", "B: send o-50 '#[\"x\",[]]' [] p+8; subscribe p+8",
	"run", "end B", "run",
}

func (b *faultBed) do(s string, module []byte) error {
	h := b.k.Harness()
	command, rest, _ := strings.Cut(s, " ")
	switch command {
	case "vat":
		id, err := h.AddVat(rest, module, kernel.VatOptions{}, false)
		if err != nil {
			return err
		}
		_, err = h.AddExport(id, capdata.Root, true)
		return err
	case "link": // each knows the other's root as o-50
		for _, v := range [][2]kernel.VatID{{1, 2}, {2, 1}} {
			root, err := h.Lookup(v[1], capdata.Root)
			if err != nil {
				return err
			}
			if _, err := h.AddImport(v[0], root); err != nil {
				return err
			}
		}
		return nil
	case "run":
		n, _ := strconv.ParseUint(rest, 10, 64)
		_, err := b.k.Run(kernel.CrankCounter(n))
		return err
	case "root":
		_, err := b.k.StateRoot()
		return err
	case "reap":
		return h.Reap(1)
	case "end":
		return b.k.TerminateVat(2, "enough")
	case "restart":
		return nil // after the commit that follows
	}
	vat := map[string]kernel.VatID{"A:": 1, "B:": 2}[command]
	root, err := h.Lookup(vat, capdata.Root)
	if err != nil {
		return err
	}
	script, err := puppet.Assemble(rest)
	if err != nil {
		return err
	}
	_, err = b.k.Queue(root, capdata.KernelData{Body: puppet.Body("run", script)}, kernel.QueueOptions{Watch: true})
	return err
}

func readPuppet(t *testing.T) []byte {
	t.Helper()
	module, err := os.ReadFile("../guests/puppet/puppet.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// TestHostFaults fails each kind of call of the store and of the workers, at many places of a
// workload. Each time the kernel panics, refuses all work with the same error, and the file is at its
// last commit: from there the workload comes to the same end as if nothing had been.
func TestHostFaults(t *testing.T) {
	module := readPuppet(t)
	dir := t.TempDir()
	// Undisturbed.
	b := &faultBed{path: filepath.Join(dir, "whole.db")}
	b.injector.arm("", 0, "")
	commits := map[int][32]byte{}
	if err := errors.Join(b.open(), b.play(module, commits)); err != nil {
		t.Fatal(err)
	}
	calls := maps.Clone(b.injector.calls)
	want := b.k.ActivityHash()
	root, err := b.k.StateRoot()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := b.k.Dump(); err != nil || len(d.Alive) != 0 || len(violations(d, nil)) > 0 {
		t.Fatalf("at the end: %+v, %v", d, err)
	}
	if err := b.shut(); err != nil {
		t.Fatal(err)
	}

	all := []string{"Get", "ByVref", "Importers", "Scan", "ScanTable", "GetKey", "NextKey", "Flush", "Transcript", "DropTranscript",
		"PutBundle", "GetBundle", "HostGet", "HostSet", "Commit", "Spawn", "Deliver", "WorkerClose"}
	late := []string{"Scan", "ScanTable", "Flush", "Transcript", "DropTranscript", "PutBundle", "HostSet", "Deliver"}
	run := 0
	for _, method := range all {
		if calls[method] == 0 {
			t.Errorf("the workload does not use %s", method)
		}
		modes := []mode{byError, byPanic}
		if slices.Contains(late, method) {
			modes = append(modes, byLate)
		}
		switch method {
		case "WorkerClose":
			modes = []mode{byError} // workers themselves make errors of their panics
		case "Get":
			modes = append(modes, byShort)
		case "Deliver":
			modes = append(modes, byGas)
		}
		for _, m := range modes {
			for _, n := range places(calls[method]) {
				run++
				if m == byShort {
					n += 2 // of the first two rows, at the restart, Initialized only wants to know whether they are there
				}
				f := &faultBed{path: filepath.Join(dir, fmt.Sprintf("%d.db", run))}
				f.injector.arm(method, n, m)
				if err := f.fail(module, commits); err != nil {
					t.Fatalf("%s in call %d of %s: %v", m, n, method, err)
				}
				f.injector.arm("", 0, "")
				err := errors.Join(f.open(), f.play(module, commits))
				if err != nil || f.k.ActivityHash() != want {
					t.Fatalf("%s in call %d of %s: then activity hash %x, want %x (%v)", m, n, method, f.k.ActivityHash(), want, err)
				}
				if got, err := f.k.StateRoot(); err != nil || got != root {
					t.Fatalf("%s in call %d of %s: then state root %x, want %x (%v)", m, n, method, got, root, err)
				}
				if err := f.shut(); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(f.path); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d faults at %v", run, calls)
}

// places picks calls to fail: the first ones, the last one, some between; all with -long.
func places(calls int) (n []int) {
	for i := 1; i <= calls; i++ {
		if step := max(1, calls/6); *longFlag || i <= 3 || i == calls || i%step == 0 {
			n = append(n, i)
		}
	}
	return n
}

// fail plays the workload into the fault and looks at what the kernel does then.
func (f *faultBed) fail(module []byte, commits map[int][32]byte) (err error) {
	defer func() { err = errors.Join(err, f.shut()) }()
	err = f.open()
	if err == nil {
		err = f.play(module, maps.Clone(commits))
	}
	i := &f.injector
	if !i.fired && i.mode == byShort { // fewer rows were there than calls were made
		return nil
	}
	var p *kernel.PanicError
	switch {
	case !i.fired:
		return fmt.Errorf("it never came to that: %v", err)
	case err == nil && i.method == "WorkerClose": // by Close of the kernel, which goes on and logs it
		return nil
	case err == nil:
		return errors.New("nobody has noticed")
	case f.k == nil: // Open or Initialize has failed
		if !errors.Is(err, errInjected) && i.mode == byError {
			return err
		}
		return nil
	case !errors.As(err, &p) || !errors.Is(err, kernel.ErrPanic):
		return fmt.Errorf("no panic of the kernel: %w", err)
	case (i.mode == byError || i.mode == byLate) && !errors.Is(err, errInjected):
		return fmt.Errorf("the cause is lost: %w", err)
	case (i.mode == byShort) != strings.Contains(err.Error(), "damaged"):
		return fmt.Errorf("not what it is: %w", err)
	case i.mode == byPanic && !strings.Contains(p.Cause.Error(), "injected panic"):
		return fmt.Errorf("the cause is lost: %w", err)
	case i.mode == byPanic && !strings.Contains(string(p.Stack), "faults_test.go"):
		return fmt.Errorf("a Go panic without its stack: %w\n%s", err, p.Stack)
	case len(i.broken) > 0:
		return errors.New(i.broken[0])
	case !i.rolledBack:
		return errors.New("the transaction was not rolled back")
	}
	// It refuses everything, with the same error.
	_, runErr := f.k.Run(nil)
	_, stepErr := f.k.Step()
	_, queueErr := f.k.Queue(capdata.NewKref(capdata.Object, 20), capdata.KernelData{}, kernel.QueueOptions{})
	_, rootErr := f.k.StateRoot()
	_, getErr := f.k.HostGet(wordNext)
	_, idleErr := f.k.Idle()
	for what, got := range map[string]error{"Commit": f.k.Commit(), "Run": runErr, "Step": stepErr, "Queue": queueErr, "StateRoot": rootErr,
		"HostGet": getErr, "HostSet": f.k.HostSet("x", nil), "TerminateVat": f.k.TerminateVat(1, ""), "Idle": idleErr,
		"Watch": f.k.Watch(0), "Release": f.k.Release(0), "Reap": f.k.Harness().Reap(1)} {
		if got != error(p) {
			return fmt.Errorf("%s answers %v after %w", what, got, p)
		}
	}
	// A dump shows the last commit, if there was one.
	d, err := f.k.Dump()
	if err != nil {
		if errors.Is(err, kernel.ErrNotInitialized) {
			return nil
		}
		return err
	}
	if v := violations(d, nil); v != nil {
		return fmt.Errorf("what is committed is not whole: %v", v)
	}
	return nil
}
