package kernel

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// The truth is the store plus the crank's buffer. Each table keeps the rows that
// the running crank has changed (dirty) over a cache of rows as the store has
// them (clean). A rollback drops dirty; nothing else of the kernel's memory depends on
// what a crank did.

// buffered is what the tables have in common: each takes part in each of these.
type buffered interface {
	writes(w []Write, arena *encoder) []Write     // appends the net changes of the crank
	lateWrites(w []Write, arena *encoder) []Write // appends what was kept back (late.go)
	flushed()                                     // the changes are the store's now
	discard()                                     // drops the changes
	forget()                                      // drops the cache as well
}

// rowKey tells rows of a table apart.
type rowKey struct{ a, b uint64 }

// cell is a row or the knowledge that there is none.
type cell[V any] struct {
	v  V
	ok bool
}

// maxClean bounds each table's cache, in rows and in bytes of bodies. The cache is dropped
// as a whole when it is full: that costs reads, never an answer.
const (
	maxClean      = 1 << 16
	maxCleanBytes = 32 << 20
)

// emptied gives the map without entries. One that has grown large is replaced: to
// clear a map costs what it could hold, and that would be paid with each crank.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > 1<<12 {
		return map[K]V{}
	}
	clear(m)
	return m
}

// table is one table of the store with rows of type V. Rows are values: what a V
// points to is never changed in place.
type table[V any] struct {
	id     Table
	store  Store
	encode func(*encoder, V)
	decode func(*decoder) V
	weigh  func(V) int // bytes of bodies in a row; nil: none
	clean  map[rowKey]cell[V]
	weight int // of what was put into clean since it was last empty
	// late, if it is not nil, has rows that were flushed but that the store is given only
	// before a commit (late.go).
	late  map[rowKey]lateCell[V]
	dirty rows[rowKey, cell[V]]
	// number and next are for tables whose rows have numbers that are given once and in order:
	// a row's number, and the number that is given next. All rows from known on are in
	// memory, made since the kernel was opened or the cache last dropped; so what is not in
	// memory is nowhere, and nothing need be kept of rows that are gone.
	number func(rowKey) uint64 // nil: another kind of table
	next   func() uint64
	known  uint64
}

// numbered makes t such a table.
func (t *table[V]) numbered(number func(rowKey) uint64, next func() uint64) {
	t.number, t.next = number, next
}

// nowhere says of a row that is not in memory that the store has not got it either.
func (t *table[V]) nowhere(k rowKey) bool { return t.number != nil && t.number(k) >= t.known }

func newTable[V any](id Table, s Store, enc func(*encoder, V), dec func(*decoder) V) *table[V] {
	return &table[V]{id: id, store: s, encode: enc, decode: dec,
		clean: map[rowKey]cell[V]{}}
}

// get returns a row.
func (t *table[V]) get(a, b uint64) (V, bool) {
	k := rowKey{a, b}
	if c, ok := t.dirty.get(k); ok {
		return c.v, c.ok
	}
	if c, ok := t.late[k]; ok {
		return c.v, c.ok
	}
	if c, ok := t.clean[k]; ok {
		return c.v, c.ok
	}
	var c cell[V]
	if t.nowhere(k) {
		return c.v, false
	}
	value, _, err := t.store.Get(t.id, a, b)
	must("read "+tableNames[t.id], err)
	if value != nil {
		c = cell[V]{t.parse(value), true}
	}
	t.remember(k, c)
	return c.v, c.ok
}

func (t *table[V]) parse(value []byte) V {
	d := decoder{tableNames[t.id], value}
	v := t.decode(&d)
	d.end()
	return v
}

func (t *table[V]) remember(k rowKey, c cell[V]) {
	if t.weigh != nil && c.ok {
		t.weight += t.weigh(c.v)
	}
	if len(t.clean) >= maxClean || t.weight > maxCleanBytes {
		t.drop()
	}
	if !c.ok && t.number != nil {
		delete(t.clean, k)
		return
	}
	t.clean[k] = c
}

// drop empties the cache.
func (t *table[V]) drop() {
	t.clean, t.weight = map[rowKey]cell[V]{}, 0
	if t.next != nil {
		t.known = t.next()
	}
}

func (t *table[V]) set(a, b uint64, v V) { t.dirty.set(rowKey{a, b}, cell[V]{v, true}) }

func (t *table[V]) del(a, b uint64) { t.dirty.set(rowKey{a, b}, cell[V]{}) }

// fresh notes that no row of this key is stored, which saves a read. A numbered table
// knows it by itself.
func (t *table[V]) fresh(a, b uint64) { t.remember(rowKey{a, b}, cell[V]{}) }

// stored reports whether the store has the row. The answer may not depend on
// what the cache happens to hold, since it decides what is hashed.
func (t *table[V]) stored(k rowKey) bool {
	if c, ok := t.late[k]; ok {
		return c.ok
	}
	if c, ok := t.clean[k]; ok {
		return c.ok
	}
	if t.nowhere(k) {
		return false
	}
	value, _, err := t.store.Get(t.id, k.a, k.b)
	must("read "+tableNames[t.id], err)
	return value != nil
}

// writes appends the net changes. A row that the store does not have and that the
// crank made and deleted again is no change.
func (t *table[V]) writes(w []Write, arena *encoder) []Write {
	for i := range t.dirty.list {
		k, c := t.dirty.list[i].k, &t.dirty.list[i].v
		if !c.ok {
			if t.stored(k) {
				w = append(w, Write{Table: t.id, A: k.a, B: k.b})
			}
			continue
		}
		from := len(*arena)
		t.encode(arena, c.v)
		w = append(w, Write{Table: t.id, A: k.a, B: k.b, Value: (*arena)[from:len(*arena):len(*arena)]})
	}
	return w
}

// flushed makes the dirty rows clean ones.
func (t *table[V]) flushed() {
	for i := range t.dirty.list {
		if e := &t.dirty.list[i]; t.late != nil {
			t.keepLate(e.k, e.v)
		} else {
			t.remember(e.k, e.v)
		}
	}
	t.dirty.reset()
}

func (t *table[V]) discard() { t.dirty.reset() }

func (t *table[V]) forget() {
	t.discard()
	clear(t.late)
	t.drop()
}

var tableNames = [...]string{"", "state", "vat", "vat state", "object", "promise", "settled", "parked", "queue", "c-list", "vatstore", "gc action"}

// clist is TableCList: a two-way table between a vat's vrefs and krefs.
type clist struct {
	store Store
	clean clistSide
	late  lateSide // of promises: see late.go
	dirty struct {
		byKref rows[rowKey, clistRow]
		byVref rows[vatVref, capdata.Kref]
	}
	touched map[capdata.Kref][]VatID // vats whose entry for an object the crank changed
	// All entries of references with a number from known on, by kind, are in memory: such a
	// reference was made since the kernel was opened, or since the cache was last dropped.
	known [2]uint64
	next  func() [2]uint64 // the numbers that will be given next
}

type vatVref struct {
	vat VatID
	v   capdata.Vref
}

// clistSide holds entries in both directions. An entry with vref 0, or kref 0,
// says that there is none.
type clistSide struct {
	byKref map[rowKey]clistRow
	byVref map[vatVref]capdata.Kref
}

func newSide() clistSide { return clistSide{map[rowKey]clistRow{}, map[vatVref]capdata.Kref{}} }

func newCList(s Store) *clist {
	return &clist{store: s, clean: newSide(), late: newLateSide(), touched: map[capdata.Kref][]VatID{}}
}

// byKref returns the vat's entry for k.
func (c *clist) byKref(vat VatID, k capdata.Kref) (clistRow, bool) {
	key := rowKey{uint64(vat), uint64(k)}
	if r, ok := c.dirty.byKref.get(key); ok {
		return r, r.vref != 0
	}
	if l, ok := c.late.byKref[key]; ok {
		return l.row, l.row.vref != 0
	}
	if r, ok := c.clean.byKref[key]; ok {
		return r, r.vref != 0
	}
	if c.nowhere(k) {
		return clistRow{}, false
	}
	value, v, err := c.store.Get(TableCList, uint64(vat), uint64(k))
	must("read c-list", err)
	var r clistRow
	if value != nil {
		r = clistRow{capdata.Vref(v), reachableFlag(value)}
	}
	c.remember(vat, k, r)
	return r, r.vref != 0
}

// nowhere says of a reference whose entry is not in memory that the store has none either.
func (c *clist) nowhere(k capdata.Kref) bool {
	kind := k.Kind()
	return kind <= capdata.Promise && k.Number() >= c.known[kind]
}

// byVref returns the kref that the vat calls v, or 0.
func (c *clist) byVref(vat VatID, v capdata.Vref) capdata.Kref {
	if k, ok := c.dirty.byVref.get(vatVref{vat, v}); ok {
		return k
	}
	return c.before(vat, v)
}

// before is byVref as it was when the crank began.
func (c *clist) before(vat VatID, v capdata.Vref) capdata.Kref {
	key := vatVref{vat, v}
	if k, ok := c.late.byVref[key]; ok {
		return k
	}
	if k, ok := c.clean.byVref[key]; ok {
		return k
	}
	k, value, err := c.store.ByVref(vat, v)
	must("read c-list", err)
	if k != 0 {
		c.remember(vat, k, clistRow{v, reachableFlag(value)})
	} else {
		c.room()
		c.clean.byVref[key] = 0
	}
	return k
}

func reachableFlag(value []byte) bool {
	if len(value) != 1 {
		throw("decode", errDamagedCList)
	}
	return value[0] == 1
}

func (c *clist) room() {
	if len(c.clean.byKref) >= maxClean || len(c.clean.byVref) >= maxClean {
		c.clean, c.known = newSide(), c.next()
	}
}

func (c *clist) remember(vat VatID, k capdata.Kref, r clistRow) {
	c.room()
	c.clean.byKref[rowKey{uint64(vat), uint64(k)}] = r
	if r.vref != 0 {
		c.clean.byVref[vatVref{vat, r.vref}] = k
	}
}

func (c *clist) set(vat VatID, k capdata.Kref, r clistRow) {
	c.touch(vat, k)
	c.dirty.byKref.set(rowKey{uint64(vat), uint64(k)}, r)
	c.dirty.byVref.set(vatVref{vat, r.vref}, k)
}

func (c *clist) touch(vat VatID, k capdata.Kref) {
	if k.Kind() != capdata.Object {
		return
	}
	if _, ok := c.dirty.byKref.get(rowKey{uint64(vat), uint64(k)}); !ok {
		c.touched[k] = append(c.touched[k], vat)
	}
}

func (c *clist) del(vat VatID, k capdata.Kref, v capdata.Vref) {
	c.touch(vat, k)
	c.dirty.byKref.set(rowKey{uint64(vat), uint64(k)}, clistRow{})
	c.dirty.byVref.set(vatVref{vat, v}, 0)
}

// cleanKref and cleanVref put one direction of an entry into the cache. Of what is gone
// nothing is kept: most names never come again.
func (c *clist) cleanKref(k rowKey, r clistRow) {
	if r.vref == 0 {
		delete(c.clean.byKref, k)
	} else {
		c.clean.byKref[k] = r
	}
}

func (c *clist) cleanVref(k vatVref, r capdata.Kref) {
	if r == 0 {
		delete(c.clean.byVref, k)
	} else {
		c.clean.byVref[k] = r
	}
}

var errDamagedCList = errors.New("a row of the c-list is damaged")

var flagR, flagNone = []byte{1}, []byte{0}

// entryWrite is the write of an entry; without a vref it deletes.
func entryWrite(k rowKey, r clistRow) Write {
	w := Write{Table: TableCList, A: k.a, B: k.b, C: uint64(r.vref), Value: flagNone}
	switch {
	case r.vref == 0:
		w.Value = nil
	case r.reachable:
		w.Value = flagR
	}
	return w
}

func (c *clist) stored(k rowKey) bool {
	if l, ok := c.late.byKref[k]; ok {
		return l.row.vref != 0
	}
	if r, ok := c.clean.byKref[k]; ok {
		return r.vref != 0
	}
	if c.nowhere(capdata.Kref(k.b)) {
		return false
	}
	value, _, err := c.store.Get(TableCList, k.a, k.b)
	must("read c-list", err)
	return value != nil
}

func (c *clist) writes(w []Write, _ *encoder) []Write {
	for i := range c.dirty.byKref.list {
		k, r := c.dirty.byKref.list[i].k, c.dirty.byKref.list[i].v
		if r.vref != 0 || c.stored(k) {
			w = append(w, entryWrite(k, r))
		}
	}
	return w
}

func (c *clist) flushed() {
	for i := range c.dirty.byVref.list {
		if e := &c.dirty.byVref.list[i]; e.k.v.Kind() == capdata.Promise {
			c.late.byVref[e.k] = e.v
		} else {
			c.cleanVref(e.k, e.v)
		}
	}
	for i := range c.dirty.byKref.list {
		if e := &c.dirty.byKref.list[i]; capdata.Kref(e.k.b).Kind() == capdata.Promise {
			c.keepLate(e.k, e.v)
		} else {
			c.cleanKref(e.k, e.v)
		}
	}
	c.room()
	c.discard()
}

func (c *clist) discard() {
	c.dirty.byKref.reset()
	c.dirty.byVref.reset()
	if len(c.touched) > 0 {
		c.touched = emptied(c.touched)
	}
}
func (c *clist) forget() {
	c.discard()
	c.clean, c.late, c.known = newSide(), newLateSide(), c.next()
}

// vatKey names a vatstore entry.
type vatKey struct {
	vat VatID
	key string
}

// vatstore is TableVatstore. The store itself caches pages; only dirty entries are kept.
type vatstore struct {
	store Store
	dirty map[vatKey]cell[[]byte]
}

func (s *vatstore) get(vat VatID, key []byte) ([]byte, bool) {
	if c, ok := s.dirty[vatKey{vat, string(key)}]; ok {
		return c.v, c.ok
	}
	v, ok, err := s.store.GetKey(vat, key)
	must("read vatstore", err)
	return v, ok
}

func (s *vatstore) writes(w []Write, _ *encoder) []Write {
	for k, c := range s.dirty {
		v := c.v
		if c.ok && v == nil {
			v = []byte{}
		} else if !c.ok {
			v = nil
		}
		w = append(w, Write{Table: TableVatstore, A: uint64(k.vat), Key: []byte(k.key), Value: v})
	}
	return w
}

// What was written is in the store's own cache, so that to have flushed, to discard and
// to forget are one.
func (s *vatstore) flushed() { s.discard() }
func (s *vatstore) forget()  { s.discard() }

func (s *vatstore) discard() {
	if len(s.dirty) > 0 {
		s.dirty = emptied(s.dirty)
	}
}

func (s *vatstore) lateWrites(w []Write, _ *encoder) []Write { return w }

// sortWrites puts net changes in the one order that hashes and stores see.
func sortWrites(w []Write) {
	slices.SortFunc(w, func(x, y Write) int {
		return cmp.Or(cmp.Compare(x.Table, y.Table), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), bytes.Compare(x.Key, y.Key))
	})
}
