package wazeroengine

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
)

const wazeroPath = "github.com/tetratelabs/wazero"

// openCache opens the compilation cache in dir.
func openCache(dir string) (wazero.CompilationCache, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok || !carriesVersion(info) {
		return nil, errors.New("wazero: compilation cache: the binary does not carry the version of its wazero")
	}
	c, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("wazero: compilation cache: %w", err)
	}
	return c, nil
}

// carriesVersion says whether wazero can tell its own version. Otherwise it
// would file all its versions' entries as "dev" and, after an upgrade, run code
// that was compiled for other layouts of its structures. The same holds for
// one that is replaced: the version is that of what it replaces.
func carriesVersion(info *debug.BuildInfo) bool {
	for _, d := range info.Deps {
		if d.Path == wazeroPath {
			return d.Replace == nil && d.Version != "" && d.Version != "(devel)"
		}
	}
	return false
}
