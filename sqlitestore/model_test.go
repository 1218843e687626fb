package sqlitestore

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"pgregory.net/rapid"
)

// place is a row's key in the model.
type place struct {
	table kernel.Table
	a, b  uint64
	key   string
}

// model is what the store should hold: maps, copied by Commit and Rollback.
type model struct {
	rows  map[place]kernel.Write
	items map[kernel.VatID][]kernel.TranscriptItem
	words map[string]string
}

func (m *model) clone() *model {
	c := &model{map[place]kernel.Write{}, map[kernel.VatID][]kernel.TranscriptItem{}, map[string]string{}}
	for k, v := range m.rows {
		c.rows[k] = v
	}
	for k, v := range m.items {
		c.items[k] = slices.Clone(v)
	}
	for k, v := range m.words {
		c.words[k] = v
	}
	return c
}

// apply makes the writes of a crank, which is sound: it leaves no vref twice.
func (m *model) apply(writes []kernel.Write) {
	for _, w := range writes {
		p := place{w.Table, w.A, w.B, string(w.Key)}
		if w.Value == nil {
			delete(m.rows, p)
		} else {
			m.rows[p] = w
		}
	}
}

// sound says whether no vat has a vref twice.
func (m *model) sound() bool {
	seen := map[[2]uint64]bool{}
	for p, w := range m.rows {
		if p.table == kernel.TableCList {
			if seen[[2]uint64{w.A, w.C}] {
				return false
			}
			seen[[2]uint64{w.A, w.C}] = true
		}
	}
	return true
}

// sorted returns the rows of a table in the order of ScanTable.
func (m *model) sorted(table kernel.Table) []kernel.Write {
	var all []kernel.Write
	for p, w := range m.rows {
		if p.table == table {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(x, y kernel.Write) int {
		switch {
		case x.A != y.A:
			return less(x.A < y.A)
		case x.B != y.B:
			return less(x.B < y.B)
		}
		return bytes.Compare(x.Key, y.Key)
	})
	return all
}

func less(b bool) int {
	if b {
		return -1
	}
	return 1
}

var (
	smallNumbers = rapid.SampledFrom([]uint64{0, 1, 2, 3, 80, 84, 300, math.MaxInt64})
	wideNumbers  = rapid.SampledFrom([]uint64{0, 1, 80, 1<<60 | 80, 2<<60 | 80, 3<<60 | 84, math.MaxInt64})
	vrefs        = rapid.SampledFrom([]uint64{1, 2, 9, 16, 50 << 4, 51 << 4, 60<<4 | 2, 1<<63 | 1, 1<<63 | 16, math.MaxUint64})
	blobs        = rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 5), rapid.Just(bytes.Repeat([]byte("x"), 3*pageSize)))
	keys         = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0x7f, 0x80, 0xff}), 0, 3)
)

func drawWrite(t *rapid.T) kernel.Write {
	w := kernel.Write{Table: kernel.Table(rapid.Uint8Range(1, 11).Draw(t, "table")), A: smallNumbers.Draw(t, "A")}
	switch w.Table {
	case kernel.TableVatstore:
		w.Key = keys.Draw(t, "key")
	case kernel.TableCList:
		w.B, w.C = smallNumbers.Draw(t, "kref"), vrefs.Draw(t, "vref")
	case kernel.TableParked, kernel.TableQueue:
		w.B = smallNumbers.Draw(t, "B")
	case kernel.TableGCAction:
		w.B = wideNumbers.Draw(t, "B")
	}
	if rapid.IntRange(0, 3).Draw(t, "delete") > 0 {
		w.Value = blobs.Draw(t, "value")
	}
	return w
}

// TestModel compares the store with maps over random calls.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "model")
		check(t, err)
		defer func() { check(t, os.RemoveAll(dir)) }()
		path := filepath.Join(dir, "kernel.db")
		opts := &Options{Create: true, UnsafeNoSync: true}
		s, err := Open(path, opts)
		check(t, err)
		defer func() { check(t, s.Close()) }()
		now := (&model{}).clone()
		last := now.clone()
		position := uint64(0)

		t.Repeat(map[string]func(*rapid.T){
			"flush": func(t *rapid.T) {
				var writes []kernel.Write
				places := map[place]bool{}
				for range rapid.IntRange(1, 8).Draw(t, "writes") {
					w := drawWrite(t)
					if p := (place{w.Table, w.A, w.B, string(w.Key)}); !places[p] {
						places[p] = true
						writes = append(writes, w)
					}
				}
				var items []kernel.TranscriptItem
				for range rapid.IntRange(0, 2).Draw(t, "items") {
					vat := kernel.VatID(rapid.IntRange(1, 2).Draw(t, "vat"))
					items = append(items, kernel.TranscriptItem{Vat: vat, Incarnation: uint32(position / 8), Position: position, Data: blobs.Draw(t, "data")})
					position++
				}
				after := now.clone()
				after.apply(writes)
				err := s.Flush(writes, items)
				if !after.sound() {
					if err == nil {
						t.Fatalf("a vref twice was taken")
					}
					check(t, s.Rollback())
					now = last.clone()
					return
				}
				check(t, err)
				for _, it := range items {
					after.items[it.Vat] = append(after.items[it.Vat], it)
				}
				now = after
			},
			"commit": func(t *rapid.T) { check(t, s.Commit()); last = now.clone() },
			"rollback": func(t *rapid.T) {
				check(t, s.Rollback())
				now = last.clone()
			},
			"reopen": func(t *rapid.T) {
				check(t, s.Close())
				s, err = Open(path, opts)
				check(t, err)
				now = last.clone()
			},
			"drop": func(t *rapid.T) {
				vat, max := kernel.VatID(rapid.IntRange(1, 2).Draw(t, "vat")), rapid.IntRange(0, 3).Draw(t, "max")
				want := min(max, len(now.items[vat]))
				got, err := s.DropTranscript(vat, max)
				check(t, err)
				if got != want {
					t.Fatalf("DropTranscript = %d, want %d", got, want)
				}
				now.items[vat] = now.items[vat][want:]
			},
			"word": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"", "a", "ä"}).Draw(t, "word")
				if rapid.Bool().Draw(t, "delete") {
					check(t, s.HostSet(key, nil))
					delete(now.words, key)
					return
				}
				v := blobs.Draw(t, "value")
				check(t, s.HostSet(key, v))
				now.words[key] = string(v)
			},
			"": func(t *rapid.T) { compare(t, s, now) },
		})
	})
}

func check(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// compare reads everything in every way.
func compare(t *rapid.T, s *Store, m *model) {
	same := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s = %.500s\nwant %.500s", what, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	for table := kernel.TableState; table <= kernel.TableGCAction; table++ {
		want := m.sorted(table)
		var got []kernel.Write
		check(t, s.ScanTable(table, func(w kernel.Write) bool { got = append(got, w); return true }))
		if table == kernel.TableVatstore {
			for i := range want {
				if want[i].Key == nil {
					want[i].Key = []byte{}
				}
			}
		}
		same(fmt.Sprint("ScanTable ", table), got, want)
		if table == kernel.TableVatstore {
			compareKeys(t, s, want, same)
			continue
		}
		a, from := smallNumbers.Draw(t, "scan A"), smallNumbers.Draw(t, "scan B")
		if table == kernel.TableGCAction {
			from = wideNumbers.Draw(t, "scan B")
		}
		var tail, scanned []kernel.Write
		for _, w := range want {
			v, c, err := s.Get(table, w.A, w.B)
			check(t, err)
			same("Get", []any{v, c}, []any{w.Value, w.C})
			if w.A == a && w.B >= from {
				tail = append(tail, w)
			}
		}
		check(t, s.Scan(table, a, from, func(b, c uint64, v []byte) bool {
			scanned = append(scanned, kernel.Write{Table: table, A: a, B: b, C: c, Value: v})
			return true
		}))
		same(fmt.Sprint("Scan ", table, a, from), scanned, tail)
	}
	kref := smallNumbers.Draw(t, "kref")
	var importers []kernel.VatID
	for _, w := range m.sorted(kernel.TableCList) {
		k, v, err := s.ByVref(kernel.VatID(w.A), capdata.Vref(w.C))
		if w.A <= math.MaxUint32 { // what a VatID can say
			check(t, err)
			same("ByVref", []any{k, v}, []any{capdata.Kref(w.B), w.Value})
		}
		if w.B == kref && w.C&7 == 0 {
			importers = append(importers, kernel.VatID(w.A))
		}
	}
	got, err := s.Importers(capdata.Kref(kref))
	check(t, err)
	same("Importers", got, importers)
	for vat := kernel.VatID(1); vat <= 2; vat++ {
		for inc := range uint32(3) {
			from := rapid.Uint64Range(0, 24).Draw(t, "from")
			var want, got []kernel.TranscriptItem
			for _, it := range m.items[vat] {
				if it.Incarnation == inc && it.Position >= from {
					want = append(want, it)
				}
			}
			check(t, s.Transcript(vat, inc, from, func(it kernel.TranscriptItem) (bool, error) { got = append(got, it); return true, nil }))
			same("Transcript", got, want)
		}
	}
	for _, word := range []string{"", "a", "ä"} {
		v, err := s.HostGet(word)
		check(t, err)
		want, ok := m.words[word]
		same("HostGet", []any{string(v), v != nil}, []any{want, ok})
	}
}

func compareKeys(t *rapid.T, s *Store, rows []kernel.Write, same func(string, any, any)) {
	for _, w := range rows {
		if w.A > math.MaxUint32 {
			continue
		}
		v, ok, err := s.GetKey(kernel.VatID(w.A), w.Key)
		check(t, err)
		same("GetKey", []any{v, ok}, []any{w.Value, true})
	}
	vat, after := rapid.Uint64Range(0, 3).Draw(t, "vat"), keys.Draw(t, "after")
	var want []byte
	for _, w := range rows {
		if w.A == vat && bytes.Compare(w.Key, after) > 0 {
			want = w.Key
			break
		}
	}
	got, ok, err := s.NextKey(kernel.VatID(vat), after)
	check(t, err)
	same("NextKey", []any{got, ok}, []any{want, want != nil})
}
