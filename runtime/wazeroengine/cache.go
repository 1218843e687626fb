package wazeroengine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
)

const wazeroPath = "github.com/tetratelabs/wazero"

// openCache opens the compilation cache in dir.
func openCache(dir string) (wazero.CompilationCache, error) {
	if info, ok := debug.ReadBuildInfo(); !ok || !carriesVersion(info) {
		hash, err := hashExecutable()
		if err != nil {
			return nil, fmt.Errorf("wazero: compilation cache: %w", err)
		}
		dir = filepath.Join(dir, fmt.Sprintf("binary-%x", hash[:8]))
	}
	c, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("wazero: compilation cache: %w", err)
	}
	return c, nil
}

// carriesVersion says whether wazero can tell its own version. Where it cannot,
// it files the entries of all its versions as "dev" and, after an upgrade, would
// run code that was compiled for other layouts of its structures. Where it is
// replaced, it tells the version that is not there.
func carriesVersion(info *debug.BuildInfo) bool {
	for _, d := range info.Deps {
		if d.Path == wazeroPath {
			return d.Replace == nil && d.Version != "" && d.Version != "(devel)"
		}
	}
	return false
}

func hashExecutable() (sum [sha256.Size]byte, err error) {
	path, err := os.Executable()
	if err != nil {
		return sum, err
	}
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
