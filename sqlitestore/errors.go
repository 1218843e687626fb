package sqlitestore

import (
	"errors"
	"fmt"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Errors of Open. Nothing was changed, and nothing left beside the file. A
// missing file or folder is fs.ErrNotExist, a missing right fs.ErrPermission.
var (
	// ErrNotDatabase is returned when the file is not a SQLite database.
	ErrNotDatabase = errors.New("not a database")
	// ErrForeign is returned when the file is a SQLite database of another program.
	ErrForeign = errors.New("a database of another program")
	// ErrSchemaVersion is returned when the database has a schema that this
	// build does not know: it is newer.
	ErrSchemaVersion = errors.New("unknown schema version")
	// ErrLocked is returned when another Store, of this process or another,
	// has the database open for writing. The error is a *LockedError.
	ErrLocked = errors.New("database is in use")
)

// Errors of a Store's methods.
var (
	// ErrFull is returned, by Open too, when the disk or the file's limit is full.
	ErrFull = errors.New("no space left for the database")
	// ErrReadOnly is returned when a Store opened with ReadOnly is asked to write.
	ErrReadOnly = errors.New("store is open for reading only")
	// ErrTransactionLost is in the chain of an error after which SQLite has
	// dropped the whole transaction, everything flushed since the last commit.
	ErrTransactionLost = errors.New("transaction lost")
	// ErrRollbackFirst is returned by every method after an error, until
	// Rollback. The error is in the chain too.
	ErrRollbackFirst = errors.New("an earlier call failed: Rollback first")
	// ErrPoisoned is returned by every method once it cannot be said any more
	// what the file holds. The cause is in the chain too. Close, and open again.
	ErrPoisoned = errors.New("store is poisoned: close it and open it again")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store is closed")
)

// LockedError says who has a database open for writing. It is an ErrLocked.
type LockedError struct {
	Path string
	PID  int // 0: not known
}

// Error implements error.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("%s: %v by %s: wait for it to end, or stop it", e.Path, ErrLocked, holder)
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// code returns SQLite's primary result code in err's chain, or 0.
func code(err error) sqlite3.ErrNo {
	if err == nil { // most often
		return 0
	}
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// isFull reports whether err says that there is no space. SQLite says IOERR
// instead of FULL in places (a WAL index that cannot grow), or the operating
// system says it itself.
func isFull(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrFull || isNoSpace(e.SystemErrno)) {
		return true
	}
	var errno syscall.Errno
	return errors.As(err, &errno) && isNoSpace(errno)
}

func isNoSpace(e syscall.Errno) bool {
	return e == syscall.ENOSPC || e == syscall.EDQUOT || e == syscall.EFBIG
}

// withFull adds ErrFull to an error that says so.
func withFull(err error) error {
	if isFull(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
