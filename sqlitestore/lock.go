//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlitestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lockSuffix names the file beside the database that a writer holds locked.
//
// Not the database file itself: SQLite's own locks on it are POSIX record
// locks, and the kernel drops all of a process's record locks on a file when
// the process closes any descriptor of it. A descriptor of ours would, when
// closed, unlock the database under SQLite. The lock here is flock's: it
// belongs to the open file, so it excludes a second Open of the same process
// as well, and ends with the process, however that ends.
const lockSuffix = "-lock"

// lock takes the lock of the database at path, or fails with a *LockedError.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		err = flock(f)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, err := readPID(f)
			if err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return nil, errors.Join(&LockedError{Path: path, PID: pid}, f.Close())
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
		// The one who held it before may have removed the file after it was
		// opened here: then this is a lock on a file that nobody else sees.
		same, err := stillThere(f)
		if err == nil && same {
			if err = writePID(f); err == nil {
				return f, nil
			}
			return nil, errors.Join(fmt.Errorf("write %s: %w", f.Name(), err), unlock(f))
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}

// unlock removes the lock file and then lets go of the lock.
func unlock(f *os.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(os.Remove(f.Name()), f.Close())
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}

func stillThere(f *os.File) (bool, error) {
	here, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(here, there), err
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readPID returns the pid of who holds the lock, or 0 if it has not written it
// yet.
func readPID(f *os.File) (int, error) {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, nil //nolint:nilerr // being written: the holder stays unnamed
	}
	return pid, nil
}

// writable reports whether this process may write to path, which exists.
func writable(path string) error {
	const writeOK = 2
	if err := syscall.Access(path, writeOK); err != nil {
		return &os.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
