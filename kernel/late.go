package kernel

import "github.com/crankcase/crankcase/capdata"

// Rows that are kept back. Counters change with nearly each crank; messages, promises
// and the names that vats have for them come and go, most of them between two commits. The
// hash of a crank covers them like all others, but the store is given them only before a
// commit: as they are then, and those not at all that have come and gone. Until a commit nothing is
// durable anyway, so no host can tell; what reads the store by other ways than by key calls
// catchUp first. Transcripts, which nobody reads while their vat is online, wait as well.

// maxLateBytes bounds what is kept back when a host does not commit for long.
const maxLateBytes = 16 << 20

// isLate says which rows are kept back.
func isLate(w *Write) bool {
	switch w.Table {
	case TableVatState, TablePromise, TableSettled, TableParked, TableQueue:
		return true
	case TableState:
		return w.A == rowState
	case TableCList:
		return capdata.Kref(w.B).Kind() == capdata.Promise
	}
	return false
}

// lateCell is a row that is kept back.
type lateCell[V any] struct {
	cell[V]
	inStore bool // the store has, or may have, an older version
}

// keepLate keeps a flushed row back.
func (t *table[V]) keepLate(k rowKey, c cell[V]) {
	l, kept := t.late[k]
	if !kept {
		old, known := t.clean[k]
		l.inStore = known && old.ok || !known && !t.nowhere(k)
	}
	if !c.ok && !l.inStore { // it has come and gone
		delete(t.late, k)
		t.remember(k, c)
		return
	}
	l.cell = c
	t.late[k] = l
}

// lateWrites appends what was kept back; the store is taken to have it then.
func (t *table[V]) lateWrites(w []Write, arena *encoder) []Write {
	for k, l := range t.late {
		x := Write{Table: t.id, A: k.a, B: k.b}
		if l.ok {
			from := len(*arena)
			t.encode(arena, l.v)
			x.Value = (*arena)[from:len(*arena):len(*arena)]
		}
		w = append(w, x)
		t.remember(k, l.cell)
	}
	t.late = emptied(t.late)
	return w
}

// lateSide is what is kept back of c-lists, in both directions.
type lateSide struct {
	byKref map[rowKey]lateRow
	byVref map[vatVref]capdata.Kref
}

type lateRow struct {
	row     clistRow
	inStore bool
}

func newLateSide() lateSide {
	return lateSide{map[rowKey]lateRow{}, map[vatVref]capdata.Kref{}}
}

func (c *clist) keepLate(k rowKey, r clistRow) {
	l, kept := c.late.byKref[k]
	if !kept {
		old, known := c.clean.byKref[k]
		l.inStore = known && old.vref != 0 || !known && !c.nowhere(capdata.Kref(k.b))
	}
	if r.vref == 0 && !l.inStore {
		delete(c.late.byKref, k)
		c.cleanKref(k, r)
		return
	}
	l.row = r
	c.late.byKref[k] = l
}

func (c *clist) lateWrites(w []Write, _ *encoder) []Write {
	for k, l := range c.late.byKref {
		w = append(w, entryWrite(k, l.row))
		c.cleanKref(k, l.row)
	}
	for k, r := range c.late.byVref {
		c.cleanVref(k, r)
	}
	c.late.byKref, c.late.byVref = emptied(c.late.byKref), emptied(c.late.byVref)
	c.room()
	return w
}

// catchUp gives the store the rows that were kept back, so that it has all that was flushed.
func (k *Kernel) catchUp() {
	if len(k.lateState) == 0 {
		return
	}
	arena := make(encoder, 0, 4096) // not nil: an empty value is a value
	w := []Write{{Table: TableState, A: rowState, Value: k.lateState}}
	for _, t := range k.tables {
		w = t.lateWrites(w, &arena)
	}
	sortWrites(w)
	must("write", k.store.Flush(w, k.lateItems))
	clear(k.lateItems)
	k.lateState, k.lateItems, k.lateBytes = k.lateState[:0], k.lateItems[:0], 0
	k.itemBuf = k.itemBuf[:0]
	if cap(k.itemBuf) > maxKeptLog || len(k.items) > 0 { // the running crank's lie in it
		k.itemBuf = nil
	}
}
