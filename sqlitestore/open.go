package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Options are how a database is opened. The zero value opens one that exists,
// for reading and writing.
type Options struct {
	// Create makes the file if it is missing. Its folder must exist.
	Create bool
	// ReadOnly opens for reading what was committed, also while another
	// process has it open for writing. What is read is one commit: the last one
	// before the first read after Open or Rollback. Until the next Rollback or
	// Close the writer's log cannot shrink, so do not keep it open for long.
	ReadOnly bool
	// UnsafeNoSync does not wait for the disk at Commit. A loss of power, or a
	// crash of the operating system, then damages the database beyond repair.
	// For tests and for what can be made again.
	UnsafeNoSync bool
}

const (
	// busyMillis is how long to wait for another user of the file: a reader
	// that recovers the log after a crash, or a person with the SQLite shell.
	busyMillis = 5000
	// checkpointPages is the length of the log, in pages, from which a Commit
	// copies it back into the database file, after which it is used from its
	// start again. A longer log makes for fewer copies, since hot pages are
	// copied once for all their versions, but for longer recovery after a
	// crash and slower reads. This is 16 MiB.
	checkpointPages = 16 << 20 / pageSize
	// logLimit is what the log file is cut to when it is used from its start
	// again. A long transaction, or a reader that stays, makes it longer
	// than checkpointPages; without a limit it would keep that size.
	logLimit = 2 * checkpointPages * pageSize
	// cacheKiB is how much of the file SQLite keeps in memory. It is taken as
	// needed, and should hold the pages that a block changes many times over:
	// what falls out within a transaction goes to the log and is read back.
	cacheKiB = 64 << 10
)

// Open opens the database at path. opts may be nil. Only one Store at a time,
// of all processes, can have a database open without ReadOnly. If Open fails,
// the file is as it was and nothing new lies beside it.
func Open(path string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s, err := open(path, opts)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open: %w", explain(path, withFull(err)))
	}
	return s, nil
}

// explain adds what to do to errors that come from below as they are.
func explain(path string, err error) error {
	name := filepath.Base(path)
	switch {
	case errors.Is(err, ErrFull):
		return fmt.Errorf("%s: %w; free some space", path, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; the file and its folder must be writable: %s%s, %s-wal and %s-shm are made beside it", err, name, lockSuffix, name, name)
	case code(err) != 0:
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

func open(path string, opts *Options) (_ *Store, err error) {
	if opts.ReadOnly && opts.Create {
		return nil, errors.New("options Create and ReadOnly exclude each other")
	}
	path, exists, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if !exists && !opts.Create {
		return nil, fmt.Errorf("%s: %w: name a database that exists, or make one", path, fs.ErrNotExist)
	}
	s := &Store{path: path, readOnly: opts.ReadOnly}
	if !opts.ReadOnly {
		if exists {
			if err := writable(path); err != nil {
				return nil, err
			}
		}
		if s.lock, err = lock(path); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock(s.lock))
		}
	}()
	if opts.Create {
		if err := create(path, opts); err != nil {
			return nil, err
		}
	}
	if s.info, err = enter(path); err != nil {
		return nil, err
	}
	litter := !exists || !anyBeside(path)
	if err = s.connect(opts); err == nil {
		return s, nil
	}
	leave(s.info)
	if litter && !opts.ReadOnly {
		// SQLite removes these when it closes, unless it broke off before it
		// had them under control.
		err = errors.Join(err, removeBeside(path))
	}
	return nil, err
}

// resolve makes path absolute and follows links, so that all names of a
// database lead to the same lock. A missing file is no error, a missing folder
// is.
func resolve(path string) (resolved string, exists bool, err error) {
	if path == "" {
		return "", false, errors.New("the path of the database is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false, err
	}
	resolved, err = filepath.EvalSymlinks(abs)
	if err == nil {
		return resolved, true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	if info, e := os.Lstat(abs); e == nil && info.Mode()&fs.ModeSymlink != 0 {
		return "", false, fmt.Errorf("%s: a link to nothing: %w", abs, err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", false, fmt.Errorf("the folder of %s does not exist, make it first: %w", abs, err)
	}
	return filepath.Join(dir, filepath.Base(abs)), false, nil
}

// connect opens the file, which has passed the header check, with SQLite.
func (s *Store) connect(opts *Options) (err error) {
	query := "mode=rw"
	if s.readOnly {
		// Not mode=ro: a reader has to take part in the log's index, and only
		// one that may write can tidy up after itself.
		query = "mode=rw&_query_only=1"
		if errors.Is(writable(filepath.Dir(s.path)), syscall.EROFS) && !anyBeside(s.path) {
			// Nobody can write here, not even the log's index.
			query = "immutable=1&mode=ro"
		}
	}
	if s.conn, err = connect(s.path, query); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			for _, q := range s.prepared {
				err = errors.Join(err, q.close())
			}
			err = errors.Join(err, s.conn.Close())
		}
	}()
	if err := s.configure(opts); err != nil {
		return err
	}
	// The header said so already, but the log may be ahead of it.
	version, err := s.pragma("user_version")
	if err != nil {
		return err
	}
	if err := checkVersion(s.path, version); err != nil {
		return err
	}
	if err := s.prepareAll(); err != nil {
		return err
	}
	s.conn.RegisterCommitHook(func() int {
		if s.committing {
			return 0
		}
		return 1
	})
	// Whether the file can be written to is better known now than later.
	if err := s.begin.run(); err != nil {
		return err
	}
	return s.rollback.run()
}

// configure sets what SQLite does not keep in the file.
func (s *Store) configure(opts *Options) error {
	statements := []string{
		// Savepoints keep the pages that they would restore in a temporary file.
		"PRAGMA temp_store = MEMORY",
		fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB),
		// An I/O error in a mapped file is a signal that kills the process.
		"PRAGMA mmap_size = 0",
		// What a file's schema says may be no more than data.
		"PRAGMA trusted_schema = OFF",
		"PRAGMA cell_size_check = ON",
	}
	if !s.readOnly {
		synchronous := "FULL" // in WAL mode: the log is synced by each commit
		if opts.UnsafeNoSync {
			synchronous = "OFF"
		}
		statements = append(statements,
			"PRAGMA journal_mode = WAL",
			"PRAGMA synchronous = "+synchronous,
			// macOS: a plain fsync stops at the drive's cache.
			"PRAGMA fullfsync = ON",
			"PRAGMA checkpoint_fullfsync = ON",
			fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", checkpointPages),
			fmt.Sprintf("PRAGMA journal_size_limit = %d", logLimit),
		)
	}
	for _, sql := range statements {
		if _, err := s.conn.Exec(sql, nil); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// pragma returns the value of a pragma that is an integer.
func (s *Store) pragma(name string) (uint64, error) {
	q, err := prepare(s.conn, "PRAGMA "+name, 0, 1)
	if err != nil {
		return 0, err
	}
	var v uint64
	ok, err := q.first()
	if err == nil && !ok {
		err = fmt.Errorf("pragma %s has no value", name)
	}
	if err == nil {
		v, err = q.int(0)
	}
	return v, errors.Join(err, q.close())
}

// connect opens a connection for one goroutine at a time.
func connect(path, query string) (*sqlite3.SQLiteConn, error) {
	// A URI, in which any name of a file can be written.
	u := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf("%s&_mutex=no&_busy_timeout=%d", query, busyMillis)}
	conn, err := (&sqlite3.SQLiteDriver{}).Open(u.String())
	if err != nil {
		return nil, err
	}
	return conn.(*sqlite3.SQLiteConn), nil
}

// besides are the files that SQLite makes beside a database.
var besides = [...]string{"-journal", "-wal", "-shm"}

func anyBeside(path string) bool {
	for _, suffix := range besides {
		if _, err := os.Lstat(path + suffix); err == nil {
			return true
		}
	}
	return false
}

func removeBeside(path string) error {
	var errs []error
	for _, suffix := range besides {
		if err := os.Remove(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// quoted shortens SQL to its first words, for errors.
func quoted(sql string) string {
	if i := strings.IndexByte(sql, '('); i > 0 {
		sql = sql[:i]
	}
	return strings.TrimSpace(sql)
}
