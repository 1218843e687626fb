package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// mountTmpfs mounts a file system for a test, or skips it.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	return dir
}

// TestFullAtStart opens on file systems from no space at all to just enough.
func TestFullAtStart(t *testing.T) {
	full, opened := 0, 0
	for pages := 1; pages < 60; pages++ {
		func() {
			dir := t.TempDir()
			if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", 4*pages)); err != nil {
				t.Skipf("cannot mount a tmpfs: %v", err)
			}
			defer func() { must(t, syscall.Unmount(dir, 0)) }()
			path := filepath.Join(dir, "kernel.db")
			s, err := Open(path, &Options{Create: true})
			if err == nil {
				opened++
				must(t, s.Close())
				if got := names(t, dir); len(got) != 1 {
					t.Errorf("%d pages: left %v", pages, got)
				}
				return
			}
			if full++; !errors.Is(err, ErrFull) {
				t.Errorf("%d pages: %v", pages, err)
			}
			// What was made whole may stay; nothing else.
			if got := names(t, dir); len(got) > 1 || len(got) == 1 && got[0] != "kernel.db" {
				t.Errorf("%d pages: left %v after %v", pages, got, err)
			}
		}()
	}
	if full == 0 || opened == 0 {
		t.Errorf("%d full, %d opened: the sizes do not test both", full, opened)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := mountTmpfs(t, "size=4m")
	path := filepath.Join(dir, "kernel.db")
	s := openStore(t, path)
	flush(t, s, row(1, "one"))
	must(t, s.Commit())
	must(t, s.Close())
	must(t, syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, opts := range []*Options{nil, {Create: true}} {
		for _, p := range []string{path, path + "2"} {
			if _, err := Open(p, opts); err == nil || !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("opened for writing: %v", err)
			}
		}
	}
	r, err := Open(path, &Options{ReadOnly: true})
	must(t, err)
	if got := value(t, r, 1); got != "one" {
		t.Errorf("reads %q", got)
	}
	must(t, r.Close())
}

// TestDiskFullLater fills a real file system by commits.
func TestDiskFullLater(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	path := filepath.Join(dir, "kernel.db")
	s, err := Open(path, &Options{Create: true})
	must(t, err)
	last := uint64(0)
	for n := uint64(1); err == nil && n < 10_000; n++ {
		for part := range uint64(cranksPerCommit) {
			writes, items := crashCrank(n, part)
			if err = s.Flush(writes, items); err != nil {
				break
			}
		}
		if err == nil {
			err = s.Commit()
		}
		if err == nil {
			last = n
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d commits: %v", last, err)
	}
	t.Logf("after %d commits: %v", last, err)
	if err := s.Rollback(); err != nil && !errors.Is(err, ErrPoisoned) {
		t.Error(err)
	}
	if err := s.Close(); err != nil && !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	must(t, syscall.Mount("none", dir, "", syscall.MS_REMOUNT, "size=16m"))
	s = openStore(t, path)
	if n := committed(t, s); n != last || last == 0 {
		t.Errorf("the file holds commit %d, the last was %d", n, last)
	}
	must(t, s.Close())
}
