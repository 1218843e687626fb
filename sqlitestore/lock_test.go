package sqlitestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/kernel"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kernel.db")
	s := openStore(t, path)
	flush(t, s, row(1, "committed"))
	must(t, s.Commit())
	locked := func(path string, pid int) {
		t.Helper()
		_, err := Open(path, &Options{Create: true})
		var held *LockedError
		if !errors.Is(err, ErrLocked) || !errors.As(err, &held) || held.PID != pid || !strings.Contains(err.Error(), fmt.Sprint(pid)) {
			t.Fatalf("opened a second time: %v; want ErrLocked by %d", err, pid)
		}
	}
	locked(path, os.Getpid())
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(path, link))
	locked(link, os.Getpid())
	must(t, s.Close())

	cmd, out := start(t, "hold", path)
	if got := line(t, out); got != "open" {
		t.Fatal(got)
	}
	locked(path, cmd.Process.Pid)

	// Readers need no lock, see the last commit, and write nothing.
	for range 2 {
		r, err := Open(path, &Options{ReadOnly: true})
		must(t, err)
		if got := value(t, r, 1); got != "committed" {
			t.Errorf("a reader sees %q", got)
		}
		must(t, r.Close())
	}
	kill(t, cmd)
	s = openStore(t, path)
	if got := value(t, s, 1); got != "committed" {
		t.Errorf("after SIGKILL: %q", got)
	}
	must(t, s.Close())
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
}

// TestLockFileComesAndGoes: the file is removed by the holder, so those who
// opened it before must not take it for the lock.
func TestLockFileComesAndGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	const workers = 8
	results := make(chan error, workers)
	held := make(chan struct{}, 1)
	for range workers {
		go func() {
			for range 300 {
				f, err := lock(path)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					results <- err
					return
				}
				select {
				case held <- struct{}{}:
				default:
					results <- errors.New("two hold the lock")
					return
				}
				<-held
				if err := unlock(f); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	for range workers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kernel.db")
	w := openStore(t, path)
	flush(t, w, row(1, "one"))
	must(t, w.Commit())
	flush(t, w, row(1, "two"))

	r, err := Open(path, &Options{ReadOnly: true})
	must(t, err)
	if got := value(t, r, 1); got != "one" {
		t.Errorf("reads %q, want the last commit", got)
	}
	must(t, w.Commit())
	if got := value(t, r, 1); got != "one" {
		t.Errorf("reads %q, want the same commit until Rollback", got)
	}
	must(t, r.Rollback())
	if got := value(t, r, 1); got != "two" {
		t.Errorf("reads %q after Rollback", got)
	}
	for _, name := range []string{"Flush", "PutBundle", "HostSet", "DropTranscript"} {
		err := everyMethodAlone(r, name)
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, r.Rollback())
	}
	// The writer goes first: what it leaves, the reader tidies up.
	must(t, w.Close())
	if got := value(t, r, 1); got != "two" {
		t.Errorf("reads %q after the writer closed", got)
	}
	must(t, r.Close())
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
	// Nobody else is there.
	before, err := os.ReadFile(path)
	must(t, err)
	r, err = Open(path, &Options{ReadOnly: true})
	must(t, err)
	if got := value(t, r, 1); got != "two" {
		t.Errorf("reads %q alone", got)
	}
	must(t, r.Close())
	after, err := os.ReadFile(path)
	must(t, err)
	if got := names(t, dir); len(got) != 1 || string(before) != string(after) {
		t.Errorf("reading alone changed the file or left %v", got)
	}
}

// everyMethodAlone calls one method that writes.
func everyMethodAlone(s *Store, name string) error {
	switch name {
	case "Flush":
		return s.Flush(nil, nil)
	case "PutBundle":
		return s.PutBundle(kernel.Bundle{Code: []byte("code")})
	case "HostSet":
		return s.HostSet("w", []byte("v"))
	case "DropTranscript":
		_, err := s.DropTranscript(1, 1)
		return err
	}
	return fmt.Errorf("no method %s", name)
}
