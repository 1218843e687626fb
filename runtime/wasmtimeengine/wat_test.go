package wasmtimeengine

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed modules are what their sources say.
func TestModulesMatchSources(t *testing.T) {
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("wat2wasm is not installed")
	}
	sources, err := filepath.Glob("testdata/*.wat")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	for _, src := range sources {
		out := filepath.Join(t.TempDir(), "out.wasm")
		if msg, err := exec.Command(tool, src, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", src, err, msg)
		}
		if !bytes.Equal(mustRead(out), mustRead(strings.TrimSuffix(src, ".wat")+".wasm")) {
			t.Errorf("%s was changed after its module was made: run go generate", src)
		}
	}
}
