package sqlitestore

import (
	"fmt"
	"math"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// tableOf returns the statements of t, which is not TableVatstore.
func (s *Store) tableOf(t kernel.Table) (*table, error) {
	if int(t) >= len(s.tables) || s.tables[t].all == nil || t == kernel.TableVatstore {
		return nil, fmt.Errorf("no table %d with integer keys", t)
	}
	return &s.tables[t], nil
}

// checkKey refuses keys that the table has no room or no order for.
func (t *table) checkKey(a, b uint64) error {
	switch {
	case a > math.MaxInt64, b > math.MaxInt64:
		return fmt.Errorf("%s: key (%d, %d) is not below 2^63", t.name, a, b)
	case b != 0 && t.b == "":
		return fmt.Errorf("%s: B is %d, but always 0 in this table", t.name, b)
	}
	return nil
}

// bindKey sets the first parameters of q to a row's key.
func (t *table) bindKey(q *statement, a, b uint64) {
	q.num(0, a)
	if t.b != "" {
		q.num(1, b)
	}
}

// Get implements kernel.Store. The value is the caller's.
func (s *Store) Get(t kernel.Table, a, b uint64) (value []byte, c uint64, err error) {
	if err := s.ready(); err != nil {
		return nil, 0, err
	}
	value, c, err = s.get(t, a, b)
	if err != nil {
		return nil, 0, s.fail("get", err)
	}
	return value, c, nil
}

func (s *Store) get(t kernel.Table, a, b uint64) (value []byte, c uint64, err error) {
	tab, err := s.tableOf(t)
	if err != nil {
		return nil, 0, err
	}
	if err := tab.checkKey(a, b); err != nil {
		return nil, 0, err
	}
	q := tab.get
	tab.bindKey(q, a, b)
	ok, err := q.first()
	if err != nil || !ok {
		return nil, 0, err
	}
	if value, err = q.bytes(0); err == nil && t == kernel.TableCList {
		c, err = q.int(1)
	}
	return value, c, err
}

// ByVref implements kernel.Store. The value is the caller's.
func (s *Store) ByVref(vat kernel.VatID, v capdata.Vref) (capdata.Kref, []byte, error) {
	if err := s.ready(); err != nil {
		return 0, nil, err
	}
	q := s.byVref
	q.num(0, uint64(vat))
	q.num(1, uint64(v))
	ok, err := q.first()
	if err == nil && !ok {
		return 0, nil, nil
	}
	var k uint64
	var value []byte
	if err == nil {
		k, err = q.int(0)
	}
	if err == nil {
		value, err = q.bytes(1)
	}
	if err != nil {
		return 0, nil, s.fail("by vref", err)
	}
	return capdata.Kref(k), value, nil
}

// Importers implements kernel.Store.
func (s *Store) Importers(k capdata.Kref) ([]kernel.VatID, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	var vats []kernel.VatID
	q := s.importers
	q.num(0, uint64(k))
	err := q.each(func() (bool, error) {
		vat, err := q.int(0)
		vats = append(vats, kernel.VatID(vat))
		return true, err
	})
	if err != nil {
		return nil, s.fail("importers", err)
	}
	return vats, nil
}

// Scan implements kernel.Store. The value is f's for good.
func (s *Store) Scan(t kernel.Table, a, fromB uint64, f func(b, c uint64, value []byte) bool) error {
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.scan(t, a, fromB, f); err != nil {
		return s.fail("scan", err)
	}
	return nil
}

func (s *Store) scan(t kernel.Table, a, fromB uint64, f func(b, c uint64, value []byte) bool) error {
	tab, err := s.tableOf(t)
	if err != nil {
		return err
	}
	s.inCallback = true
	defer func() { s.inCallback = false }()
	if tab.b == "" { // at most one row, with B = 0
		if fromB > 0 {
			return nil
		}
		value, c, err := s.get(t, a, 0)
		if err == nil && value != nil {
			f(0, c, value)
		}
		return err
	}
	if err := tab.checkKey(a, fromB); err != nil {
		return err
	}
	q := tab.scan
	tab.bindKey(q, a, fromB)
	return q.each(func() (bool, error) {
		b, err := q.int(0)
		if err != nil {
			return false, err
		}
		value, err := q.bytes(1)
		if err != nil {
			return false, err
		}
		var c uint64
		if t == kernel.TableCList {
			if c, err = q.int(2); err != nil {
				return false, err
			}
		}
		return f(b, c, value), nil
	})
}

// ScanTable implements kernel.Store. What f is given is f's for good. f must
// not call the store.
func (s *Store) ScanTable(t kernel.Table, f func(w kernel.Write) bool) error {
	if err := s.ready(); err != nil {
		return err
	}
	if int(t) >= len(s.tables) || s.tables[t].all == nil {
		return s.fail("scan table", fmt.Errorf("no table %d", t))
	}
	tab := &s.tables[t]
	s.inCallback = true
	defer func() { s.inCallback = false }()
	q := tab.all
	err := q.each(func() (bool, error) {
		w, err := tab.row(q)
		if err != nil {
			return false, err
		}
		return f(w), nil
	})
	if err != nil {
		return s.fail("scan table", err)
	}
	return nil
}

// row reads the row that q, which is t.all, stands at.
func (t *table) row(q *statement) (w kernel.Write, err error) {
	w.Table = t.table
	if w.A, err = q.int(0); err != nil {
		return w, err
	}
	value := 1
	switch {
	case t.table == kernel.TableVatstore:
		if w.Key, err = q.bytes(1); err != nil {
			return w, err
		}
		value = 2
	case t.b != "":
		if w.B, err = q.int(1); err != nil {
			return w, err
		}
		value = 2
	}
	if w.Value, err = q.bytes(value); err != nil {
		return w, err
	}
	if t.table == kernel.TableCList {
		w.C, err = q.int(3)
	}
	return w, err
}

// GetKey implements kernel.Store. The value is the caller's.
func (s *Store) GetKey(vat kernel.VatID, key []byte) (value []byte, ok bool, err error) {
	if err := s.ready(); err != nil {
		return nil, false, err
	}
	value, ok, err = s.oneKey(s.tables[kernel.TableVatstore].get, vat, key)
	if err != nil {
		return nil, false, s.fail("get key", err)
	}
	return value, ok, nil
}

// NextKey implements kernel.Store. The key is the caller's.
func (s *Store) NextKey(vat kernel.VatID, after []byte) (key []byte, ok bool, err error) {
	if err := s.ready(); err != nil {
		return nil, false, err
	}
	key, ok, err = s.oneKey(s.nextKey, vat, after)
	if err != nil {
		return nil, false, s.fail("next key", err)
	}
	return key, ok, nil
}

func (s *Store) oneKey(q *statement, vat kernel.VatID, key []byte) (answer []byte, ok bool, err error) {
	q.num(0, uint64(vat))
	q.blob(1, key)
	if ok, err = q.first(); err != nil || !ok {
		return nil, false, err
	}
	answer, err = q.bytes(0)
	return answer, err == nil, err
}
