package sqlitestore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/crankcase/crankcase/kernel"
)

// start starts this test binary in a role of child, and returns it with its
// standard output. It is killed, by SIGKILL, at the latest when the test ends.
func start(t *testing.T, role, path string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SQLITESTORE_CHILD="+role, "SQLITESTORE_PATH="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { kill(t, cmd) })
	return cmd, bufio.NewReader(out)
}

// kill kills a child by SIGKILL, once.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended before it was killed")
	}
}

// line reads a child's next line.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("reading from the child: %q, %v", text, err)
	}
	return strings.TrimSpace(text)
}

// child is what a test's child process does.
func child(role, path string) error {
	switch role {
	case "create": // makes databases until killed
		for {
			s, err := Open(path, &Options{Create: true})
			if err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	case "hold": // has it open, with something flushed
		s, err := Open(path, nil)
		if err != nil {
			return err
		}
		if err := s.Flush([]kernel.Write{row(1, "not committed")}, nil); err != nil {
			return err
		}
		fmt.Println("open")
		time.Sleep(time.Hour)
		return nil
	case "commit": // commits until killed, and prints what it committed
		s, err := Open(path, nil)
		if err != nil {
			return err
		}
		for n := uint64(1); ; n++ {
			for part := range uint64(cranksPerCommit) {
				writes, items := crashCrank(n, part)
				if err := s.Flush(writes, items); err != nil {
					return err
				}
			}
			fmt.Println("committing", n)
			if err := s.Commit(); err != nil {
				return err
			}
			fmt.Println("committed", n)
		}
	case "limit": // commits where the log cannot be written, and checks what follows
		return commitBeyondLimit(path)
	}
	return fmt.Errorf("no role %s", role)
}
