package kernel

import (
	"math"
	"slices"

	"github.com/crankcase/crankcase/capdata"
)

// terminate ends a vat: it gets nothing more, its name is free, and whoever waits
// for a promise that it decides hears that it is gone. Its exports, imports and keys
// stay until clean-up has its turn.
func (k *Kernel) terminate(e ending) {
	v, ok := k.vats.get(uint64(e.vat), 0)
	if !ok || v.ended {
		return
	}
	if v.options.Critical && e.failure {
		throw("critical vat", &CriticalError{e.vat, v.name, e.reason})
	}
	v.ended, v.fault = true, e.reason
	k.vats.set(uint64(e.vat), 0, v)
	k.st.terminated = append(slices.Clone(k.st.terminated), e.vat)
	if b, ok := k.batches.get(rowNotify, 0); ok && b.vat == e.vat {
		k.batches.del(rowNotify, 0)
	}
	for _, r := range k.decided(e.vat) {
		k.reject(r, textVatTerminated)
	}
}

// decided lists the promises that a vat decides, in the text order of its own names.
func (k *Kernel) decided(vat VatID) []capdata.Kref {
	type named struct {
		v capdata.Vref
		r capdata.Kref
	}
	var all []named
	for _, e := range k.entries(vat) {
		if e.r.Kind() != capdata.Promise {
			continue
		}
		if p := k.promise(e.r); p.state == unresolved && p.decider == vat {
			all = append(all, named{e.row.vref, e.r})
		}
	}
	slices.SortFunc(all, func(x, y named) int { return compareVrefText(x.v, y.v) })
	refs := make([]capdata.Kref, len(all))
	for i, n := range all {
		refs[i] = n.r
	}
	return refs
}

type clistEntry struct {
	r   capdata.Kref
	row clistRow
}

// entries lists a vat's c-list in order of krefs, this crank's changes included.
func (k *Kernel) entries(vat VatID) []clistEntry {
	var all []clistEntry
	k.catchUp()
	err := k.store.Scan(TableCList, uint64(vat), 0, func(b, c uint64, value []byte) bool {
		if _, changed := k.clist.dirty.byKref.get(rowKey{uint64(vat), b}); !changed {
			all = append(all, clistEntry{capdata.Kref(b), clistRow{capdata.Vref(c), reachableFlag(value)}})
		}
		return true
	})
	must("read c-list", err)
	for i := range k.clist.dirty.byKref.list {
		key, row := k.clist.dirty.byKref.list[i].k, k.clist.dirty.byKref.list[i].v
		if VatID(key.a) == vat && row.vref != 0 {
			all = append(all, clistEntry{capdata.Kref(key.b), row})
		}
	}
	slices.SortFunc(all, func(x, y clistEntry) int {
		if x.r < y.r {
			return -1
		}
		return 1
	})
	return all
}

// What a budget counts besides entries and keys, as SwingSet does, so that clean-up
// takes as many cranks: the rows that SwingSet keeps of each vat (next ids, options, dirt,
// source, parameters; dirt is the fifth), and one for a span of the transcript.
const (
	ownRows      = 7
	dirtRow      = 5
	itemsPerUnit = 1000
)

// processCleanup deletes a part of what a dead vat has left: exports lose their owner, imports and
// promises their entries, keys and transcript go. budget bounds each kind per crank; 0 is
// no bound. When nothing is left the vat is forgotten.
func (k *Kernel) processCleanup(c *crank, vat VatID, budget int) {
	c.info.Kind, c.info.Vat = CrankCleanup, vat
	var exports, imports, promises []clistEntry
	for _, e := range k.entries(vat) {
		switch {
		case e.r.Kind() == capdata.Promise:
			promises = append(promises, e)
		case e.row.vref.Exported():
			exports = append(exports, e)
		default:
			imports = append(imports, e)
		}
	}
	byVref := func(x, y clistEntry) int { return compareVrefText(x.row.vref, y.row.vref) }
	for _, phase := range []struct {
		entries []clistEntry
		do      func(capdata.Kref)
	}{
		{exports, func(r capdata.Kref) { k.orphan(vat, r) }},
		{imports, func(r capdata.Kref) { k.deleteEntry(vat, r) }},
		{promises, func(r capdata.Kref) { k.deleteEntry(vat, r) }},
	} {
		slices.SortFunc(phase.entries, byVref)
		for i, e := range phase.entries {
			phase.do(e.r)
			if budget > 0 && i+1 == budget {
				return
			}
		}
	}
	v, done := k.vat(vat), 0
	for v.swept < ownRows {
		v.swept++
		if v.swept == dirtRow {
			s := k.vatState(vat)
			s.dirtDeliveries, s.dirtKrefs = 0, 0
			k.vatStates.set(uint64(vat), 0, s)
		}
		k.vats.set(uint64(vat), 0, v)
		if done++; budget > 0 && done == budget {
			return
		}
	}
	after := []byte(nil)
	for {
		key, ok, err := k.store.NextKey(vat, after)
		must("read vatstore", err)
		if !ok {
			break
		}
		k.vatstore.dirty[vatKey{vat, string(key)}] = cell[[]byte]{}
		after = key
		if done++; budget > 0 && done == budget {
			return
		}
	}
	limit := math.MaxInt
	if budget > 0 {
		limit = budget * itemsPerUnit
	}
	k.catchUp()
	n, err := k.store.DropTranscript(vat, limit)
	must("drop transcript", err)
	if n == limit {
		return
	}
	k.st.terminated = slices.DeleteFunc(slices.Clone(k.st.terminated), func(v VatID) bool { return v == vat })
	k.vatStates.del(uint64(vat), 0)
}
