package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/crankcase/crankcase/kernel"
)

// TestMain runs a test's child process if the environment asks for one.
func TestMain(m *testing.M) {
	if role := os.Getenv("SQLITESTORE_CHILD"); role != "" {
		if err := child(role, os.Getenv("SQLITESTORE_PATH")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openStore opens or makes a database and closes it with the test.
func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, &Options{Create: true, UnsafeNoSync: true})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "kernel.db"))
}

// flush flushes rows.
func flush(t testing.TB, s *Store, writes ...kernel.Write) {
	t.Helper()
	must(t, s.Flush(writes, nil))
}

// row writes a row of the table for counters.
func row(a uint64, value string) kernel.Write {
	return kernel.Write{Table: kernel.TableState, A: a, Value: []byte(value)}
}

// value returns a row of the table for counters.
func value(t testing.TB, s *Store, a uint64) string {
	t.Helper()
	v, _, err := s.Get(kernel.TableState, a, 0)
	must(t, err)
	return string(v)
}

// names lists a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
