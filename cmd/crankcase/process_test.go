package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase"
	guest "github.com/crankcase/crankcase/guests/puppet"
)

// TestInUse: a database that another kernel runs can be looked at, and not run.
func TestInUse(t *testing.T) {
	dir := t.TempDir()
	db, config := filepath.Join(dir, "x.db"), filepath.Join(dir, "c.json")
	write(t, filepath.Join(dir, "puppet.wasm"), guest.Wasm)
	write(t, config, []byte(`{"vats": {"A": {"bundleSpec": "puppet.wasm"}}}`))
	var stdout, stderr bytes.Buffer
	call := func(args ...string) int {
		stdout.Reset()
		stderr.Reset()
		return run(append(args, "--db", db), &stdout, &stderr)
	}
	if status := call("run", config); status != exitDone {
		t.Fatalf("run: status %d, %s", status, &stderr)
	}
	k, err := crankcase.Open(db, crankcase.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := k.Send("A", "hello"); err != nil { // not committed
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", config}, {"send", "A", "run"}} {
		if status := call(args...); status != exitRefused || !strings.Contains(stderr.String(), "database is in use by process") {
			t.Errorf("%v: status %d, %s", args, status, &stderr)
		}
	}
	for _, args := range [][]string{{"status"}, {"dump"}, {"params"}} {
		if status := call(args...); status != exitDone {
			t.Errorf("%v: status %d, %s", args, status, &stderr)
		}
	}
	if call("status"); !strings.Contains(stdout.String(), "cranks         1\n") {
		t.Errorf("status shows more than the last commit:\n%s", &stdout)
	}
}
