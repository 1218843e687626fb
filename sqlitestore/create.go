package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// creatingSuffix names a database in the making. It gets its real name when it
// is whole and on the disk, so a database is never there by half, whenever
// its maker is killed.
const creatingSuffix = "-crankcase-creating"

// create makes an empty database at path if nothing is there. The caller holds
// the lock.
func create(path string, opts *Options) (err error) {
	making := path + creatingSuffix
	if err := remove(making); err != nil { // of one who was killed
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if anyBeside(path) {
		// SQLite would take a log that has no database for one of the new file.
		return fmt.Errorf("%s is missing, but there is a log of it beside it (-wal, -shm or -journal): put the database back, or remove them too", path)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(making))
		}
	}()
	if err := fill(making); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if !opts.UnsafeNoSync {
		if err := syncPath(making); err != nil {
			return err
		}
	}
	if err := os.Rename(making, path); err != nil {
		return err
	}
	if opts.UnsafeNoSync {
		return nil
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// fill writes an empty database to a new file.
func fill(path string) (err error) {
	conn, err := connect(path, "mode=rwc")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// No journal and no syncs: nobody needs this file before it is whole.
	statements := []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA journal_mode = OFF",
		"PRAGMA synchronous = OFF",
		"BEGIN",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	}
	statements = append(statements, ddl()...)
	statements = append(statements, "COMMIT", "PRAGMA journal_mode = WAL")
	for _, sql := range statements {
		if _, err := conn.Exec(sql, nil); err != nil {
			return fmt.Errorf("%s: %w", quoted(sql), err)
		}
	}
	return nil
}

// syncPath waits until a file or folder is on the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remove removes a database and what lies beside it, if it is there.
func remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, removeBeside(path))
}
