package wasmtimeengine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crankcase/crankcase/runtime"
)

// puppet is a real guest: the scripted vat, compiled from C.
var puppet = mustRead("../../guests/puppet/puppet.wasm")

// entries returns the files below dir.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// compileAndRun makes an engine with the cache, compiles code, and runs
// deliver of it. It returns the time to compile and the engine's CacheError.
func compileAndRun(t *testing.T, dir string, code []byte) (time.Duration, error) {
	t.Helper()
	e := newEngine(t, Config{CacheDir: dir, Host: append(benchHost(), stubs(t)...)})
	start := time.Now()
	m := mustCompile(t, e, code)
	took := time.Since(start)
	in := mustInstantiate(t, m)
	deliver := in.Function("deliver")
	if deliver == nil {
		deliver = in.Function("crankcase_deliver")
	}
	if err := deliver.Call([]uint64{99, 0}); err != nil { // a kind that no guest knows
		t.Fatal(err)
	}
	cacheErr := e.CacheError()
	closeAll(t, in, m, e)
	return took, cacheErr
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	cold, err := compileAndRun(t, dir, puppet)
	if err != nil {
		t.Fatal(err)
	}
	files := entries(t, dir)
	if len(files) != 1 {
		t.Fatalf("files %v, want one for the one module", files)
	}
	if name := filepath.Base(filepath.Dir(files[0])); !strings.HasPrefix(name, "wasmtime-"+Version+"-") {
		t.Errorf("it lies in %q", name)
	}
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	warm := cold
	for range 3 {
		took, err := compileAndRun(t, dir, puppet)
		if err != nil {
			t.Fatal(err)
		}
		warm = min(warm, took)
	}
	if after, err := os.Stat(files[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("the entry was written again (%v)", err)
	}
	t.Logf("compiled in %v, from the cache in %v", cold, warm)
	if warm > cold/2 {
		t.Errorf("from the cache it took %v, compiling took %v", warm, cold)
	}
	// Other code has an entry of its own.
	if _, err := compileAndRun(t, dir, benchWasm); err != nil {
		t.Fatal(err)
	}
	if n := len(entries(t, dir)); n != 2 {
		t.Errorf("%d files, want two", n)
	}
}

// A cache that fails costs time, never a module; what is damaged is made again.
func TestCacheDamage(t *testing.T) {
	other := t.TempDir()
	if _, err := compileAndRun(t, other, benchWasm); err != nil {
		t.Fatal(err)
	}
	another := mustRead(entries(t, other)[0])
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"short":          func(b []byte) []byte { return b[:31] },
		"sum only":       func(b []byte) []byte { return b[:32] },
		"truncated":      func(b []byte) []byte { return b[:len(b)/2] },
		"one byte less":  func(b []byte) []byte { return b[:len(b)-1] },
		"one byte more":  func(b []byte) []byte { return append(b, 0) },
		"flipped":        func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"sum flipped":    func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"another's":      func([]byte) []byte { return another },
		"sound, unloved": nil, // see below
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := compileAndRun(t, dir, puppet); err != nil {
				t.Fatal(err)
			}
			file := entries(t, dir)[0]
			if damage == nil {
				// The sum is right, and wasmtime does not like the content.
				damage = func([]byte) []byte {
					text := "not compiled code"
					sum, err := (&cache{dir}).entry(puppet).sum(strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					return append([]byte(text), sum[:]...)
				}
			}
			if err := os.WriteFile(file, damage(mustRead(file)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := compileAndRun(t, dir, puppet); err == nil {
				t.Error("CacheError is nil")
			}
			if _, err := compileAndRun(t, dir, puppet); err != nil {
				t.Errorf("it was not made again: %v", err)
			}
			if n := len(entries(t, dir)); n != 1 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

func TestCacheFailures(t *testing.T) {
	t.Run("not a directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := compileAndRun(t, file, puppet); err == nil {
			t.Error("CacheError is nil")
		}
	})
	t.Run("gone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		e := newEngine(t, Config{CacheDir: dir, Host: benchHost()})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		m := mustCompile(t, e, benchWasm)
		if err := e.CacheError(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("CacheError is %v", err)
		}
		closeAll(t, mustInstantiate(t, m), m, e)
	})
	t.Run("unreadable", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := compileAndRun(t, dir, benchWasm); err != nil {
			t.Fatal(err)
		}
		file := entries(t, dir)[0]
		if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700), os.Mkdir(filepath.Join(file, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		if _, err := compileAndRun(t, dir, benchWasm); err == nil {
			t.Error("CacheError is nil")
		}
		if files := entries(t, dir); len(files) != 0 {
			t.Errorf("what could not be put in its place is left: %v", files)
		}
	})
	// Bad code is the code's fault.
	t.Run("bad code", func(t *testing.T) {
		e := newEngine(t, Config{CacheDir: t.TempDir()})
		if _, err := e.Compile([]byte("\x00asm\x01\x00\x00\x00\xff")); err == nil {
			t.Error("bad code was compiled")
		}
		if err := e.CacheError(); err != nil {
			t.Errorf("CacheError is %v", err)
		}
		closeAll(t, e)
	})
}

// Many write and read one entry at a time.
func TestCacheShared(t *testing.T) {
	dir := t.TempDir()
	var all []*Engine
	for range 4 {
		all = append(all, newEngine(t, Config{CacheDir: dir, Host: benchHost()}))
	}
	var wg sync.WaitGroup
	for _, e := range all {
		for range 4 {
			wg.Go(func() {
				m := mustCompile(t, e, benchWasm)
				in := mustInstantiate(t, m)
				if err := in.Function("deliver").Call([]uint64{1, 2}); err != nil {
					t.Error(err)
				}
				closeAll(t, in, m)
			})
		}
	}
	wg.Wait()
	for _, e := range all {
		if err := e.CacheError(); err != nil {
			t.Error(err)
		}
		closeAll(t, e)
	}
	if files := entries(t, dir); len(files) != 1 {
		t.Errorf("files %v, want one", files)
	}
}

// Compiled code that is still in use may lose its file.
func TestCacheEntryDeleted(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if _, err := compileAndRun(t, dir, benchWasm); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(t, Config{CacheDir: dir, Host: benchHost()})
	m := mustCompile(t, e, benchWasm)
	in := mustInstantiate(t, m)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	again := mustInstantiate(t, m)
	for _, in := range []runtime.Instance{in, again} {
		if err := in.Function("deliver").Call([]uint64{1, 2}); err != nil {
			t.Error(err)
		}
	}
	closeAll(t, in, again, m, e)
}
