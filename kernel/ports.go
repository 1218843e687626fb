package kernel

import (
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
)

// VatID numbers vats: v1, v2, ... in the order of their making. Numbers are
// never given twice.
type VatID uint32

// Table names a table of the kernel's state. The numbers are part of the crank
// hash and of the file: they never change meaning.
type Table uint8

const (
	// TableState holds single rows by a number (A); B is 0.
	TableState Table = 1
	// TableVat: A is the vat, B is 0: what rarely changes of a vat.
	TableVat Table = 2
	// TableVatState: A is the vat, B is 0: counters that change with each crank.
	TableVatState Table = 3
	// TableObject: A is a Kref of kind object, B is 0.
	TableObject Table = 4
	// TablePromise: A is a Kref of kind promise, B is 0.
	TablePromise Table = 5
	// TableSettled: A is a Kref of kind promise, B is 0: how it settled, if that is large.
	TableSettled Table = 6
	// TableParked: A is a Kref of kind promise, B a sequence number: messages
	// that wait for it.
	TableParked Table = 7
	// TableQueue: A is 1, B numbers events as they were accepted.
	TableQueue Table = 8
	// TableCList: A is the vat, B the Kref, C the Vref.
	TableCList Table = 9
	// TableVatstore: A is the vat, Key the guest's key.
	TableVatstore Table = 10
	// TableGCAction: A is the vat, B = kind of action << 60 | Kref.
	TableGCAction Table = 11
)

// Write is one net change of a row: Value nil deletes it.
//
// Rows are told apart by (Table, A, B), and by (Table, A, Key) in
// TableVatstore, where B is 0. C is only used by TableCList.
type Write struct {
	Table   Table
	A, B, C uint64
	Key     []byte
	Value   []byte // nil: delete; empty and not nil: an empty value
}

// TranscriptItem is one delivery as it is kept for replay.
type TranscriptItem struct {
	Vat         VatID
	Incarnation uint32
	Position    uint64 // counts from 0 within the vat's life
	Data        []byte // the encoding is the kernel's
}

// Bundle is what an installed module became: the instrumented code that an
// engine gets, and the data blob that the module carried, if any.
type Bundle struct {
	Hash [32]byte // SHA-256 of the module as it was given to install
	Code []byte   // instrumented
	Data []byte   // the blob of custom section crankcase.data; nil without one
}

// Store is where the truth lives: the last commit, and on top of it what was
// flushed since, in one open transaction. The kernel is its only user and
// calls it from one goroutine. Every error of a Store is a host fault. Slices that it
// returns belong to the caller; slices that it is given are not kept.
type Store interface {
	// Get returns a row's value, or nil if it is absent. In TableCList it also
	// returns C.
	Get(t Table, a, b uint64) (value []byte, c uint64, err error)
	// ByVref looks a c-list entry up by its vref: its Kref (0: absent) and value.
	ByVref(vat VatID, v capdata.Vref) (k capdata.Kref, value []byte, err error)
	// Importers returns, in ascending order, the vats whose c-list has an
	// entry for object k under a vref that the kernel allocated (o-N).
	Importers(k capdata.Kref) ([]VatID, error)
	// Scan calls f for rows of t with this A and B >= fromB, in ascending
	// order of B, until f returns false. value is valid during the call. Not
	// for TableVatstore. f must not call the store.
	Scan(t Table, a, fromB uint64, f func(b, c uint64, value []byte) bool) error
	// ScanTable calls f for all rows of t in ascending order of (A, B) or (A, Key)
	// until f returns false.
	ScanTable(t Table, f func(w Write) bool) error
	// GetKey returns a vatstore value; ok tells absent from empty.
	GetKey(vat VatID, key []byte) (value []byte, ok bool, err error)
	// NextKey returns the least vatstore key of the vat that is greater than
	// after, in order of unsigned bytes.
	NextKey(vat VatID, after []byte) (key []byte, ok bool, err error)

	// Flush writes a crank: all of it between SAVEPOINT and RELEASE, or none.
	// It begins the enclosing transaction if there is none.
	Flush(writes []Write, items []TranscriptItem) error
	// Transcript calls f for the vat's items of an incarnation with position
	// >= from, in order, until f returns false or an error.
	Transcript(vat VatID, incarnation uint32, from uint64, f func(TranscriptItem) (bool, error)) error
	// DropTranscript deletes up to max items of a vat that has ended, and
	// returns how many it deleted.
	DropTranscript(vat VatID, max int) (int, error)

	// PutBundle keeps a bundle; a second one of the same hash is nothing.
	PutBundle(b Bundle) error
	// GetBundle returns a bundle, or ok = false.
	GetBundle(hash [32]byte) (b Bundle, ok bool, err error)

	// HostGet and HostSet keep the host's own words in the same transaction,
	// outside all hashes. An absent word is nil. Setting nil deletes.
	HostGet(key string) ([]byte, error)
	HostSet(key string, value []byte) error

	// Commit makes all that was flushed durable.
	Commit() error
	// Rollback goes back to the last commit. After an error of any method it
	// must be called before anything else; it does not fail, but the store may be
	// poisoned after it: then every method returns the same error.
	Rollback() error
}

// Delivery is what a worker is asked to run. It is a pure function of the
// vat's state, Kind, Payload and GasLimit.
type Delivery struct {
	Kind     capdata.DeliveryKind
	Payload  []byte // in the wire form of the ABI; not kept, not changed
	GasLimit uint64
	// Replay says that the delivery was made before: the worker runs it in the
	// same way, but shows nothing of what the guest writes to its console.
	Replay bool
}

// Outcome is how a delivery ended.
type Outcome struct {
	// GasUsed is at most the limit; it is the limit if the guest ran out.
	GasUsed uint64
	// Fault is nil, or the guest fault that ended the delivery. The instance is
	// unusable after it.
	Fault *fault.Guest
}

// Syscalls is what a running delivery asks of the kernel. Each method checks
// its references at once and returns nil, a *fault.Guest, or any other error, which is a host
// fault; after an error the delivery ends and calls nothing more. Sizes and
// memory ranges have been checked by the caller. Slices passed in are only
// valid during the call; slices returned must not be changed and are valid
// until the delivery ends.
type Syscalls interface {
	Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error
	Subscribe(promise capdata.Vref) error
	// Resolve settles count promises. record is called with 0, 1, ... in
	// order, each record being checked before the next is asked for; what a record
	// returns is valid until the next call of record; its error ends the call.
	Resolve(count int, record func(i int) (capdata.Resolution, error)) error
	Exit(failure bool, info capdata.CapData) error
	VatstoreGet(key []byte) (value []byte, ok bool, err error)
	VatstoreSet(key, value []byte) error
	VatstoreDelete(key []byte) error
	VatstoreNextKey(prior []byte) (key []byte, ok bool, err error)
	DropImports(refs []capdata.Vref) error
	RetireImports(refs []capdata.Vref) error
	RetireExports(refs []capdata.Vref) error
	AbandonExports(refs []capdata.Vref) error
	CallNow(device capdata.Vref, args capdata.CapData) (failed bool, answer capdata.CapData, err error)
}

// Worker runs one incarnation of a vat. The kernel calls it from one goroutine.
type Worker interface {
	// Deliver runs a delivery. The first one of a fresh worker must be
	// startVat: the worker instantiates the module, runs its start section and
	// _initialize, then delivers, all under the one gas limit. An error is a host fault.
	Deliver(d Delivery, sys Syscalls) (Outcome, error)
	// Close frees the worker and its memory.
	Close() error
}

// VatSpec is what a worker is made from.
type VatSpec struct {
	ID     VatID
	Name   string
	Bundle Bundle
}

// Workers makes workers and prepares modules for them.
type Workers interface {
	// Prepare checks a module and rewrites it. A module that the ABI does not
	// accept gives a *fault.Refusal; another error is a host fault.
	Prepare(module []byte) (Bundle, error)
	// Spawn makes a worker with no state. An error is a host fault.
	Spawn(v VatSpec) (Worker, error)
	Close() error
}
