package sqlitestore

import (
	"fmt"

	"github.com/crankcase/crankcase/kernel"
)

// prepareAll prepares every statement that is used more than once. That this
// succeeds is also the check that the file has our tables.
func (s *Store) prepareAll() error {
	var err error
	prep := func(sql string, args, cols int) *statement {
		if err != nil {
			return nil
		}
		var q *statement
		if q, err = prepare(s.conn, sql, args, cols); err == nil {
			s.prepared, s.sql = append(s.prepared, q), append(s.sql, sql)
		}
		return q
	}
	write := func(sql string, args int) *statement {
		if s.readOnly {
			return nil
		}
		return prep(sql, args, 0)
	}

	// IMMEDIATE: the writer takes its place at once, not at the first write,
	// where it could be refused. A reader only takes a snapshot.
	s.begin = prep("BEGIN IMMEDIATE", 0, 0)
	if s.readOnly {
		s.begin = prep("BEGIN", 0, 0)
	}
	s.commit = prep("COMMIT", 0, 0)
	s.rollback = prep("ROLLBACK", 0, 0)
	s.savepoint = write("SAVEPOINT crank", 0)
	s.release = write("RELEASE crank", 0)
	s.restore = write("ROLLBACK TO crank", 0)

	for _, l := range layouts {
		t := &s.tables[l.table]
		t.layout = l
		if l.b == "" {
			t.get = prep("SELECT v FROM "+l.name+" WHERE "+l.a+" = ?1", 1, 1)
			// REPLACE overwrites the row where it lies, there being no other
			// index; ON CONFLICT DO UPDATE looks for it twice.
			t.put = write("INSERT OR REPLACE INTO "+l.name+" ("+l.a+", v) VALUES (?1, ?2)", 2)
			t.del = write("DELETE FROM "+l.name+" WHERE "+l.a+" = ?1", 1)
			t.all = prep("SELECT "+l.a+", v FROM "+l.name+" ORDER BY "+l.a, 0, 2)
			continue
		}
		t.get = prep("SELECT v FROM "+l.name+" WHERE "+l.a+" = ?1 AND "+l.b+" = ?2", 2, 1)
		t.put = write("INSERT OR REPLACE INTO "+l.name+" ("+l.a+", "+l.b+", v) VALUES (?1, ?2, ?3)", 3)
		t.del = write("DELETE FROM "+l.name+" WHERE "+l.a+" = ?1 AND "+l.b+" = ?2", 2)
		t.scan = prep("SELECT "+l.b+", v FROM "+l.name+" WHERE "+l.a+" = ?1 AND "+l.b+" >= ?2 ORDER BY "+l.b, 2, 2)
		t.all = prep("SELECT "+l.a+", "+l.b+", v FROM "+l.name+" ORDER BY "+l.a+", "+l.b, 0, 3)
	}

	c := &s.tables[kernel.TableCList]
	c.layout = layout{table: kernel.TableCList, name: "clist", a: "vat", b: "kref"}
	c.get = prep("SELECT v, vref FROM clist WHERE vat = ?1 AND kref = ?2", 2, 2)
	// An entry that takes another's vref breaks the unique index: then Flush goes the
	// long way.
	c.put = write(`INSERT INTO clist (vat, kref, vref, v) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (vat, kref) DO UPDATE SET vref = excluded.vref, v = excluded.v`, 4)
	c.insert = write("INSERT INTO clist (vat, kref, vref, v) VALUES (?1, ?2, ?3, ?4)", 4)
	c.del = write("DELETE FROM clist WHERE vat = ?1 AND kref = ?2", 2)
	c.scan = prep("SELECT kref, v, vref FROM clist WHERE vat = ?1 AND kref >= ?2 ORDER BY kref", 2, 3)
	c.all = prep("SELECT vat, kref, v, vref FROM clist ORDER BY vat, kref", 0, 4)
	s.byVref = prep("SELECT kref, v FROM clist WHERE vat = ?1 AND vref = ?2", 2, 2)
	s.importers = prep("SELECT vat FROM clist WHERE kref = ?1 AND "+imported+" ORDER BY vat", 1, 1)

	k := &s.tables[kernel.TableVatstore]
	k.layout = layout{table: kernel.TableVatstore, name: "vatstore", a: "vat", b: "key"}
	k.get = prep("SELECT v FROM vatstore WHERE vat = ?1 AND key = ?2", 2, 1)
	k.put = write("INSERT OR REPLACE INTO vatstore (vat, key, v) VALUES (?1, ?2, ?3)", 3)
	k.del = write("DELETE FROM vatstore WHERE vat = ?1 AND key = ?2", 2)
	k.all = prep("SELECT vat, key, v FROM vatstore ORDER BY vat, key", 0, 3)
	s.nextKey = prep("SELECT key FROM vatstore WHERE vat = ?1 AND key > ?2 ORDER BY key LIMIT 1", 2, 1)

	// A plain INSERT: an item that is there already is a mistake worth hearing of.
	s.putItem = write("INSERT INTO transcripts (vat, incarnation, position, data) VALUES (?1, ?2, ?3, ?4)", 4)
	s.dropItems = write(`DELETE FROM transcripts WHERE vat = ?1 AND (incarnation, position) IN
		(SELECT incarnation, position FROM transcripts WHERE vat = ?1 ORDER BY incarnation, position LIMIT ?2)`, 2)

	s.getWord = prep("SELECT v FROM host_words WHERE word = ?1", 1, 1)
	s.putWord = write("INSERT OR REPLACE INTO host_words (word, v) VALUES (?1, ?2)", 2)
	s.deleteWord = write("DELETE FROM host_words WHERE word = ?1", 1)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return nil
}
