package worker

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// The modules in testdata are what their texts say.
func TestModulesAreTheirTexts(t *testing.T) {
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("no wat2wasm here")
	}
	texts, err := filepath.Glob("testdata/*.wat")
	if err != nil || len(texts) == 0 {
		t.Fatal(texts, err)
	}
	for _, text := range texts {
		out := filepath.Join(t.TempDir(), "out.wasm")
		if b, err := exec.Command(tool, text, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		name := text[:len(text)-len(".wat")] + ".wasm"
		if !bytes.Equal(file(t, out), file(t, name)) {
			t.Errorf("%s is not what wat2wasm makes of %s", name, text)
		}
	}
}
