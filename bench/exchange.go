package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// Config says what is measured.
type Config struct {
	Folder      string // of the exchange's crankcase.json and orders.jsonl
	Dir         string // for databases; on the disk that is to be measured
	Orders      int    // lines of orders.jsonl, from the first
	CommitEvery int    // cranks between commits
	Engine      string // as crankcase.Options has it; "": wazero's compiler
	Rounds      int    // of which the fastest counts
}

// Row is what a delivery to one vat, or to all vats of one language, costs, in
// microseconds of CPU.
type Row struct {
	Name       string
	Deliveries int
	Kernel     float64 // from the message to COMMIT
	Floor      float64 // the same rows and one Wasm call
	Wasm       float64 // of the floor, the Wasm call alone
	Guest      float64 // of the kernel's run, the Wasm call without what it asks of the kernel
}

// Result is what was measured.
type Result struct {
	Rows    []Row
	Cranks  int
	Routing float64 // CPU of a routing crank, in microseconds
	Writes  float64 // rows and transcript items that the store is given, a delivery
}

// Row finds a row by its name.
func (r *Result) Row(name string) Row {
	for _, x := range r.Rows {
		if x.Name == name {
			return x
		}
	}
	return Row{}
}

// goVats are the exchange's vats in Go; the others are in C.
var goVats = []string{"alice", "bob", "carol"}

// Exchange runs the exchange in both ways and compares them.
func Exchange(c Config) (*Result, error) {
	cfg, err := crankcase.LoadConfig(filepath.Join(c.Folder, "crankcase.json"), crankcase.BuildGo(io.Discard))
	if err != nil {
		return nil, err
	}
	g, err := cfg.Genesis()
	if err != nil {
		return nil, err
	}
	lines, err := readOrders(filepath.Join(c.Folder, "orders.jsonl"), c.Orders)
	if err != nil {
		return nil, err
	}
	e, err := crankcase.NewEngine(c.Engine, "")
	if err != nil {
		return nil, err
	}
	defer e.Close()
	b := &bencher{Config: c, genesis: g, lines: lines, engine: e, names: map[kernel.VatID]string{}}
	if err := b.kernelRun(true, nil); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	var best, floor, guest *times
	for range max(c.Rounds, 1) {
		k, f, g := newTimes(), newTimes(), newTimes()
		if err := b.kernelRun(false, k); err != nil {
			return nil, err
		}
		if err := b.kernelRun(false, g, timedWorkers); err != nil {
			return nil, err
		}
		if err := b.floorRun(f); err != nil {
			return nil, err
		}
		best, floor, guest = fastest(best, k), fastest(floor, f), fastest(guest, g)
	}
	return b.result(best, floor, guest), nil
}

type order struct {
	Target, Method string
	Args           json.RawMessage
	data           capdata.KernelData
}

func readOrders(path string, n int) ([]order, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []order
	for s := bufio.NewScanner(f); s.Scan() && len(all) < n; {
		var o order
		if err := json.Unmarshal(s.Bytes(), &o); err != nil {
			return nil, err
		}
		if o.data, err = crankcase.EncodeCallJSON(o.Method, o.Args); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// times is the CPU that went to each kind of work. Each piece is timed by the wall
// clock, which costs next to nothing, and end turns that into CPU by the ratio of the
// two over the whole run.
type times struct {
	deliver map[kernel.VatID]time.Duration
	wasm    map[kernel.VatID]time.Duration // of deliver, the floor's call of the guest
	count   map[kernel.VatID]int
	shared  time.Duration // routing, input, commits
	routing time.Duration
	routed  int
	cranks  int
	cpu     time.Duration // when the run began
	wall    time.Time
}

// start begins a run.
func (t *times) start() { t.cpu, t.wall = cpu(), time.Now() }

// end ends it.
func (t *times) end() {
	ratio := float64(cpu()-t.cpu) / float64(time.Since(t.wall))
	scale := func(d *time.Duration) { *d = time.Duration(float64(*d) * ratio) }
	scale(&t.shared)
	scale(&t.routing)
	for _, m := range []map[kernel.VatID]time.Duration{t.deliver, t.wasm} {
		for id, d := range m {
			scale(&d)
			m[id] = d
		}
	}
}

func newTimes() *times {
	return &times{deliver: map[kernel.VatID]time.Duration{}, wasm: map[kernel.VatID]time.Duration{}, count: map[kernel.VatID]int{}}
}

func (t *times) total() (d time.Duration) {
	for _, x := range t.deliver {
		d += x
	}
	return d + t.shared
}

func fastest(x, y *times) *times {
	if x == nil || y.total() < x.total() {
		return y
	}
	return x
}

// cpu is what the process has used, all threads.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

type bencher struct {
	Config
	genesis kernel.Genesis
	lines   []order
	engine  runtime.Engine
	names   map[kernel.VatID]string
	trace   trace
}

func (b *bencher) store() (*sqlitestore.Store, func() error, error) {
	dir, err := os.MkdirTemp(b.Dir, "bench-")
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlitestore.Open(filepath.Join(dir, "kernel.db"), &sqlitestore.Options{Create: true})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, func() error { return errors.Join(s.Close(), os.RemoveAll(dir)) }, nil
}

// kernelRun runs the workload on a kernel.
func (b *bencher) kernelRun(record bool, t *times, wrap ...func(kernel.Workers, *times) kernel.Workers) (err error) {
	s, closeStore, err := b.store()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	w, err := worker.New(worker.Config{Engine: b.engine, ConsensusMode: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	var store kernel.Store = s
	var workers kernel.Workers = w
	if record {
		store, workers = recordingStore{s, &b.trace}, recordingWorkers{w, &b.trace}
		t = newTimes()
	}
	for _, f := range wrap {
		workers = f(workers, t)
	}
	k, err := kernel.Initialize(store, workers, b.genesis, kernel.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	for _, v := range b.genesis.Vats {
		id, err := k.VatNamed(v.Name)
		if err != nil {
			return err
		}
		b.names[id] = v.Name
	}
	// Compiling and starting the vats is not what is measured.
	if _, err := k.Run(nil); err != nil {
		return err
	}
	if err := k.Commit(); err != nil {
		return err
	}
	clear(t.wasm)
	t.start()
	p := &meter{t: t, last: time.Now(), every: b.CommitEvery}
	for _, o := range b.lines {
		if err := b.queue(k, o); err != nil {
			return err
		}
		p.lap(&t.shared)
		for {
			if _, err := k.Run(p); err != nil {
				return err
			}
			if !p.commit {
				break
			}
			p.commit, p.cranks = false, 0
			if err := k.Commit(); err != nil {
				return err
			}
			p.lap(&t.shared)
		}
	}
	err = k.Commit()
	p.lap(&t.shared)
	t.end()
	return err
}

func (b *bencher) queue(k *kernel.Kernel, o order) error {
	root, err := k.Root(o.Target)
	if err != nil {
		return err
	}
	_, err = k.Queue(root, o.data, kernel.QueueOptions{})
	return err
}

// meter is a run policy that looks at the clock after each crank.
type meter struct {
	t      *times
	last   time.Time
	every  int
	cranks int
	commit bool
}

func (m *meter) lap(to *time.Duration) {
	now := time.Now()
	*to += now.Sub(m.last)
	m.last = now
}

func (m *meter) AllowCleanup() (bool, int) { return true, 0 }

func (m *meter) Cranked(c kernel.CrankInfo) bool {
	m.t.cranks++
	m.cranks++
	now := time.Now()
	d := now.Sub(m.last)
	m.last = now
	if c.Kind == kernel.CrankDelivery {
		m.t.deliver[c.Vat] += d
		m.t.count[c.Vat]++
	} else {
		m.t.shared += d
		m.t.routing += d
		m.t.routed++
	}
	m.commit = m.cranks >= m.every
	return !m.commit
}

// floorRun does what the trace says without a kernel.
func (b *bencher) floorRun(t *times) (err error) {
	s, closeStore, err := b.store()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	w, err := worker.New(worker.Config{Engine: b.engine, ConsensusMode: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	vats := map[kernel.VatID]kernel.Worker{}
	for _, v := range b.trace.vats {
		one, err := w.Spawn(v)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, one.Close()) }()
		vats[v.ID] = one
	}
	last, entered := time.Now(), kernel.VatID(0)
	lap := func(to *time.Duration) {
		now := time.Now()
		*to += now.Sub(last)
		last = now
	}
	started := false // the first commit ends what is not measured
	for i := range b.trace.steps {
		st := &b.trace.steps[i]
		switch {
		case st.vat != 0:
			sys := &answering{b.trace.answers[st.answers[0]:st.answers[1]]}
			if _, err := vats[st.vat].Deliver(st.delivery, sys); err != nil {
				return err
			}
		case st.commit:
			if err := s.Commit(); err != nil {
				return err
			}
		default:
			if err := s.Flush(st.writes, st.items); err != nil {
				return err
			}
		}
		if !started {
			if started = st.commit; started {
				t.start()
				last = t.wall
			}
			entered = 0
			continue
		}
		switch {
		case st.vat != 0: // its flush follows
			var d time.Duration
			lap(&d)
			t.wasm[st.vat] += d
			t.deliver[st.vat] += d
			t.count[st.vat]++
			entered = st.vat
		case entered != 0:
			d := t.deliver[entered]
			lap(&d)
			t.deliver[entered] = d
			entered = 0
		default:
			lap(&t.shared)
		}
	}
	t.end()
	return nil
}

// result puts the runs side by side.
func (b *bencher) result(k, f, g *times) *Result {
	r := &Result{Cranks: k.cranks}
	all := 0
	for _, n := range k.count {
		all += n
	}
	r.Routing = micro(k.routing, k.routed)
	r.Writes = float64(b.writes()) / float64(all)
	group := func(name string, in func(string) bool) {
		row := Row{Name: name}
		var dk, df, dw, dg time.Duration
		for id, vat := range b.names {
			if in(vat) {
				row.Deliveries += k.count[id]
				dk, df, dw, dg = dk+k.deliver[id], df+f.deliver[id], dw+f.wasm[id], dg+g.wasm[id]
			}
		}
		if row.Deliveries == 0 {
			return
		}
		row.Kernel = micro(dk, row.Deliveries) + micro(k.shared, all)
		row.Floor = micro(df, row.Deliveries) + micro(f.shared, all)
		row.Wasm, row.Guest = micro(dw, row.Deliveries), micro(dg, row.Deliveries)
		r.Rows = append(r.Rows, row)
	}
	isGo := func(name string) bool { return slices.Contains(goVats, name) }
	var names []string
	for _, n := range b.names {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		group(n, func(x string) bool { return x == n })
	}
	group("C", func(x string) bool { return !isGo(x) })
	group("Go", isGo)
	group("all", func(string) bool { return true })
	return r
}

// writes counts what the store is given after the vats have started.
func (b *bencher) writes() (n int) {
	started := false
	for i := range b.trace.steps {
		st := &b.trace.steps[i]
		if started {
			n += len(st.writes) + len(st.items)
		}
		started = started || st.commit
	}
	return n
}

func micro(d time.Duration, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d.Nanoseconds()) / 1000 / float64(n)
}

// String is the result as a table.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %10s %10s %10s %10s %10s %10s %10s\n", "vat", "deliveries", "kernel us", "floor us", "ratio", "wasm us", "guest us", "over guest")
	for _, x := range r.Rows {
		fmt.Fprintf(&b, "%-10s %10d %10.1f %10.1f %10.2f %10.1f %10.1f %10.1f\n", x.Name, x.Deliveries, x.Kernel, x.Floor, x.Kernel/x.Floor, x.Wasm, x.Guest, x.Kernel-x.Guest)
	}
	fmt.Fprintf(&b, "a routing crank: %.1f us; %d cranks; %.1f rows written a delivery\n", r.Routing, r.Cranks, r.Writes)
	return b.String()
}
