package wasmtimeengine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compileC compiles one of the C files of testdata and returns what the program
// prints; with object it only compiles.
func compileC(t *testing.T, source string, object bool, flags ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(string(out))
	program := filepath.Join(t.TempDir(), "program")
	args = append(args, "-std=gnu11", "-Wall", "-Werror", "-I.", "-o", program, "testdata/"+source)
	args = append(args, flags...)
	if object {
		args = append(args, "-c")
	}
	if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return string(said), err
	}
	if object {
		return "", nil
	}
	said, err := exec.Command(program).CombinedOutput()
	return string(said), err
}

// include is where the headers of the library that is linked lie.
func include(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/bytecodealliance/wasmtime-go/v44").Output()
	if err != nil {
		t.Fatal(err)
	}
	return "-I" + filepath.Join(strings.TrimSpace(string(dir)), "build", "include")
}

// What capi.h declares is what the library has.
func TestDeclarationsAreTheLibrarys(t *testing.T) {
	real := include(t)
	want, err := compileC(t, "layout.c", false, real, "-DREAL")
	if err != nil {
		t.Fatalf("%v\n%s", err, want)
	}
	got, err := compileC(t, "layout.c", false)
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if got != want || strings.Count(want, "\n") < 50 {
		t.Errorf("capi.h:\n%s\nthe headers:\n%s", got, want)
	}
	if said, err := compileC(t, "prototypes.c", true, real); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if version, err := compileC(t, "version.c", false, real); err != nil || version != Version+"\n" {
		t.Errorf("the headers are of %q, Version is %s (%v)", version, Version, err)
	}
}

// The check itself finds a declaration that differs.
func TestDeclarationsThatDiffer(t *testing.T) {
	capi, err := os.ReadFile("capi.h")
	if err != nil {
		t.Fatal(err)
	}
	const right = "size_t wasmtime_memory_data_size("
	wrong := strings.Replace(string(capi), right, "int wasmtime_memory_data_size(", 1)
	if wrong == string(capi) {
		t.Fatalf("capi.h has no %q", right)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "capi.h"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/prototypes.c")
	if err != nil {
		t.Fatal(err)
	}
	// A file in quotes is looked for beside the one that includes it.
	path := filepath.Join(dir, "prototypes.c")
	if err := os.WriteFile(path, source, 0o600); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(abs, path)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := compileC(t, rel, true, include(t)); err == nil || !strings.Contains(said, "conflicting types") {
		t.Errorf("%v\n%s", err, said)
	}
}
