package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// query returns rows as text.
func query(t *testing.T, s *Store, sql string, args ...driver.Value) []string {
	t.Helper()
	rows, err := s.conn.Query(sql, args)
	must(t, err)
	var all []string
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(dest)
		if err == io.EOF {
			break
		}
		must(t, err)
		var text []string
		for _, v := range dest {
			text = append(text, fmt.Sprint(v))
		}
		all = append(all, strings.Join(text, " "))
	}
	must(t, rows.Close())
	return all
}

// TestEveryQueryUsesAKey: no statement walks through a table, but those that
// are to read it all, and none sorts.
func TestEveryQueryUsesAKey(t *testing.T) {
	s := newStore(t)
	whole := 0
	for i, sql := range s.sql {
		if strings.HasPrefix(sql, "BEGIN") || !strings.Contains(sql, " ") {
			continue
		}
		plan := strings.Join(query(t, s, "EXPLAIN QUERY PLAN "+sql, make([]driver.Value, len(s.prepared[i].args))...), "\n")
		if strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s sorts:\n%s", sql, plan)
		}
		if strings.Contains(plan, "SCAN ") {
			if whole++; strings.Contains(sql, "?") {
				t.Errorf("%s walks through a table:\n%s", sql, plan)
			}
		}
	}
	if whole != len(layouts)+2 {
		t.Errorf("%d statements read whole tables, want one for each of %d", whole, len(layouts)+2)
	}
	plan := query(t, s, "EXPLAIN QUERY PLAN SELECT vat FROM clist WHERE kref = ?1 AND "+imported+" ORDER BY vat", int64(1))
	if len(plan) != 1 || !strings.Contains(plan[0], "USING INDEX clist_importers") {
		t.Errorf("importers: %s", plan)
	}
}

// TestSettings: what the guarantees rest on is set in SQLite.
func TestSettings(t *testing.T) {
	s, err := Open(t.TempDir()+"/kernel.db", &Options{Create: true})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for _, c := range []struct{ pragma, want string }{
		{"journal_mode", "wal"}, {"synchronous", "2"}, {"page_size", fmt.Sprint(pageSize)}, {"temp_store", "2"},
		{"application_id", fmt.Sprint(applicationID)}, {"user_version", fmt.Sprint(schemaVersion)}, {"mmap_size", "0"},
		{"wal_autocheckpoint", fmt.Sprint(checkpointPages)}, {"journal_size_limit", fmt.Sprint(logLimit)}, {"locking_mode", "normal"},
		{"cache_size", fmt.Sprint(-cacheKiB)}, {"integrity_check", "ok"},
	} {
		if got := query(t, s, "PRAGMA "+c.pragma); !reflect.DeepEqual(got, []string{c.want}) {
			t.Errorf("%s is %s, want %s", c.pragma, got, c.want)
		}
	}
}

// TestViews reads what a person at the shell would.
func TestViews(t *testing.T) {
	s := newStore(t)
	imp, exp := capdata.Import(capdata.Promise, 60), capdata.Export(capdata.Object, 1<<59+7)|8
	ko, kp := uint64(capdata.NewKref(capdata.Object, 20)), uint64(capdata.NewKref(capdata.Promise, 40))
	v := []byte("abc")
	must(t, s.Flush([]kernel.Write{
		{Table: kernel.TableObject, A: ko, Value: v},
		{Table: kernel.TablePromise, A: kp, Value: v},
		{Table: kernel.TableParked, A: kp, B: 0, Value: v},
		{Table: kernel.TableCList, A: 3, B: ko, C: uint64(exp), Value: v},
		{Table: kernel.TableCList, A: 3, B: kp, C: uint64(imp), Value: v},
		{Table: kernel.TableGCAction, A: 1, B: 1<<60 | ko, Value: v},
		{Table: kernel.TableGCAction, A: 1, B: 2<<60 | ko, Value: v},
		{Table: kernel.TableGCAction, A: 1, B: ko, Value: v},
		{Table: kernel.TableGCAction, A: 1, B: 3<<60 | ko, Value: v},
	}, []kernel.TranscriptItem{{Vat: 3, Position: 0, Data: v}, {Vat: 3, Position: 1, Data: v}}))
	for _, c := range []struct {
		view string
		want []string
	}{
		{"objects_text", []string{"ko20 3"}},
		{"promises_text", []string{"kp40 3 0 1"}},
		{"clist_text", []string{"v3 ko20 " + exp.String(), "v3 kp40 p-60"}},
		{"gc_actions_text", []string{"v1 0 ko20", "v1 1 ko20", "v1 2 ko20", "v1 3 ko20"}},
		{"transcripts_text", []string{"v3 0 2 0 1 6"}},
	} {
		if got := query(t, s, "SELECT * FROM "+c.view); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.view, got, c.want)
		}
	}
}
