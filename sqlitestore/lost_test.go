package sqlitestore

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/crankcase/crankcase/kernel"
	sqlite3 "github.com/mattn/go-sqlite3"
)

// TestTransactionLost lets SQLite run out of pages in the middle of a crank,
// which it answers by dropping the whole transaction. Statements after that
// would commit one by one.
func TestTransactionLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	s := openStore(t, path)
	flush(t, s, row(1, "committed"))
	must(t, s.Commit())
	pages, err := s.pragma("page_count")
	must(t, err)
	if _, err := s.conn.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+3), nil); err != nil {
		t.Fatal(err)
	}
	flush(t, s, row(1, "first crank"), row(2, "first crank"))
	large := make([]byte, 8*pageSize)
	crank := []kernel.Write{row(1, "second crank"), {Table: kernel.TableState, A: 3, Value: large}, row(4, "second crank")}
	err = s.Flush(crank, nil)
	if !errors.Is(err, ErrFull) || !errors.Is(err, ErrTransactionLost) {
		t.Fatalf("Flush = %v; the test wants the transaction lost", err)
	}
	if !s.conn.AutoCommit() {
		t.Fatal("SQLite has not dropped the transaction")
	}
	for name, err := range everyMethod(s) {
		if !errors.Is(err, ErrRollbackFirst) || !errors.Is(err, ErrFull) {
			t.Errorf("%s after the transaction was lost: %v", name, err)
		}
	}
	only := func(s *Store, want string) {
		t.Helper()
		rows := scanTable(t, s, kernel.TableState)
		if len(rows) != 1 || string(rows[0].Value) != want {
			t.Errorf("the file holds %+v, want only %q", rows, want)
		}
	}
	r, err := Open(path, &Options{ReadOnly: true})
	must(t, err)
	only(r, "committed")
	must(t, r.Close())
	must(t, s.Rollback())
	only(s, "committed")
	// With space again, it goes on.
	if _, err := s.conn.Exec("PRAGMA max_page_count = 100000", nil); err != nil {
		t.Fatal(err)
	}
	must(t, s.Flush(crank, nil))
	must(t, s.Commit())
	if got := value(t, s, 4); got != "second crank" {
		t.Errorf("afterwards: %q", got)
	}
}

// TestNothingCommitsByItself takes the transaction away without an error that
// the store could notice: SAVEPOINT then begins one, and RELEASE would commit it.
func TestNothingCommitsByItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	for name, write := range map[string]func(*Store) error{
		"Flush":     func(s *Store) error { return s.Flush([]kernel.Write{row(1, "partial")}, nil) },
		"HostSet":   func(s *Store) error { return s.HostSet("word", []byte("partial")) },
		"PutBundle": func(s *Store) error { return s.PutBundle(kernel.Bundle{Code: []byte("partial")}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, path)
			flush(t, s, row(1, "lost"))
			if _, err := s.conn.Exec("ROLLBACK", nil); err != nil {
				t.Fatal(err)
			}
			// The veto comes as a violated constraint.
			if err := write(s); code(err) != sqlite3.ErrConstraint {
				t.Fatalf("%s outside of a transaction: %v", name, err)
			}
			if err := s.Commit(); !errors.Is(err, ErrRollbackFirst) {
				t.Errorf("Commit after it: %v", err)
			}
			must(t, s.Rollback())
			if rows := scanTable(t, s, kernel.TableState); len(rows) != 0 {
				t.Errorf("it committed %+v", rows)
			}
			if word, err := s.HostGet("word"); word != nil || err != nil {
				t.Errorf("it committed %q, %v", word, err)
			}
			if _, ok, err := s.GetBundle([32]byte{}); ok || err != nil {
				t.Errorf("it committed a bundle, %v", err)
			}
			must(t, s.Close())
		})
	}
}

// TestCorrupt: after a damaged page the store answers nothing more.
func TestCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	s := openStore(t, path)
	flush(t, s, row(1, "v"))
	must(t, s.Commit())
	must(t, s.Close())
	sql(t, path, "PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'promises'")
	s, err := Open(path, nil)
	if err != nil { // SQLite may notice at once
		t.Logf("refused: %v", err)
		return
	}
	defer func() { must(t, s.Close()) }()
	if _, _, err := s.Get(kernel.TablePromise, 1, 0); err == nil {
		t.Fatal("a damaged table was read")
	}
	first := s.Rollback()
	if !errors.Is(first, ErrPoisoned) {
		t.Errorf("Rollback = %v", first)
	}
	for name, err := range everyMethod(s) {
		if err != first {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCommitCannotWrite fails a Commit by an I/O error, in a child process that
// may not write to long files. It is not known then what the disk has.
func TestCommitCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	must(t, openStore(t, path).Close())
	cmd, out := start(t, "limit", path)
	if got := line(t, out); got != "poisoned" {
		t.Errorf("the child said %q", got)
	}
	kill(t, cmd)
	if got := value(t, openStore(t, path), 1); got != "first" {
		t.Errorf("the file holds %q", got)
	}
}

func commitBeyondLimit(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(path, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Flush([]kernel.Write{row(1, "first")}, nil), s.Commit()); err != nil {
		return err
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: uint64(log.Size()), Max: uint64(log.Size())}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := s.Flush([]kernel.Write{row(1, "second")}, nil); err != nil {
		return err
	}
	if err := s.Commit(); code(err) != sqlite3.ErrIoErr {
		return fmt.Errorf("commit: %w", err)
	}
	err = s.Rollback()
	if !errors.Is(err, ErrPoisoned) {
		return fmt.Errorf("rollback: %w", err)
	}
	for name, other := range everyMethod(s) {
		if other != err {
			return fmt.Errorf("%s: %w", name, other)
		}
	}
	fmt.Println("poisoned")
	time.Sleep(time.Hour)
	return nil
}
