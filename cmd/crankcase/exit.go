package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/sqlitestore"
)

// Exit statuses. 2 stays free: Go's runtime exits with it.
const (
	exitDone        = 0
	exitRefused     = 1
	exitPanic       = 3
	exitInterrupted = 130
)

// errInterrupted ends a command that was told to stop; what was committed
// stays.
var errInterrupted = errors.New("interrupted")

// refused marks an error that came before anything was changed, even if it is
// a panic of the kernel's, such as a full disk at the start.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// refuse marks err, if it is one.
func refuse(err error) error {
	if err == nil {
		return nil
	}
	return refused{err}
}

// report shows how a command ended and returns its exit status.
func report(w io.Writer, err error) int {
	var before refused
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(w, "crankcase: interrupted; what was done is committed: run it again to go on")
		return exitInterrupted
	case !errors.As(err, &before) && errors.Is(err, kernel.ErrPanic):
		reportPanic(w, err)
		return exitPanic
	}
	fmt.Fprintf(w, "crankcase: %v\n", err)
	return exitRefused
}

// panicked is a kernel panic and where it leaves the database.
type panicked struct {
	error
	path string
}

func (p panicked) Unwrap() error { return p.error }

func reportPanic(w io.Writer, err error) {
	fmt.Fprintf(w, "crankcase: %v\n", err)
	var kp *kernel.PanicError
	if errors.As(err, &kp) && kp.Stack != nil {
		fmt.Fprintf(w, "%s\n", kp.Stack)
	}
	var p panicked
	if errors.As(err, &p) {
		if left, ok := leftAt(p.path); ok {
			fmt.Fprintf(w, "Nothing of this crank was committed: %s stands at its last commit, after crank %d.\n", p.path, left)
		} else {
			fmt.Fprintf(w, "Nothing was committed: %s was not made.\n", p.path)
		}
	}
	fmt.Fprintf(w, "What to do: %s\n", advice(err))
}

// leftAt tells at which crank a database stands, if it is there.
func leftAt(path string) (cranks uint64, ok bool) {
	v, err := crankcase.Look(path)
	if err != nil {
		return 0, false
	}
	p := v.Cranks()
	return p, v.Close() == nil
}

// advice says what to do about a kernel panic.
func advice(err error) string {
	var rejected *kernel.RejectedError
	var critical *kernel.CriticalError
	switch {
	case errors.As(err, &rejected):
		return "the message was to succeed or stop the kernel, as bootstrap is, and a vat rejected it. Running again ends the same: mend the vat, and start with a fresh database."
	case errors.As(err, &critical):
		return "the vat is marked critical, so its end stops the kernel. Running again ends the same: mend the vat, and start with a fresh database, or without \"critical\"."
	case errors.Is(err, sqlitestore.ErrFull):
		return "free some space, then run again: it goes on from the last commit."
	case errors.Is(err, kernel.ErrReplay):
		return "a vat's deliveries, run again, did not do what they did before. Keep a copy of the database and report this; another --engine may help."
	}
	return "run again: it goes on from the last commit. If it ends the same, keep a copy of the database and report this."
}
