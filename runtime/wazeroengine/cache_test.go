package wazeroengine

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// cacheFiles returns the files below dir.
func cacheFiles(t *testing.T, dir string) []string {
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

// compileAndRun makes an engine with the cache, compiles the puppet, and
// instantiates it. It returns the time to compile and the engine's CacheError.
func compileAndRun(t *testing.T, dir string) (time.Duration, error) {
	t.Helper()
	e := newEngine(t, Config{CacheDir: dir, Host: stubs(t, puppet)})
	start := time.Now()
	m, err := e.Compile(puppet)
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	in, err := m.Instantiate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Function("crankcase_deliver").Call([]uint64{99, 0}); err != nil {
		t.Fatal(err)
	}
	cacheErr := e.CacheError()
	closeAll(t, in, m, e)
	return took, cacheErr
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	cold, err := compileAndRun(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	files := cacheFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("files %v, want one for the one module", files)
	}
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	warm := cold
	for range 3 {
		took, err := compileAndRun(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		warm = min(warm, took)
	}
	if after, err := os.Stat(files[0]); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the entry was written again (%v)", err)
	}
	t.Logf("compiled in %v, from the cache in %v", cold, warm)
	if warm > cold/2 {
		t.Errorf("from the cache it took %v, compiling took %v", warm, cold)
	}
}

// A cache that fails costs time, never a module.
func TestCacheFailures(t *testing.T) {
	t.Run("not a directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := compileAndRun(t, file); err == nil {
			t.Error("CacheError is nil")
		}
	})
	t.Run("gone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		e := newEngine(t, Config{CacheDir: dir, Host: stubs(t, puppet)})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		m, err := e.Compile(puppet)
		if err != nil {
			t.Fatalf("an entry that cannot be written: %v", err)
		}
		if e.CacheError() == nil {
			t.Error("CacheError is nil")
		}
		in, err := m.Instantiate(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := e.Compile(puppet)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, in, m, again, e)
	})
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := compileAndRun(t, dir); err != nil {
				t.Fatal(err)
			}
			file := cacheFiles(t, dir)[0]
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := compileAndRun(t, dir); err == nil {
				t.Error("CacheError is nil")
			}
		})
	}
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

// The interpreter writes nothing.
func TestCacheInterpreter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	e := newEngine(t, Config{Interpreter: true, CacheDir: dir})
	m, err := e.Compile(trapsWasm)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was made (%v)", err)
	}
	closeAll(t, m, e)
}

func TestCarriesVersion(t *testing.T) {
	for _, c := range []struct {
		dep  *debug.Module
		want bool
	}{
		{&debug.Module{Path: wazeroPath, Version: "v1.12.0"}, true},
		{&debug.Module{Path: wazeroPath, Version: "(devel)"}, false},
		{&debug.Module{Path: wazeroPath}, false},
		{&debug.Module{Path: wazeroPath, Version: "v1.12.0", Replace: &debug.Module{Path: "../wazero"}}, false},
		{&debug.Module{Path: "example.com/other", Version: "v1.12.0"}, false},
	} {
		if got := carriesVersion(&debug.BuildInfo{Deps: []*debug.Module{c.dep}}); got != c.want {
			t.Errorf("%+v: %v, want %v", *c.dep, got, c.want)
		}
	}
	// A binary without a version goes by its hash, which is the same each time.
	a, err := hashExecutable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := hashExecutable()
	if err != nil || a != b || strings.Trim(string(a[:]), "\x00") == "" {
		t.Errorf("hashes %x and %x, %v", a, b, err)
	}
}

func closeAll(t testing.TB, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}
