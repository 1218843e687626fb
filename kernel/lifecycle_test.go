package kernel_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// genesisBed is a kernel of a genesis whose vats run scripts in startVat.
func genesisBed(t *testing.T, g kernel.Genesis, scripts map[string]string) *bed {
	t.Helper()
	b := &bed{t: t, path: filepath.Join(t.TempDir(), "kernel.db"), puppet: readPuppet(t)}
	for name, s := range scripts {
		code, err := assemble(s)
		if err != nil {
			t.Fatal(err)
		}
		v := kernel.VatConfig{Name: name, Module: b.puppet, Parameters: capdata.CapData{Body: puppet.Body("parameters", code)}}
		v.Options.Critical = strings.HasPrefix(name, "critical")
		g.Vats = append(g.Vats, v)
	}
	b.open(&sqlitestore.Options{Create: true, UnsafeNoSync: true})
	var err error
	if b.k, err = kernel.Initialize(b.store, b.workers, g, b.options()); err != nil {
		t.Fatal(err)
	}
	if err := b.k.Commit(); err != nil {
		t.Fatal(err)
	}
	return b
}

// A vat may end in its startVat, in each way: it gets nothing more, its messages are rejected, and it is not
// started again. The others start.
func TestEndInStartVat(t *testing.T) {
	b := genesisBed(t, kernel.Genesis{DefaultGasLimit: 10_000_000}, map[string]string{
		"a-lives": "vatstore_set 'k' 'v'",
		"b-traps": "vatstore_set 'k' 'v'; trap",
		"c-exits": "vatstore_set 'k' 'v'; exit 0 '#\"done\"' []",
		"d-fails": "exit 1 '#\"no\"' [o+0]",
		"e-spins": "spin",
		"f-lives": "subscribe p+1",
	})
	defer b.close()
	ends := map[string]string{
		"b-traps": "unreachable", "c-exits": `exit: #"done"`, "d-fails": `exit: #"no"`, "e-spins": "gas limit of 10000000",
	}
	results := map[string]capdata.Kref{}
	for id, name := range []string{"a-lives", "b-traps", "c-exits", "d-fails", "e-spins", "f-lives"} {
		root, err := b.k.Root(name)
		if err != nil {
			t.Fatal(err)
		}
		results[name], err = b.k.Queue(root, capdata.KernelData{Body: []byte(fmt.Sprintf(`#["to",[%d]]`, id))}, kernel.QueueOptions{Watch: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Twice, the second time from the commit on: a vat that has failed to start has failed for good.
	for range 2 {
		if _, err := b.k.Run(nil); err != nil {
			t.Fatal(err)
		}
		for name, r := range results {
			want := kernel.PromiseUnresolved
			if ends[name] != "" {
				want = kernel.PromiseRejected
			}
			if got, err := b.k.PromiseStatus(r); got != want || err != nil {
				t.Errorf("the message for %s is %s, want %s (%v)", name, got, want, err)
			}
		}
		d, err := b.k.Dump()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range d.VatTables {
			if want := ends[v.Name]; v.Ended != (want != "") || !strings.Contains(v.Fault, want) {
				t.Errorf("%s: ended %v: %s", v.Name, v.Ended, v.Fault)
			}
		}
		if len(d.Alive) != 2 || len(d.Vatstore) != 1 || violations(d, nil) != nil {
			t.Errorf("%v live, with %d keys: %v", d.Alive, len(d.Vatstore), violations(d, nil))
		}
		if err := errors.Join(b.k.Commit(), b.reopen()); err != nil {
			t.Fatal(err)
		}
	}
	starts := 0
	for _, l := range b.lines {
		if strings.Contains(l, "startVat") && !strings.HasPrefix(l, "log:") {
			starts++
		}
	}
	if starts != 6 {
		t.Errorf("startVat was delivered %d times:\n%s", starts, strings.Join(b.lines, "\n"))
	}
}

// A critical vat that fails to start is a panic, and so it is after each restart.
func TestCriticalStart(t *testing.T) {
	b := genesisBed(t, kernel.Genesis{}, map[string]string{"a-lives": "", "critical": "trap"})
	defer b.close()
	for range 2 {
		_, err := b.k.Run(nil)
		var c *kernel.CriticalError
		if !errors.Is(err, kernel.ErrPanic) || !errors.As(err, &c) || c.Vat != 2 || c.Name != "critical" || !strings.Contains(c.Reason, "unreachable") {
			t.Fatal(err)
		}
		if err := b.reopen(); err != nil {
			t.Fatal(err)
		}
		if b.k.Cranks() != 0 {
			t.Fatalf("%d cranks were kept", b.k.Cranks())
		}
	}
}

// A database of another behaviour is refused.
func TestOtherBehaviour(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	if err := errors.Join(b.k.Commit(), b.k.Close()); err != nil {
		t.Fatal(err)
	}
	row := uint64(0)
	err := b.store.ScanTable(kernel.TableState, func(w kernel.Write) bool {
		if strings.HasPrefix(string(w.Value), `{"behaviour"`) {
			row = w.A
		}
		return true
	})
	if err != nil || row == 0 {
		t.Fatalf("there is no row of parameters (%v)", err)
	}
	params := fmt.Sprintf(`{"behaviour":%d,"consensusMode":false,"gasLimit":1,"maxLog":1}`, kernel.Behaviour+1)
	if err := b.store.Flush([]kernel.Write{{Table: kernel.TableState, A: row, Value: []byte(params)}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.Open(b.store, b.workers, kernel.Options{}); !errors.Is(err, kernel.ErrBehaviour) {
		t.Fatal(err)
	}
	if err := b.store.Flush([]kernel.Write{{Table: kernel.TableState, A: row, Value: []byte("{")}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.Open(b.store, b.workers, kernel.Options{}); !errors.Is(err, kernel.ErrPanic) || !strings.Contains(err.Error(), "damaged") {
		t.Fatal(err)
	}
}

// onlineWorkers knows which vats have a worker.
type onlineWorkers struct {
	kernel.Workers
	online map[kernel.VatID]int
	most   int
	spawns []kernel.VatID
}

func (o *onlineWorkers) Spawn(v kernel.VatSpec) (kernel.Worker, error) {
	w, err := o.Workers.Spawn(v)
	if err != nil {
		return nil, err
	}
	o.online[v.ID]++
	o.most = max(o.most, len(o.online))
	o.spawns = append(o.spawns, v.ID)
	return &onlineWorker{w, o, v.ID}, nil
}

type onlineWorker struct {
	kernel.Worker
	o   *onlineWorkers
	vat kernel.VatID
}

func (w *onlineWorker) Close() error {
	delete(w.o.online, w.vat)
	return w.Worker.Close()
}

// S36: at most so many vats are online; the one that was entered longest ago goes first; each comes back
// with what it knew.
func TestWarehouse(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	if err := errors.Join(b.k.Close(), b.workers.Close(), b.store.Rollback()); err != nil {
		t.Fatal(err)
	}
	var err error
	b.workers, err = worker.New(worker.Config{Engine: engines[false](), Console: func(_ kernel.VatID, name string, _ uint32, text string) {
		if !strings.Contains(text, " ") {
			b.lines = append(b.lines, name+text)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	o := &onlineWorkers{Workers: b.workers, online: map[kernel.VatID]int{}}
	if b.k, err = kernel.Initialize(b.store, o, kernel.Genesis{}, kernel.Options{MaxVatsOnline: 2}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		b.adds(name, kernel.VatOptions{})
	}
	o.spawns = nil
	// c and d are online.
	for _, v := range []kernel.VatID{1, 2, 1, 3, 1, 2, 4, 4, 2, 1, 3} {
		b.sends(v, "add r3 1; print r3", kernel.QueueOptions{NoResult: true})
		if _, err := b.k.Run(nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(b.lines, " "), "a1 b1 a2 c1 a3 b2 d1 d2 b3 a4 c2"; got != want {
		t.Errorf("the vats answered %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(o.spawns), "[1 2 3 2 4 1 3]"; got != want {
		t.Errorf("vats came online in the order %s, want %s", got, want)
	}
	if o.most != 2 || len(o.online) != 2 {
		t.Errorf("%d vats were online at a time, now %d", o.most, len(o.online))
	}
	// A vat that has ended is not kept.
	if err := b.k.TerminateVat(3, "enough"); err != nil {
		t.Fatal(err)
	}
	if o.online[3] != 0 {
		t.Error("a vat that has ended is online")
	}
	if err := b.k.Close(); err != nil || len(o.online) != 0 {
		t.Errorf("%d vats are online after Close (%v)", len(o.online), err)
	}
}
