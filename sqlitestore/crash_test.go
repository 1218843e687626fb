package sqlitestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crankcase/crankcase/kernel"
)

const cranksPerCommit = 5

// crashCrank is crank number part of commit n: each commit leaves each row
// saying n, drops the rows of the commit before, and adds its own.
func crashCrank(n, part uint64) ([]kernel.Write, []kernel.TranscriptItem) {
	v := binary.LittleEndian.AppendUint64(make([]byte, 0, 3000), n)
	v = v[:8+n%2900] // some of them on overflow pages
	writes := []kernel.Write{
		{Table: kernel.TableState, A: part, Value: v},
		{Table: kernel.TableQueue, A: part, B: n, Value: v},
		{Table: kernel.TableQueue, A: part, B: n - 1},
		{Table: kernel.TableCList, A: part, B: n << 2, C: n << 4, Value: v},
		{Table: kernel.TableCList, A: part, B: (n - 1) << 2},
		{Table: kernel.TableVatstore, A: part, Key: []byte("key"), Value: v},
	}
	return writes, []kernel.TranscriptItem{{Vat: kernel.VatID(part), Position: n, Data: v}}
}

// committed checks that s holds exactly one commit of the child, and returns
// which.
func committed(t *testing.T, s *Store) uint64 {
	t.Helper()
	v, _, err := s.Get(kernel.TableState, 0, 0)
	must(t, err)
	if v == nil {
		return 0
	}
	n := binary.LittleEndian.Uint64(v)
	for part := range uint64(cranksPerCommit) {
		writes, items := crashCrank(n, part)
		for _, w := range writes {
			var got []byte
			var c uint64
			if w.Table == kernel.TableVatstore {
				got, _, err = s.GetKey(kernel.VatID(w.A), w.Key)
			} else {
				got, c, err = s.Get(w.Table, w.A, w.B)
			}
			if err != nil || string(got) != string(w.Value) || c != w.C {
				t.Fatalf("commit %d, table %d (%d, %d): %d bytes, %d, %v", n, w.Table, w.A, w.B, len(got), c, err)
			}
		}
		next := uint64(1)
		must(t, s.Transcript(items[0].Vat, 0, 0, func(it kernel.TranscriptItem) (bool, error) {
			if it.Position != next {
				return false, fmt.Errorf("position %d, want %d", it.Position, next)
			}
			next++
			return true, nil
		}))
		if next != n+1 {
			t.Fatalf("commit %d: transcript of v%d ends before %d", n, part, next)
		}
	}
	if rows := len(scanTable(t, s, kernel.TableQueue)); rows != cranksPerCommit {
		t.Fatalf("commit %d: %d queue entries", n, rows)
	}
	return n
}

// TestKilled kills a process that flushes and commits, at many moments.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kernel.db")
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		must(t, remove(path))
		must(t, openStore(t, path).Close())
		cmd, out := start(t, "commit", path)
		if got := line(t, out); got != "committing 1" {
			t.Fatalf("the child said %q", got)
		}
		time.Sleep(time.Duration(round) * 1700 * time.Microsecond)
		must(t, cmd.Process.Kill())
		var committing, done uint64 = 1, 0
		for {
			text, err := out.ReadString('\n')
			if err != nil || !strings.HasSuffix(text, "\n") {
				break
			}
			if _, err := fmt.Sscanf(text, "committed %d", &done); err != nil {
				if _, err := fmt.Sscanf(text, "committing %d", &committing); err != nil {
					t.Fatalf("the child said %q", text)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		s := openStore(t, path)
		if n := committed(t, s); n < done || n > committing {
			t.Errorf("round %d: the file holds commit %d; the last that returned is %d, the last that began %d", round, n, done, committing)
		}
		for name, err := range everyMethod(s) {
			if err != nil {
				t.Errorf("after the crash: %s: %v", name, err)
			}
		}
		must(t, s.Close())
	}
}

// TestKilledAtCreation: a database is whole or absent.
func TestKilledAtCreation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kernel.db")
	for round := range 10 {
		cmd, _ := start(t, "create", path)
		time.Sleep(time.Duration(8+round*3) * time.Millisecond)
		kill(t, cmd)
		s, err := Open(path, nil)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("round %d: %v", round, err)
		}
		if err == nil {
			must(t, s.Close())
		}
		must(t, openStore(t, path).Close())
		if got := names(t, dir); len(got) != 1 || got[0] != "kernel.db" {
			t.Fatalf("round %d left %v", round, got)
		}
		must(t, os.Remove(path))
	}
}
