package sqlitestore

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

func TestRowsOfEveryTable(t *testing.T) {
	const big = math.MaxInt64
	for _, c := range []struct {
		table kernel.Table
		rows  []kernel.Write // in order
	}{
		{kernel.TableState, []kernel.Write{{A: 0}, {A: 1}, {A: big}}},
		{kernel.TableVat, []kernel.Write{{A: 1}, {A: 300}}},
		{kernel.TableVatState, []kernel.Write{{A: 1}, {A: 300}}},
		{kernel.TableObject, []kernel.Write{{A: 80}, {A: big}}},
		{kernel.TablePromise, []kernel.Write{{A: 161}, {A: 165}}},
		{kernel.TableSettled, []kernel.Write{{A: 161}, {A: 165}}},
		{kernel.TableParked, []kernel.Write{{A: 161, B: 0}, {A: 161, B: 1}, {A: 161, B: 300}, {A: 165, B: 0}}},
		{kernel.TableQueue, []kernel.Write{{A: 1, B: 0}, {A: 1, B: big}, {A: 2, B: 1}}},
		{kernel.TableCList, []kernel.Write{{A: 1, B: 80, C: 1}, {A: 1, B: 84, C: math.MaxUint64}, {A: 2, B: 80, C: 50 << 4}}},
		{kernel.TableGCAction, []kernel.Write{{A: 1, B: 80}, {A: 1, B: 1<<60 | 80}, {A: 1, B: 2<<60 | 80}, {A: 1, B: math.MaxInt64}, {A: 2, B: 0}}},
	} {
		t.Run(fmt.Sprint(c.table), func(t *testing.T) {
			s := newStore(t)
			for i := range c.rows {
				c.rows[i].Table = c.table
				c.rows[i].Value = []byte(fmt.Sprint("value ", i))
			}
			c.rows[0].Value = []byte{}
			for i := range c.rows { // last first
				flush(t, s, c.rows[len(c.rows)-1-i])
			}
			must(t, s.Commit())
			for _, w := range c.rows {
				v, cc, err := s.Get(w.Table, w.A, w.B)
				if err != nil || v == nil || !bytes.Equal(v, w.Value) || cc != w.C {
					t.Errorf("Get(%d, %d) = %v, %d, %v; want %q, %d", w.A, w.B, v, cc, err, w.Value, w.C)
				}
			}
			if got := scanTable(t, s, c.table); !reflect.DeepEqual(got, c.rows) {
				t.Errorf("ScanTable = %+v\nwant %+v", got, c.rows)
			}
			for i, from := range c.rows {
				var want, got []kernel.Write
				for _, w := range c.rows[i:] {
					if w.A == from.A {
						want = append(want, w)
					}
				}
				must(t, s.Scan(c.table, from.A, from.B, func(b, cc uint64, v []byte) bool {
					got = append(got, kernel.Write{Table: c.table, A: from.A, B: b, C: cc, Value: v})
					return true
				}))
				if !reflect.DeepEqual(got, want) {
					t.Errorf("Scan(%d, %d) = %+v\nwant %+v", from.A, from.B, got, want)
				}
			}
			n := 0
			must(t, s.Scan(c.table, c.rows[0].A, 0, func(uint64, uint64, []byte) bool { n++; return false }))
			must(t, s.ScanTable(c.table, func(kernel.Write) bool { n++; return false }))
			if n != 2 {
				t.Errorf("scans that end at their first row saw %d rows, not 2", n)
			}
			// Overwrite, delete, delete again.
			w := c.rows[1]
			w.Value = []byte("other")
			flush(t, s, w)
			if v, _, err := s.Get(w.Table, w.A, w.B); err != nil || string(v) != "other" {
				t.Errorf("after overwriting: %q, %v", v, err)
			}
			w.Value = nil
			flush(t, s, w)
			flush(t, s, w)
			if v, cc, err := s.Get(w.Table, w.A, w.B); err != nil || v != nil || cc != 0 {
				t.Errorf("after deleting: %v, %d, %v", v, cc, err)
			}
			must(t, s.Rollback())
			if got := scanTable(t, s, c.table); !reflect.DeepEqual(got, c.rows) {
				t.Errorf("after Rollback: %+v", got)
			}
		})
	}
}

func scanTable(t testing.TB, s *Store, table kernel.Table) []kernel.Write {
	t.Helper()
	var got []kernel.Write
	must(t, s.ScanTable(table, func(w kernel.Write) bool {
		got = append(got, w)
		return true
	}))
	return got
}

func TestCList(t *testing.T) {
	entry := func(vat, kref uint64, vref capdata.Vref, v string) kernel.Write {
		w := kernel.Write{Table: kernel.TableCList, A: vat, B: kref, C: uint64(vref)}
		if v != "" {
			w.Value = []byte(v)
		}
		return w
	}
	imp, exp := capdata.Import(capdata.Object, 50), capdata.Export(capdata.Object, 1<<59+7)
	s := newStore(t)
	flush(t, s,
		entry(3, 80, imp, "a"), entry(2, 80, imp, "b"), entry(300, 80, imp+16, "c"), entry(1, 80, exp, "d"),
		entry(2, 81, capdata.Import(capdata.Promise, 60), "e"), entry(2, 84, capdata.Import(capdata.Object, 51), "f"))
	if vats, err := s.Importers(80); err != nil || !reflect.DeepEqual(vats, []kernel.VatID{2, 3, 300}) {
		t.Errorf("Importers = %v, %v", vats, err)
	}
	if vats, err := s.Importers(81); err != nil || vats != nil {
		t.Errorf("Importers of a promise = %v, %v", vats, err)
	}
	byVref := func(vat kernel.VatID, v capdata.Vref, kref capdata.Kref, value string) {
		t.Helper()
		k, val, err := s.ByVref(vat, v)
		if err != nil || k != kref || string(val) != value {
			t.Errorf("ByVref(%d, %v) = %v, %q, %v; want %v, %q", vat, v, k, val, err, kref, value)
		}
	}
	byVref(1, exp, 80, "d")
	byVref(2, exp, 0, "")
	byVref(2, imp, 80, "b")

	// A vref moves to another kref, in either order, and two change places.
	for _, order := range [][]kernel.Write{
		{entry(1, 80, exp, ""), entry(1, 88, exp, "new")},
		{entry(1, 80, exp, "d"), entry(1, 88, 0, "")},
		{entry(1, 88, exp, "new"), entry(1, 80, exp, "")},
		{entry(1, 80, exp, "d"), entry(1, 88, 0, ""), row(1, "kept")},
	} {
		flush(t, s, order...)
	}
	byVref(1, exp, 80, "d")
	if value(t, s, 1) != "kept" {
		t.Error("another row of a crank was lost when its c-list entries were put in order")
	}
	flush(t, s, entry(2, 80, imp+16, "b2"), entry(2, 84, imp, "f2"))
	byVref(2, imp, 84, "f2")
	byVref(2, imp+16, 80, "b2")
	must(t, s.Commit())

	// Two krefs for one vref are a mistake, and do not lose the first.
	if err := s.Flush([]kernel.Write{entry(2, 92, imp, "x")}, nil); err == nil {
		t.Error("a second kref for a vref was taken")
	}
	must(t, s.Rollback())
	byVref(2, imp, 84, "f2")
}

func TestVatstore(t *testing.T) {
	s := newStore(t)
	put := func(vat uint64, key, v string) kernel.Write {
		return kernel.Write{Table: kernel.TableVatstore, A: vat, Key: []byte(key), Value: []byte(v)}
	}
	flush(t, s, put(1, "b", "1"), put(1, "a\xff", "2"), put(1, "a", ""), put(1, "\x80", "4"), put(1, "a\x00", "5"), put(2, "a", "6"))
	var keys []string
	key, ok, err := s.NextKey(1, nil)
	for ; ok && err == nil; key, ok, err = s.NextKey(1, key) {
		keys = append(keys, string(key))
	}
	want := []string{"a", "a\x00", "a\xff", "b", "\x80"}
	if err != nil || !reflect.DeepEqual(keys, want) {
		t.Errorf("keys = %q, %v, want %q", keys, err, want)
	}
	if v, ok, err := s.GetKey(1, []byte("a")); v == nil || len(v) != 0 || !ok || err != nil {
		t.Errorf("an empty value is %v, %v, %v", v, ok, err)
	}
	if v, ok, err := s.GetKey(1, []byte("c")); v != nil || ok || err != nil {
		t.Errorf("an absent value is %v, %v, %v", v, ok, err)
	}
	got := scanTable(t, s, kernel.TableVatstore)
	if len(got) != 6 || string(got[4].Key) != "\x80" || got[5].A != 2 || string(got[5].Value) != "6" {
		t.Errorf("ScanTable = %+v", got)
	}
	del := put(1, "a", "")
	del.Value = nil
	flush(t, s, del)
	if _, ok, err := s.GetKey(1, []byte("a")); ok || err != nil {
		t.Errorf("a deleted key: %v, %v", ok, err)
	}
}

func TestLargeValues(t *testing.T) {
	s := newStore(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	flush(t, s, kernel.Write{Table: kernel.TableQueue, A: 1, B: 1, Value: large},
		kernel.Write{Table: kernel.TableVatstore, A: 1, Key: large[:1<<17], Value: large})
	must(t, s.Commit())
	if v, _, err := s.Get(kernel.TableQueue, 1, 1); err != nil || !bytes.Equal(v, large) {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	if v, ok, err := s.GetKey(1, large[:1<<17]); err != nil || !ok || !bytes.Equal(v, large) {
		t.Errorf("%d bytes, %v, %v", len(v), ok, err)
	}
}

// TestGivenSlicesAreNotKept changes slices after they were flushed.
func TestGivenSlicesAreNotKept(t *testing.T) {
	s := newStore(t)
	v := []byte("before")
	must(t, s.Flush([]kernel.Write{{Table: kernel.TableState, A: 1, Value: v}}, []kernel.TranscriptItem{{Vat: 1, Data: v}}))
	must(t, s.HostSet("word", v))
	copy(v, "after!")
	word, err := s.HostGet("word")
	must(t, err)
	if got := value(t, s, 1); got != "before" || string(word) != "before" {
		t.Errorf("%q, %q", got, word)
	}
}

func TestTranscript(t *testing.T) {
	s := newStore(t)
	item := func(vat kernel.VatID, inc uint32, pos uint64) kernel.TranscriptItem {
		return kernel.TranscriptItem{Vat: vat, Incarnation: inc, Position: pos, Data: []byte(fmt.Sprint(vat, inc, pos))}
	}
	must(t, s.Flush(nil, []kernel.TranscriptItem{item(1, 0, 0), item(1, 0, 1), item(1, 1, 2), item(2, 0, 0)}))
	must(t, s.Flush(nil, []kernel.TranscriptItem{item(1, 1, 3), item(1, 1, 4)}))
	must(t, s.Commit())
	read := func(vat kernel.VatID, inc uint32, from uint64) (got []kernel.TranscriptItem) {
		t.Helper()
		must(t, s.Transcript(vat, inc, from, func(it kernel.TranscriptItem) (bool, error) {
			// Replay may read, and may look at another transcript.
			_, err := s.HostGet("x")
			must(t, err)
			if len(got) == 0 {
				must(t, s.Transcript(vat, inc, from, func(kernel.TranscriptItem) (bool, error) { return true, nil }))
			}
			got = append(got, it)
			return true, nil
		}))
		return got
	}
	if got, want := read(1, 1, 0), []kernel.TranscriptItem{item(1, 1, 2), item(1, 1, 3), item(1, 1, 4)}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got, want := read(1, 1, 4), []kernel.TranscriptItem{item(1, 1, 4)}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	n := 0
	stop := errors.New("stop")
	err := s.Transcript(1, 1, 0, func(kernel.TranscriptItem) (bool, error) { n++; return true, stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("after %d items: %v", n, err)
	}
	must(t, s.Transcript(1, 1, 0, func(kernel.TranscriptItem) (bool, error) { n++; return n < 3, nil }))
	if n != 3 {
		t.Errorf("false ended it after %d items", n-1)
	}
	if err := s.Flush(nil, []kernel.TranscriptItem{item(1, 1, 4)}); err == nil {
		t.Error("a second item at one position was taken")
	}
	must(t, s.Rollback())

	for _, c := range []struct{ max, want int }{{0, 0}, {2, 2}, {2, 2}, {2, 1}, {2, 0}} {
		if got, err := s.DropTranscript(1, c.max); got != c.want || err != nil {
			t.Errorf("DropTranscript(%d) = %d, %v, want %d", c.max, got, err, c.want)
		}
	}
	if got := read(2, 0, 0); len(got) != 1 {
		t.Errorf("another vat's transcript: %+v", got)
	}
}

func TestBundlesAndHostWords(t *testing.T) {
	s := newStore(t)
	a := kernel.Bundle{Hash: [32]byte{1}, Code: []byte("code"), Data: []byte{}}
	b := kernel.Bundle{Hash: [32]byte{2}, Code: bytes.Repeat([]byte("c"), 3<<20)}
	must(t, s.PutBundle(a))
	must(t, s.PutBundle(b))
	must(t, s.PutBundle(kernel.Bundle{Hash: a.Hash, Code: []byte("other")}))
	for _, want := range []kernel.Bundle{a, b} {
		got, ok, err := s.GetBundle(want.Hash)
		if !ok || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("bundle %x: %v, %v", want.Hash[:1], ok, err)
		}
	}
	if _, ok, err := s.GetBundle([32]byte{3}); ok || err != nil {
		t.Errorf("absent bundle: %v, %v", ok, err)
	}
	must(t, s.HostSet("empty", []byte{}))
	must(t, s.HostSet("height", []byte("1")))
	must(t, s.Commit())
	must(t, s.HostSet("height", []byte("2")))
	must(t, s.Rollback())
	for key, want := range map[string][]byte{"empty": {}, "height": []byte("1"), "absent": nil} {
		if got, err := s.HostGet(key); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, want %v", key, got, err, want)
		}
	}
	must(t, s.HostSet("height", nil))
	if got, err := s.HostGet("height"); got != nil || err != nil {
		t.Errorf("after setting nil: %v, %v", got, err)
	}
}

// TestMisuse: what the caller must not do is an error, and the store says
// nothing else until Rollback.
func TestMisuse(t *testing.T) {
	row := func(w kernel.Write) func(*Store) error {
		return func(s *Store) error { return s.Flush([]kernel.Write{w}, nil) }
	}
	v := []byte("v")
	for _, c := range []struct {
		name string
		do   func(*Store) error
		text string
	}{
		{"no table 0", row(kernel.Write{Value: v}), "no table 0"},
		{"no table 12", row(kernel.Write{Table: 12, Value: v}), "no table 12"},
		{"A too large", row(kernel.Write{Table: kernel.TableState, A: 1 << 63, Value: v}), "2^63"},
		{"B too large", row(kernel.Write{Table: kernel.TableQueue, B: 1 << 63, Value: v}), "2^63"},
		{"B where there is none", row(kernel.Write{Table: kernel.TableObject, B: 1, Value: v}), "always 0"},
		{"B in the vatstore", row(kernel.Write{Table: kernel.TableVatstore, B: 1, Value: v}), "vatstore"},
		{"c-list", row(kernel.Write{Table: kernel.TableCList, A: 1 << 63, Value: v}), "2^63"},
		{"scan of the vatstore", func(s *Store) error { return s.Scan(kernel.TableVatstore, 1, 0, nil) }, "no table 10"},
		{"scan of nothing", func(s *Store) error { return s.ScanTable(99, nil) }, "no table 99"},
		{"get of the vatstore", func(s *Store) error { _, _, err := s.Get(kernel.TableVatstore, 1, 0); return err }, "no table 10"},
		{"negative max", func(s *Store) error { _, err := s.DropTranscript(1, -1); return err }, "negative"},
		{"calls from Scan", func(s *Store) (err error) {
			return errors.Join(s.Scan(kernel.TableState, 1, 0, func(uint64, uint64, []byte) bool {
				_, _, err = s.Get(kernel.TableState, 1, 0)
				return true
			}), err)
		}, "callback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			flush(t, s, kernel.Write{Table: kernel.TableState, A: 1, Value: v})
			must(t, s.Commit())
			flush(t, s, kernel.Write{Table: kernel.TableState, A: 1, Value: []byte("lost")})
			err := c.do(s)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v does not say %q", err, c.text)
			}
			for name, err := range everyMethod(s) {
				if !errors.Is(err, ErrRollbackFirst) {
					t.Errorf("%s after an error: %v", name, err)
				}
			}
			must(t, s.Rollback())
			if got := value(t, s, 1); got != "v" {
				t.Errorf("after Rollback: %q", got)
			}
			flush(t, s, kernel.Write{Table: kernel.TableState, A: 1, Value: []byte("again")})
			must(t, s.Commit())
		})
	}
}

// everyMethod calls each method but Rollback and Close.
func everyMethod(s *Store) map[string]error {
	errs := map[string]error{}
	_, _, errs["Get"] = s.Get(kernel.TableState, 1, 0)
	_, _, errs["ByVref"] = s.ByVref(1, 1)
	_, errs["Importers"] = s.Importers(80)
	errs["Scan"] = s.Scan(kernel.TableQueue, 1, 0, func(uint64, uint64, []byte) bool { return true })
	errs["ScanTable"] = s.ScanTable(kernel.TableQueue, func(kernel.Write) bool { return true })
	_, _, errs["GetKey"] = s.GetKey(1, nil)
	_, _, errs["NextKey"] = s.NextKey(1, nil)
	errs["Flush"] = s.Flush([]kernel.Write{row(1, "w")}, nil)
	errs["Transcript"] = s.Transcript(1, 0, 0, func(kernel.TranscriptItem) (bool, error) { return true, nil })
	_, errs["DropTranscript"] = s.DropTranscript(1, 1)
	errs["PutBundle"] = s.PutBundle(kernel.Bundle{})
	_, _, errs["GetBundle"] = s.GetBundle([32]byte{})
	_, errs["HostGet"] = s.HostGet("w")
	errs["HostSet"] = s.HostSet("w", nil)
	errs["Commit"] = s.Commit()
	return errs
}

func TestClose(t *testing.T) {
	path := t.TempDir() + "/kernel.db"
	s := openStore(t, path)
	flush(t, s, row(1, "kept"))
	must(t, s.Commit())
	flush(t, s, row(1, "lost"))
	must(t, s.Close())
	must(t, s.Close())
	for name, err := range everyMethod(s) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if err := s.Rollback(); !errors.Is(err, ErrClosed) {
		t.Errorf("Rollback after Close: %v", err)
	}
	if got := names(t, path[:len(path)-len("/kernel.db")]); !reflect.DeepEqual(got, []string{"kernel.db"}) {
		t.Errorf("Close left %v", got)
	}
	if got := value(t, openStore(t, path), 1); got != "kept" {
		t.Errorf("after opening again: %q", got)
	}
}
