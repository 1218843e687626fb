package vat

import (
	"iter"
	"runtime"
	"time"
)

// Methods run in coroutines, so that they can await. A coroutine costs a
// fifth of a fresh goroutine and a channel, and is used again.
type coroutine struct {
	step  func() (struct{}, bool) // goes on until the next yield
	yield func(struct{}) bool
	task  func()
}

var (
	running *coroutine   // nil outside of methods
	idle    []*coroutine // without a task
	made    int          // how many coroutines there are
	jobs    []func()     // ready to run
	// quiet is the number of goroutines, before those of coroutines, where
	// the vat's own init functions have started none.
	quiet = runtime.NumGoroutine()
)

func newCoroutine() *coroutine {
	co := &coroutine{}
	co.step, _ = iter.Pull(func(yield func(struct{}) bool) {
		co.yield = yield
		for {
			co.task()
			co.task = nil
			idle = append(idle, co)
			yield(struct{}{})
		}
	})
	made++
	return co
}

// start runs task until it ends or parks.
func start(task func()) {
	var co *coroutine
	if n := len(idle); n > 0 {
		co, idle = idle[n-1], idle[:n-1]
	} else {
		co = newCoroutine()
	}
	co.task = task
	enter(co)
}

func enter(co *coroutine) {
	running = co
	co.step()
	running = nil
}

// park stops the running method until wake is called as a job.
func park(register func(wake func())) {
	co := running
	if co == nil {
		panic("vat: Await outside of a method")
	}
	register(func() { enter(co) })
	co.yield(struct{}{})
}

// runJobs runs what is ready, and what gets ready by it, until nothing is.
func runJobs() {
	for {
		for i := 0; i < len(jobs); i++ {
			jobs[i]()
		}
		clear(jobs)
		jobs = jobs[:0]
		if runtime.NumGoroutine() <= quiet+made {
			return
		}
		// The vat has goroutines of its own. On the clock of a vat this sleep
		// returns exactly when all others wait.
		time.Sleep(time.Nanosecond)
		if len(jobs) == 0 {
			return
		}
	}
}
