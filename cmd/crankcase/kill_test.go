package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crankcase/crankcase"
	guest "github.com/crankcase/crankcase/guests/puppet"
	"github.com/crankcase/crankcase/scenario/puppet"
)

var killSeed = flag.Uint64("killseed", 0, "seed of TestKill; 0: a new one")

// TestKill kills runs at random moments, goes on, and compares what comes of
// it with a run that nobody disturbed. A part of the kills is Ctrl-C.
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (-killseed)", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	dir := t.TempDir()
	binary := filepath.Join(dir, "crankcase")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "puppet.wasm"), guest.Wasm)
	write(t, filepath.Join(dir, "c.json"), []byte(`{"bootstrap": "A", "vats": {
		"A": {"bundleSpec": "puppet.wasm", "creationOptions": {"reapInterval": 5}},
		"B": {"bundleSpec": "puppet.wasm", "creationOptions": {"enablePipelining": true}},
		"C": {"bundleSpec": "puppet.wasm"}}}`))
	write(t, filepath.Join(dir, "messages.jsonl"), killMessages(t, random, 250))
	command := func(db string) *exec.Cmd {
		c := exec.Command(binary, "run", "c.json", "--db", db, "--messages", "messages.jsonl", "--commit-every", "3", "--cache", "cache", "--json")
		c.Dir = dir
		return c
	}
	undisturbed, err := command("whole.db").Output()
	if err != nil {
		t.Fatal(err)
	}
	var whole crankcase.Status
	if err := json.Unmarshal(undisturbed, &whole); err != nil {
		t.Fatal(err)
	}

	kills, interrupted, midway := 0, 0, 0
	for done := false; !done; {
		if kills > 2000 {
			t.Fatalf("no end after %d kills", kills)
		}
		signal := syscall.SIGKILL
		if random.IntN(4) == 0 {
			signal = syscall.SIGINT
		}
		status := disturb(t, command("killed.db"), signal, 1+random.IntN(60), time.Duration(random.IntN(500))*time.Microsecond)
		kills++
		switch {
		case status == exitDone:
			done = true
		case status == exitInterrupted:
			interrupted++
		case status != -1:
			t.Fatalf("kill %d: exit status %d", kills, status)
		}
		if n, ok := leftAt(filepath.Join(dir, "killed.db")); ok && n > 0 && n < whole.Cranks {
			midway++
		}
	}
	t.Logf("%d runs, %d of them ended by Ctrl-C, %d left a part", kills, interrupted, midway)
	if midway < 5 || interrupted == 0 {
		t.Errorf("%d runs left a part, %d ended by Ctrl-C: this tests nothing", midway, interrupted)
	}
	got, err := command("killed.db").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, undisturbed) {
		t.Errorf("a killed run came to\n%s\nan undisturbed one to\n%s", got, undisturbed)
	}
}

// disturb runs a command and sends it a signal some time after it has written
// that many lines to standard error. It returns the exit status, -1 for one
// that was killed.
func disturb(t *testing.T, c *exec.Cmd, signal syscall.Signal, lines int, after time.Duration) int {
	t.Helper()
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	s := bufio.NewScanner(io.TeeReader(stderr, &said))
	for n := 0; s.Scan(); n++ {
		if n == lines {
			time.Sleep(after)
			// It may have ended by now.
			if err := c.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	switch err := c.Wait(); {
	case errors.As(err, &exit):
		if exit.ExitCode() != -1 && exit.ExitCode() != exitInterrupted {
			t.Logf("%s", said.String())
		}
		return exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return exitDone
}

// killMessages makes messages that make vats talk, store, collect garbage,
// fault and end.
func killMessages(t *testing.T, random *rand.Rand, n int) []byte {
	t.Helper()
	scripts := []string{
		`vatstore_set "k%d" $body; resolve <$result 0 '#1' []>`,
		`send o-50 @run{ vatstore_set "n%d" "1"; resolve <$result 0 '#"ok"' []> } [o+%[1]d] p+%[1]d; subscribe p+%[1]d`,
		`burn %d000; send o-51 '#["x",[]]' [] p+%[1]d; subscribe p+%[1]d; resolve <$result 1 '#"no"' []>`,
		`vatstore_get "k%d"; vatstore_delete "k%[1]d"; resolve <$result 0 $ans []>`,
		`on notify { vatstore_set "told%d" $body }`,
	}
	var b bytes.Buffer
	for i := range n {
		text := fmt.Sprintf(scripts[random.IntN(len(scripts))], 100+i)
		target := string("AAB"[random.IntN(3)])
		if i == n/2 {
			target, text = "C", "trap"
		} else if i%10 == 0 {
			target, text = "C", "print 1"
		}
		code, err := puppet.Assemble(text)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, `{"target":%q,"method":"run","args":[%q]}`+"\n", target, puppet.Arg(code))
	}
	return b.Bytes()
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
