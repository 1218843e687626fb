package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// sql runs statements on a file with SQLite, without this package.
func sql(t testing.TB, path string, statements ...string) {
	t.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + path)
	must(t, err)
	for _, text := range statements {
		if _, err := conn.(*sqlite3.SQLiteConn).Exec(text, nil); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	must(t, conn.Close())
}

// TestRefused: whatever is refused is left as it was, with nothing beside it.
func TestRefused(t *testing.T) {
	create := &Options{Create: true}
	for _, c := range []struct {
		name string
		opts *Options
		make func(t *testing.T, path string) // what is there; nil: nothing
		want error
		says string // besides the path
	}{
		{"text", create, func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o644))
		}, ErrNotDatabase, "name another file"},
		{"short text", nil, func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("hello"), 0o644)) }, ErrNotDatabase, "name another file"},
		{"empty file", create, func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o644)) }, ErrNotDatabase, "remove it"},
		{"folder", create, func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) }, ErrNotDatabase, "not a regular file"},
		{"other program", create, func(t *testing.T, path string) { sql(t, path, "CREATE TABLE t (x)") }, ErrForeign, "name another file"},
		{"other program, WAL", create, func(t *testing.T, path string) {
			sql(t, path, "PRAGMA journal_mode = WAL", "PRAGMA application_id = 7", "CREATE TABLE t (x)")
		}, ErrForeign, "0x7"},
		{"newer schema", create, func(t *testing.T, path string) {
			must(t, openStore(t, path).Close())
			sql(t, path, "PRAGMA user_version = 99")
		}, ErrSchemaVersion, "newer build"},
		{"older schema", create, func(t *testing.T, path string) {
			must(t, openStore(t, path).Close())
			sql(t, path, "PRAGMA user_version = 0")
		}, ErrSchemaVersion, "use the build"},
		{"a table is missing", create, func(t *testing.T, path string) {
			must(t, openStore(t, path).Close())
			sql(t, path, "DROP TABLE queues")
		}, nil, "no such table: queues"},
		{"nothing", nil, nil, fs.ErrNotExist, "name a database"},
		{"nothing, to read", &Options{ReadOnly: true}, nil, fs.ErrNotExist, "name a database"},
		{"a log without database", create, func(t *testing.T, path string) {
			must(t, os.WriteFile(path+"-wal", []byte("log"), 0o644))
		}, nil, "put the database back"},
		{"a link to nothing", create, func(t *testing.T, path string) { must(t, os.Symlink(path+"-gone", path)) }, fs.ErrNotExist, "link to nothing"},
		{"create to read", &Options{ReadOnly: true, Create: true}, nil, nil, "exclude"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "kernel.db")
			if c.make != nil {
				c.make(t, path)
			}
			before, wasHere := contents(t, dir), names(t, dir)
			all := []*Options{c.opts}
			if c.opts == create && c.make != nil && c.name != "a log without database" {
				all = append(all, &Options{}, &Options{ReadOnly: true})
			}
			for _, opts := range all {
				s, err := Open(path, opts)
				if err == nil {
					must(t, s.Close())
					t.Fatal("it was opened")
				}
				if c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%v is not %v", err, c.want)
				}
				if !strings.Contains(err.Error(), c.says) || c.opts != nil && !c.opts.ReadOnly && !strings.Contains(err.Error(), path) {
					t.Errorf("the error does not name the file and say %q: %v", c.says, err)
				}
				if after := contents(t, dir); !reflect.DeepEqual(before, after) {
					t.Errorf("the folder was %v and is %v, or a file changed", wasHere, names(t, dir))
				}
			}
		})
	}
}

// contents reads all regular files of a folder.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range names(t, dir) {
		all[name] = ""
		info, err := os.Lstat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			all[name] = string(b)
		}
	}
	return all
}

func TestMissingFolder(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "no", "kernel.db"), &Options{Create: true})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "folder") {
		t.Errorf("%v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

// TestOddNames: SQLite reads a URI, where these mean something.
func TestOddNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b", "a?mode=ro", "a#b", "a%20b", "ä", "a&b=c", "file:a", "-"} {
		s := openStore(t, filepath.Join(dir, name))
		flush(t, s, row(1, name))
		must(t, s.Commit())
		if got := names(t, dir); !contains(got, name) || !contains(got, name+"-wal") {
			t.Errorf("%q is not among %q", name, got)
		}
		must(t, s.Close())
		if got := value(t, openStore(t, filepath.Join(dir, name)), 1); got != name {
			t.Errorf("%q holds %q", name, got)
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// TestPermissions needs a user whom the system refuses something.
func TestPermissions(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "kernel.db")
	must(t, openStore(t, path).Close())
	must(t, os.Chmod(path, 0o444))
	if _, err := Open(path, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file without write permission: %v", err)
	}
	must(t, os.Chmod(path, 0o644))
	must(t, os.Chmod(dir, 0o555))
	defer func() { must(t, os.Chmod(dir, 0o755)) }()
	for _, p := range []string{path, path + "2"} {
		if _, err := Open(p, &Options{Create: true}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a folder without write permission: %v", err)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left %v", got)
	}
}

// TestOpenIsFast: tests of the kernel open many.
func TestOpenIsFast(t *testing.T) {
	best := time.Hour
	for i := range 5 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		began := time.Now()
		s, err := Open(path, &Options{Create: true, UnsafeNoSync: true})
		took := time.Since(began)
		must(t, err)
		must(t, s.Close())
		best = min(best, took)
	}
	t.Logf("made and opened in %v", best)
	if best > 50*time.Millisecond {
		t.Errorf("making a database takes %v", best)
	}
}
