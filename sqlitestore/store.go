package sqlitestore

import (
	"errors"
	"fmt"
	"os"

	"github.com/crankcase/crankcase/kernel"
	sqlite3 "github.com/mattn/go-sqlite3"
)

// Store is a kernel.Store in a SQLite file. It is used from one goroutine at a
// time, as the port says.
type Store struct {
	path     string // absolute, without symbolic links
	readOnly bool
	lock     *os.File    // nil if readOnly
	info     os.FileInfo // as registered in opened
	conn     *sqlite3.SQLiteConn

	begin, commit, rollback      *statement
	savepoint, release, restore  *statement
	tables                       [kernel.TableGCAction + 1]table
	byVref, importers, nextKey   *statement
	putItem, dropItems           *statement
	putWord, getWord, deleteWord *statement
	prepared                     []*statement // all of the above
	sql                          []string     // of prepared

	inTransaction bool
	// committing is true while COMMIT runs. The commit hook vetoes every other
	// commit, so that no path through SQLite, whatever became of the
	// transaction, makes a part of one durable.
	committing bool
	inCallback bool  // a Scan or ScanTable is calling its f
	failed     error // what every method returns until Rollback
	poisoned   error // what every method returns for good
}

var _ kernel.Store = (*Store)(nil)

// table is the statements of a kernel.Table. Those that write are nil if the
// store is read-only.
type table struct {
	layout
	get, put, del *statement
	scan, all     *statement
	// insert puts a row of TableCList that is known not to be there.
	insert *statement
}

// Path returns the file's path: absolute, without symbolic links.
func (s *Store) Path() string { return s.path }

// ready says whether the store can be used, and begins the transaction if
// there is none. All reading is done inside of it: outside, SQLite takes and
// drops its locks for each statement.
func (s *Store) ready() error {
	if s.inTransaction && s.failed == nil && s.poisoned == nil && !s.inCallback {
		return nil
	}
	switch {
	case s.poisoned != nil:
		return s.poisoned
	case s.failed != nil:
		return s.failed
	case s.inCallback:
		return s.fail("call", errors.New("a callback of Scan or ScanTable called the store"))
	}
	if err := s.begin.run(); err != nil {
		return s.fail("begin", err)
	}
	s.inTransaction = true
	return nil
}

// readyToWrite is ready for methods that write.
func (s *Store) readyToWrite() error {
	if err := s.ready(); err != nil {
		return err
	}
	if s.readOnly {
		return s.fail("write", ErrReadOnly)
	}
	return nil
}

// fail makes the error of a method, and sees to it that nothing but Rollback
// is possible after it. SQLite answers some errors (a full disk, I/O, memory)
// by rolling back the whole transaction; each later statement would then
// commit by itself.
func (s *Store) fail(what string, err error) error {
	err = withFull(err)
	if s.inTransaction && s.conn.AutoCommit() {
		s.inTransaction = false
		err = fmt.Errorf("%w: %w", ErrTransactionLost, err)
	}
	err = fmt.Errorf("sqlitestore: %s: %s: %w", s.path, what, err)
	s.failed = fmt.Errorf("%w (%w)", ErrRollbackFirst, err)
	if c := code(err); c == sqlite3.ErrCorrupt || c == sqlite3.ErrNotADB {
		s.poison(err)
	}
	return err
}

func (s *Store) poison(err error) {
	if s.poisoned == nil {
		s.poisoned = fmt.Errorf("%w (%w)", ErrPoisoned, err)
	}
}

// Commit makes durable what was flushed. If it fails, nothing of it is in the
// database after Rollback, with one exception: if the operating system could
// not write or sync, it is not known what the disk has. The store is then
// poisoned, and opening the file again shows the last commit or this one.
func (s *Store) Commit() error {
	switch {
	case s.poisoned != nil:
		return s.poisoned
	case s.failed != nil:
		return s.failed
	case !s.inTransaction:
		return nil
	}
	if err := s.ready(); err != nil {
		return err
	}
	s.committing = true
	err := s.commit.run()
	s.committing = false
	if err != nil {
		err = s.fail("commit", err)
		if code(err) == sqlite3.ErrIoErr {
			s.poison(err)
		}
		return err
	}
	s.inTransaction = false
	return nil
}

// Rollback implements kernel.Store. A read-only store sees what was committed
// meanwhile.
func (s *Store) Rollback() error {
	if s.poisoned == nil && s.inTransaction {
		if err := s.rollback.run(); err != nil && !s.conn.AutoCommit() {
			s.poison(fmt.Errorf("sqlitestore: %s: rollback: %w", s.path, err))
		}
	}
	if s.poisoned != nil {
		return s.poisoned
	}
	s.inTransaction, s.failed = false, nil
	return nil
}

// Close rolls back what was not committed, moves the log into the database
// file, so that normally one file remains, and frees the lock. It may be
// called again, which does nothing. If it returns an error, the last commit
// is still durable, but in two files.
func (s *Store) Close() error {
	if s.conn == nil {
		return nil
	}
	var errs []error
	if s.inTransaction && !s.conn.AutoCommit() {
		errs = append(errs, s.rollback.run())
	}
	s.inTransaction = false
	for _, q := range s.prepared {
		errs = append(errs, q.close())
	}
	if !s.readOnly && s.poisoned == nil {
		// SQLite does this when the last connection closes, but keeps quiet
		// if it fails. PASSIVE does not wait for readers.
		_, err := s.conn.Exec("PRAGMA wal_checkpoint(PASSIVE)", nil)
		errs = append(errs, err)
	}
	errs = append(errs, s.conn.Close())
	s.conn = nil
	s.poisoned = ErrClosed
	leave(s.info)
	errs = append(errs, unlock(s.lock))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqlitestore: %s: close: %w", s.path, withFull(err))
	}
	return nil
}
