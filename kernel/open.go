package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/crankcase/crankcase/capdata"
)

// Kernel runs vats. It is made by Open and belongs to one goroutine at a time.
//
// Its memory is a cache: the truth is the store plus the running crank's buffer, so a
// process may end after any crank.
type Kernel struct {
	store   Store
	workers Workers
	log     *slog.Logger

	objects   *table[object]
	promises  *table[promise]
	settled   *table[capdata.KernelData]
	parked    *table[event]
	queue     *table[event]
	vats      *table[vatRow]
	vatStates *table[vatState]
	actions   *table[struct{}]
	batches   *table[batch]
	roster    *table[roster]
	paramRow  *table[Params]
	clist     *clist
	inflight  inflight
	tables    []buffered // all of the above but inflight, and the vatstore
	vatstore  vatstore

	params    Params
	st, saved state
	activity  [32]byte
	free      maybeFree

	delivery delivery
	payload  []byte
	items    []TranscriptItem
	itemBuf  []byte
	arena    encoder
	writes   []Write
	hashBuf  []byte
	// lateState is the state's row as of the last flush, if the store does not have it.
	lateState []byte
	lateItems []TranscriptItem // their data lies in itemBuf
	lateBytes int              // of rows kept back, a row counting each time it changes

	online    map[VatID]*online
	maxOnline int
	clock     uint64 // counts entries into vats, for eviction; not time

	at   place
	busy atomic.Bool
	dead error // *PanicError once the kernel has panicked, ErrClosed once it is closed
}

// Errors of misuse. Nothing has changed when they are returned.
var (
	// ErrNotInitialized is returned by Open if the store holds no kernel yet.
	ErrNotInitialized = errors.New("the database holds no kernel: initialize it first")
	// ErrInitialized is returned by Initialize if the store holds a kernel.
	ErrInitialized = errors.New("the database holds a kernel already")
	// ErrBehaviour is returned by Open if the database was made with a behaviour that this library lacks.
	ErrBehaviour = errors.New("this library does not have the database's behaviour")
	// ErrClosed is returned by all methods of a kernel that was closed.
	ErrClosed = errors.New("the kernel is closed")
	// ErrNoVat is returned when a vat is named that is not there, or has ended.
	ErrNoVat = errors.New("no such vat")
	// ErrBadArgument is returned for arguments that cannot be.
	ErrBadArgument = errors.New("bad argument")
)

func newKernel(s Store, w Workers, o Options) *Kernel {
	k := &Kernel{store: s, workers: w, log: o.Logger, maxOnline: o.MaxVatsOnline,
		objects:   newTable(TableObject, s, encodeObject, decodeObject),
		promises:  newTable(TablePromise, s, encodePromise, decodePromise),
		settled:   newTable(TableSettled, s, (*encoder).data, (*decoder).data),
		parked:    newTable(TableParked, s, encodeEvent, decodeEvent),
		queue:     newTable(TableQueue, s, encodeEvent, decodeEvent),
		vats:      newTable(TableVat, s, encodeVat, decodeVat),
		vatStates: newTable(TableVatState, s, encodeVatState, decodeVatState),
		actions:   newTable(TableGCAction, s, func(*encoder, struct{}) {}, func(*decoder) (x struct{}) { return }),
		batches:   newTable(TableState, s, encodeBatch, decodeBatch),
		roster:    newTable(TableState, s, encodeRoster, decodeRoster),
		paramRow:  newTable(TableState, s, encodeParams, decodeParams),
		clist:     newCList(s),
		vatstore:  vatstore{s, map[vatKey]cell[[]byte]{}},
		free:      maybeFree{in: map[capdata.Kref]bool{}},
		online:    map[VatID]*online{},
		inflight:  inflight{clean: map[capdata.Kref]uint64{}},
	}
	k.vatStates.late = map[rowKey]lateCell[vatState]{}
	k.promises.late = map[rowKey]lateCell[promise]{}
	k.settled.late = map[rowKey]lateCell[capdata.KernelData]{}
	k.parked.late = map[rowKey]lateCell[event]{}
	k.queue.late = map[rowKey]lateCell[event]{}
	k.tables = []buffered{k.objects, k.promises, k.settled, k.parked, k.queue, k.vats, k.vatStates, k.actions,
		k.batches, k.roster, k.paramRow, k.clist, &k.vatstore}
	numberA := func(r rowKey) uint64 { return capdata.Kref(r.a).Number() }
	nextPromise := func() uint64 { return k.st.nextPromise }
	k.objects.numbered(numberA, func() uint64 { return k.st.nextObject })
	k.promises.numbered(numberA, nextPromise)
	k.settled.numbered(numberA, nextPromise)
	k.queue.numbered(func(r rowKey) uint64 { return r.b }, func() uint64 { return k.st.nextEvent })
	k.clist.next = func() [2]uint64 { return [2]uint64{k.st.nextObject, k.st.nextPromise} }
	k.settled.weigh = func(d capdata.KernelData) int { return len(d.Body) + 8*len(d.Slots) }
	k.queue.weigh = func(e event) int { return len(e.msg.data.Body) + 8*len(e.msg.data.Slots) }
	k.parked.weigh = k.queue.weigh
	return k
}

// Initialized reports whether the store holds a kernel.
func Initialized(s Store) (bool, error) {
	v, _, err := s.Get(TableState, rowState, 0)
	return v != nil, err
}

// ReadParams reads the consensus parameters of the kernel in a store, for those who
// have to know them before they make Workers. Errors: ErrNotInitialized, or one
// that says that the store could not be read.
func ReadParams(s Store) (p Params, err error) {
	defer caught(&err)
	value, _, err := s.Get(TableState, rowParams, 0)
	if err != nil {
		return p, err
	}
	if value == nil {
		return p, ErrNotInitialized
	}
	d := decoder{tableNames[TableState], value}
	return decodeParams(&d), nil
}

// Open opens the kernel in a store. The kernel does not own the store or the
// workers: close them after Close. Errors: ErrNotInitialized, ErrBehaviour, or
// one that says that the store could not be read.
func Open(s Store, w Workers, o Options) (k *Kernel, err error) {
	ok, err := Initialized(s)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotInitialized
	}
	k = newKernel(s, w, o)
	defer func() {
		if r := recover(); r != nil {
			k, err = nil, k.poison(r)
		}
	}()
	k.load()
	if k.params.Behaviour != Behaviour {
		return nil, fmt.Errorf("%w: the database has behaviour %d, this library implements %d", ErrBehaviour, k.params.Behaviour, Behaviour)
	}
	return k, nil
}

// load reads the rows that the kernel keeps at hand.
func (k *Kernel) load() {
	value, _, err := k.store.Get(TableState, rowState, 0)
	must("read state", err)
	k.st, k.activity = openState(value)
	k.saved = k.st
	k.forget() // what is known begins here
	k.inflight.clean, err = countInflight(k.store)
	must("read queues", err)
	var ok bool
	if k.params, ok = k.paramRow.get(rowParams, 0); !ok {
		throw("decode", errors.New("the row of parameters is missing"))
	}
}

// openState takes the row of the state apart.
func openState(value []byte) (st state, activity [32]byte) {
	if len(value) < len(activity) {
		throw("decode", errors.New("the row of the state is damaged"))
	}
	n := len(value) - len(activity)
	d := decoder{"state", value[:n]}
	st = decodeState(&d)
	d.end()
	copy(activity[:], value[n:])
	return st, activity
}

// Initialize makes a kernel in an empty store: vats numbered and their roots listed in the
// order of their names, each with startVat on the run-queue, then bootstrap. Nothing
// has run and nothing is committed yet. A module that is not accepted gives a *fault.Refusal; any error of misuse
// leaves the store unchanged.
func Initialize(s Store, w Workers, g Genesis, o Options) (k *Kernel, err error) {
	ok, err := Initialized(s)
	if err != nil {
		return nil, err
	}
	if ok {
		return nil, ErrInitialized
	}
	vats := slices.Clone(g.Vats)
	slices.SortFunc(vats, func(x, y VatConfig) int { return strings.Compare(x.Name, y.Name) })
	boot := g.Bootstrap == ""
	bundles := make([]Bundle, len(vats))
	for i, v := range vats {
		if err := checkName(v.Name); err != nil {
			return nil, err
		}
		if i > 0 && vats[i-1].Name == v.Name {
			return nil, fmt.Errorf("%w: two vats are named %q", ErrBadArgument, v.Name)
		}
		if err := checkOptions(v.Name, v.Options); err != nil {
			return nil, err
		}
		if len(v.Parameters.Slots) > 0 {
			return nil, fmt.Errorf("%w: the parameters of vat %q have slots; a static vat's cannot", ErrBadArgument, v.Name)
		}
		if err := checkSize(fmt.Sprintf("the parameters of vat %q", v.Name), len(v.Parameters.Body), 0); err != nil {
			return nil, err
		}
		boot = boot || v.Name == g.Bootstrap
		if bundles[i], err = w.Prepare(v.Module); err != nil {
			return nil, fmt.Errorf("vat %q: %w", v.Name, err)
		}
	}
	if !boot {
		return nil, fmt.Errorf("%w: the bootstrap vat %q is not among the vats", ErrNoVat, g.Bootstrap)
	}
	k = newKernel(s, w, o)
	defer func() {
		if r := recover(); r != nil {
			k, err = nil, k.poison(r)
		}
	}()
	k.genesis(g, vats, bundles)
	return k, nil
}

func (k *Kernel) genesis(g Genesis, vats []VatConfig, bundles []Bundle) {
	k.params = Params{Behaviour: Behaviour, ConsensusMode: g.ConsensusMode, GasLimit: g.DefaultGasLimit, MaxLog: 64 << 20}
	if k.params.GasLimit == 0 {
		k.params.GasLimit = DefaultGasLimit
	}
	k.paramRow.set(rowParams, 0, k.params)
	k.st = state{nextVat: 1, nextObject: capdata.FirstObject, nextPromise: capdata.FirstPromise, nextDevice: capdata.FirstDevice}
	list := roster{bootstrap: g.Bootstrap}
	var roots capdata.KernelData
	var boot capdata.Kref
	body := []byte(`#["bootstrap",[{`)
	for i, v := range vats {
		id := k.addVat(v.Name, true, v.Options, bundles[i], capdata.KernelData{Body: v.Parameters.Body})
		list.vats = append(list.vats, rosterVat{id, v.Name})
		root := k.toKernel(id, capdata.Root)
		k.incref(root) // pinned
		k.accept(event{kind: eventStartVat, vat: id})
		k.st.routed++ // straight to the run-queue
		k.st.runLen++
		if i > 0 {
			body = append(body, ',')
		}
		body = append(appendName(body, v.Name), fmt.Sprintf(`:"$%d"`, i)...)
		roots.Slots = append(roots.Slots, root)
		if v.Name == g.Bootstrap {
			boot = root
		}
	}
	k.roster.set(rowRoster, 0, list)
	if boot != 0 {
		roots.Body = append(body, "},{}]]"...)
		k.send(message{target: boot, result: k.newPromise(0, Panic), data: roots})
	}
	k.settleRefcounts()
	k.flush(flushGenesis, false, 0)
	k.catchUp() // so that the store is seen to hold a kernel
}

// addVat makes the rows of a vat. Its code is kept with the store.
func (k *Kernel) addVat(name string, static bool, o VatOptions, b Bundle, params capdata.KernelData) VatID {
	must("write bundle", k.store.PutBundle(b))
	id := k.st.nextVat
	k.st.nextVat++
	if params.Body == nil {
		params.Body = []byte("#{}")
	}
	if o.OnFault == "" {
		o.OnFault = Terminate
	}
	k.vats.set(uint64(id), 0, vatRow{name: name, static: static, options: o, bundle: b.Hash, parameters: params, incarnation: 1})
	k.vatStates.set(uint64(id), 0, vatState{nextObject: capdata.FirstObjectImport, nextPromise: capdata.FirstPromiseImport, nextDevice: capdata.FirstDeviceImport})
	return id
}

// maxName bounds a vat's name, as in SwingSet.
const maxName = 199

// checkName refuses names that could not be shown or addressed.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: a vat's name has 1 to %d characters, %q has %d", ErrBadArgument, maxName, name, len(name))
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.:", c)) {
			return fmt.Errorf("%w: %q is not in the name of a vat %q: letters, digits and _ - . : are", ErrBadArgument, c, name)
		}
	}
	return nil
}

func checkOptions(name string, o VatOptions) error {
	if o.OnFault != "" && o.OnFault != Terminate {
		return fmt.Errorf("%w: vat %q has onFault %q; this version has %q", ErrBadArgument, name, o.OnFault, Terminate)
	}
	return nil
}

// appendName appends a checked name as a JSON string.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"')
}

func (k *Kernel) warn(msg string, args ...any) {
	if k.log != nil {
		k.log.Warn(msg, args...)
	}
}
