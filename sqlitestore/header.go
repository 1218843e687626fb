package sqlitestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// opened holds the files that Stores of this process have open.
//
// It is there for the header check, which reads the file itself rather than
// through SQLite, because SQLite leaves files beside what it opens. Closing a
// descriptor drops the process's record locks on the file (see lockSuffix), so
// it must not be done to a file that SQLite has open in this process. Such a
// file has passed the check already.
var opened struct {
	sync.Mutex
	files []os.FileInfo
}

// enter checks the header of the database at path and registers the file until
// leave.
func enter(path string) (os.FileInfo, error) {
	opened.Lock()
	defer opened.Unlock()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	known := false
	for _, other := range opened.files {
		known = known || os.SameFile(info, other)
	}
	if !known {
		if err := checkHeader(path, info); err != nil {
			return nil, err
		}
	}
	opened.files = append(opened.files, info)
	return info, nil
}

// leave undoes an enter, after SQLite has closed the file.
func leave(info os.FileInfo) {
	opened.Lock()
	defer opened.Unlock()
	for i, other := range opened.files {
		if other == info {
			opened.files = append(opened.files[:i], opened.files[i+1:]...)
			return
		}
	}
}

// checkHeader refuses a file that is not ours, having only read it.
func checkHeader(path string, info os.FileInfo) (err error) {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: it is not a regular file; name a file", path, ErrNotDatabase)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// https://www.sqlite.org/fileformat2.html#the_database_header
	var h [100]byte
	switch _, err := io.ReadFull(f, h[:]); {
	case err == io.EOF:
		return fmt.Errorf("%s: %w: it is empty; remove it to start with a fresh database, or put the right file in its place", path, ErrNotDatabase)
	case err != nil && err != io.ErrUnexpectedEOF:
		return fmt.Errorf("%s: %w", path, err)
	case err != nil, string(h[:16]) != "SQLite format 3\x00":
		return fmt.Errorf("%s: %w: it is not a SQLite file; name another file", path, ErrNotDatabase)
	}
	if id := binary.BigEndian.Uint32(h[68:]); id != applicationID {
		return fmt.Errorf("%s: %w: its application id is %#x, not %#x; name another file", path, ErrForeign, id, uint32(applicationID))
	}
	return checkVersion(path, uint64(binary.BigEndian.Uint32(h[60:])))
}

func checkVersion(path string, version uint64) error {
	switch {
	case version > schemaVersion:
		return fmt.Errorf("%s: %w: it has schema %d, this build knows %d; use the newer build that wrote it", path, ErrSchemaVersion, version, schemaVersion)
	case version < schemaVersion:
		return fmt.Errorf("%s: %w: it has schema %d, this build begins with %d; use the build that wrote it", path, ErrSchemaVersion, version, schemaVersion)
	}
	return nil
}
