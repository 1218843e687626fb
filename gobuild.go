package crankcase

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// BuildGo returns a BuildFunc for folders with a Go main package, which needs the go
// command. The same Go builds the same bytes wherever it does; its cache makes the second time
// fast. What it is at goes to w.
func BuildGo(w io.Writer) BuildFunc {
	return func(folder string) (module []byte, err error) {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return nil, err
		}
		if len(sources) == 0 {
			return nil, fmt.Errorf("%s is a folder without Go files; a module's path or the folder of a Go guest is expected", folder)
		}
		tool, err := exec.LookPath("go")
		if err != nil {
			return nil, fmt.Errorf("%s is a Go guest, and to build it the go command is needed, which is not in PATH: %w", folder, err)
		}
		out, err := os.MkdirTemp("", "crankcase-guest-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(out)) }()
		fmt.Fprintf(w, "crankcase: building the Go guest %s ...\n", folder)
		start := time.Now()
		file := filepath.Join(out, "guest.wasm")
		// The same code gives the same bytes wherever it is built.
		build := exec.Command(tool, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, ".")
		build.Dir = folder
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: go build: %w\n%s", folder, err, strings.TrimSpace(string(bytes.ToValidUTF8(said, nil))))
		}
		fmt.Fprintf(w, "crankcase: built in %.1f s\n", time.Since(start).Seconds())
		return os.ReadFile(file)
	}
}
