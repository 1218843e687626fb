package kernel

import "time"

// Run runs cranks until there is nothing to do or the policy says stop, and
// returns how many it ran. What it did is not committed. On a host fault it returns a *PanicError:
// nothing since the last commit is kept, and the kernel refuses all further work.
func (k *Kernel) Run(p RunPolicy) (cranks int, err error) {
	if p == nil {
		p = Forever()
	}
	err = k.protect(func() error {
		for {
			ok, budget := p.AllowCleanup()
			info, did := k.step(ok, budget)
			if !did {
				return nil
			}
			cranks++
			if !p.Cranked(info) {
				return nil
			}
		}
	})
	return cranks, err
}

// Step runs one crank, if there is something to do.
func (k *Kernel) Step() (did bool, err error) {
	n, err := k.Run(CrankCounter(1))
	return n > 0, err
}

// Budget is a RunPolicy for one run, with bounds, each 0 for none. Cleaning up
// dead vats is allowed.
type Budget struct {
	Cranks   uint64        // of any kind
	Gas      uint64        // the run ends with the crank that reaches it
	WallTime time.Duration // looked at between cranks; decides how far the host runs, never what a crank does
	Cleanup  int           // entries of a dead vat deleted per crank

	cranks, gas uint64
	start       time.Time
}

// AllowCleanup implements RunPolicy.
func (b *Budget) AllowCleanup() (bool, int) {
	if b.WallTime > 0 && b.start.IsZero() {
		b.start = time.Now()
	}
	return true, b.Cleanup
}

// Cranked implements RunPolicy.
func (b *Budget) Cranked(c CrankInfo) bool {
	b.cranks++
	b.gas += c.GasUsed
	if b.Cranks > 0 && b.cranks >= b.Cranks || b.Gas > 0 && b.gas >= b.Gas {
		return false
	}
	if b.WallTime > 0 {
		return time.Since(b.start) < b.WallTime
	}
	return true
}

// Forever runs until there is nothing to do.
func Forever() RunPolicy { return &Budget{} }

// CrankCounter ends a run after n cranks, routing included.
func CrankCounter(n uint64) RunPolicy { return &Budget{Cranks: n} }

// GasCounter ends a run with the crank in which the gas used reaches limit.
func GasCounter(limit uint64) RunPolicy { return &Budget{Gas: limit} }

// WallClock ends a run with the first crank that ends d or more after it began.
func WallClock(d time.Duration) RunPolicy { return &Budget{WallTime: d} }
