package sqlitestore

import (
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/kernel"
	sqlite3 "github.com/mattn/go-sqlite3"
)

// errReorder says that c-list entries of a crank stand in each other's way: one
// takes the vref that another, which takes a new one itself, gives up later in the list.
var errReorder = errors.New("c-list entries need another order")

// Flush implements kernel.Store. The writes may come in any order.
func (s *Store) Flush(writes []kernel.Write, items []kernel.TranscriptItem) error {
	if err := s.readyToWrite(); err != nil {
		return err
	}
	if err := s.flush(writes, items); err != nil {
		return s.fail("flush", err)
	}
	return nil
}

func (s *Store) flush(writes []kernel.Write, items []kernel.TranscriptItem) error {
	if len(writes) == 1 && len(items) == 0 && writes[0].Table != kernel.TableCList {
		// A crank that only moves counters, as routing does. One statement is all
		// or nothing by itself.
		return s.write(writes, nil)
	}
	if err := s.savepoint.run(); err != nil {
		return err
	}
	// What vats let go of first, so that its vref is free for another entry.
	err := s.clearEntries(writes, func(w *kernel.Write) bool { return w.Value == nil })
	if err == nil {
		err = s.write(writes, s.putEntry)
	}
	if err == errReorder {
		// Rare: all entries that the crank wrote go first, then come anew.
		if err = s.restore.run(); err == nil {
			err = s.clearEntries(writes, func(*kernel.Write) bool { return true })
		}
		if err == nil {
			err = s.write(writes, s.insertEntry)
		}
	}
	if err != nil {
		return err
	}
	for i := range items {
		q, it := s.putItem, &items[i]
		q.num(0, uint64(it.Vat))
		q.num(1, uint64(it.Incarnation))
		q.num(2, it.Position)
		q.blob(3, it.Data)
		if err := q.run(); err != nil {
			return fmt.Errorf("transcript of v%d at %d: %w", it.Vat, it.Position, err)
		}
	}
	return s.release.run()
}

// write writes rows; those of TableCList go through entry, except that deleted
// ones are gone already.
func (s *Store) write(writes []kernel.Write, entry func(*kernel.Write) error) error {
	for i := range writes {
		w := &writes[i]
		var err error
		switch {
		case w.Table == kernel.TableVatstore:
			err = s.writeKey(w)
		case w.Table == kernel.TableCList:
			if w.Value != nil {
				err = entry(w)
			}
		default:
			err = s.writeRow(w)
		}
		if err == errReorder {
			return err
		}
		if err != nil {
			return fmt.Errorf("table %d, row (%d, %d): %w", w.Table, w.A, w.B, err)
		}
	}
	return nil
}

func (s *Store) writeRow(w *kernel.Write) error {
	t, err := s.tableOf(w.Table)
	if err != nil {
		return err
	}
	if err := t.checkKey(w.A, w.B); err != nil {
		return err
	}
	if w.Value == nil {
		t.bindKey(t.del, w.A, w.B)
		return t.del.run()
	}
	t.bindKey(t.put, w.A, w.B)
	t.put.blob(len(t.put.args)-1, w.Value)
	return t.put.run()
}

func (s *Store) writeKey(w *kernel.Write) error {
	t := &s.tables[kernel.TableVatstore]
	if err := t.checkKey(w.A, w.B); err != nil {
		return err
	}
	if w.B != 0 {
		return errors.New("the vatstore has no column for B, which is not 0")
	}
	q := t.put
	if w.Value == nil {
		q = t.del
	}
	q.num(0, w.A)
	q.blob(1, w.Key)
	if w.Value != nil {
		q.blob(2, w.Value)
	}
	return q.run()
}

// bindEntry sets the parameters of a c-list entry.
func (s *Store) bindEntry(q *statement, w *kernel.Write) error {
	t := &s.tables[kernel.TableCList]
	if err := t.checkKey(w.A, w.B); err != nil {
		return err
	}
	t.bindKey(q, w.A, w.B)
	q.num(2, w.C)
	q.blob(3, w.Value)
	return nil
}

// putEntry inserts a c-list entry or changes its value.
func (s *Store) putEntry(w *kernel.Write) error {
	q := s.tables[kernel.TableCList].put
	if err := s.bindEntry(q, w); err != nil {
		return err
	}
	err := q.run()
	if code(err) == sqlite3.ErrConstraint {
		return errReorder
	}
	return err
}

// clearEntries deletes those c-list entries that writes has rows for and which
// says yes to.
func (s *Store) clearEntries(writes []kernel.Write, which func(*kernel.Write) bool) error {
	t := &s.tables[kernel.TableCList]
	for i := range writes {
		if w := &writes[i]; w.Table == kernel.TableCList && which(w) {
			if err := t.checkKey(w.A, w.B); err != nil {
				return err
			}
			t.bindKey(t.del, w.A, w.B)
			if err := t.del.run(); err != nil {
				return err
			}
		}
	}
	return nil
}

// insertEntry inserts a c-list entry after clearEntries. A vref that is still
// taken belongs to an entry that the crank did not write: two krefs for one
// vref, which is a mistake of the caller.
func (s *Store) insertEntry(w *kernel.Write) error {
	q := s.tables[kernel.TableCList].insert
	if err := s.bindEntry(q, w); err != nil {
		return err
	}
	return q.run()
}
