package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interrupts listens for SIGINT and SIGTERM. The first one asks to stop at the
// end of the crank; the second one ends the process, which loses what is not
// committed and nothing else.
type interrupts struct {
	asked atomic.Bool
	c     chan os.Signal
}

// listen begins to listen; told is called at the first signal, on another
// goroutine.
func listen(told func()) *interrupts {
	i := &interrupts{c: make(chan os.Signal, 2)}
	signal.Notify(i.c, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range i.c {
			if i.asked.Swap(true) {
				os.Exit(exitInterrupted)
			}
			told()
		}
	}()
	return i
}

// stop tells whether to stop.
func (i *interrupts) stop() bool { return i.asked.Load() }

// close ends listening.
func (i *interrupts) close() {
	signal.Stop(i.c)
	close(i.c)
}
