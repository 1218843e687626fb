package main

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	guest "github.com/crankcase/crankcase/guests/puppet"
	"github.com/crankcase/crankcase/scenario/puppet"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"crankcase": main})
}

// TestScripts runs the command as people do. The vats are puppets, whose
// messages are scripts of syscalls.
func TestScripts(t *testing.T) {
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			bin, _, _ := strings.Cut(e.Getenv("PATH"), string(filepath.ListSeparator))
			e.Setenv("BIN", bin)
			e.Setenv("REPOSITORY", repository)
			e.Setenv("XDG_CACHE_HOME", cache)
			for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // to build Go guests
				v, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				e.Setenv(name, strings.TrimSpace(string(v)))
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "puppet.wasm"), guest.Wasm, 0o644)
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"puppet":  assemble,
			"foreign": foreign,
			"field":   field,
		},
	})
}

// exits runs a command that has to exit with a status: exits STATUS PROGRAM ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg {
		ts.Fatalf("exits STATUS PROGRAM ARGS...")
	}
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, expected %d", got, want)
	}
}

var script = regexp.MustCompile(`\{\{(.*?)\}\}`)

// assemble replaces each {{script}} in files by what a puppet runs.
func assemble(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		text := script.ReplaceAllStringFunc(ts.ReadFile(file), func(s string) string {
			code, err := puppet.Assemble(s[2 : len(s)-2])
			ts.Check(err)
			return puppet.Arg(code)
		})
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// foreign makes a database of another program.
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite3", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec("CREATE TABLE other (x)")
	ts.Check(err)
	ts.Check(db.Close())
}

// field compares lines of two outputs of --json that begin with a name:
// field NAME FILE FILE. With ! they have to differ.
func field(ts *testscript.TestScript, neg bool, args []string) {
	find := func(file string) string {
		for line := range strings.Lines(ts.ReadFile(file)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && name == strconv.Quote(args[0]) {
				return value
			}
		}
		ts.Fatalf("%s has no field %s", file, args[0])
		return ""
	}
	a, b := find(args[1]), find(args[2])
	if (a != b) != neg {
		ts.Fatalf("%s of %s is %s, of %s %s", args[0], args[1], a, args[2], b)
	}
}
