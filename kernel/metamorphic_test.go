package kernel_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

var (
	seedFlag = flag.Uint64("seed", 0, "run the metamorphic test with this seed only")
	longFlag = flag.Bool("long", false, "run the metamorphic test with more and longer workloads")
)

// mark is where a kernel is after a step.
type mark struct {
	activity   [32]byte
	cranks     uint64
	deliveries uint64
	gas        uint64
	lines      int // written by vats so far
}

func markOf(b *bed) mark {
	return mark{b.k.ActivityHash(), b.k.Cranks(), b.k.Deliveries(), b.k.GasUsed(), len(b.lines)}
}

// recording is a workload and what came of it.
type recording struct {
	steps []step
	marks []mark // after each step
	lines []string
	root  [32]byte
	host  holds
}

// TestMetamorphic runs one random workload in many ways that must not matter:
// the other engine, the process ended at random places with and without a commit
// before, few vats online, runs cut in other pieces. Each time the hashes, the gas and what the vats
// wrote are the same after each step. It prints the seed of a workload that fails: -seed repeats it.
func TestMetamorphic(t *testing.T) {
	seeds, length := []uint64{1, 2, 3}, 200
	if *longFlag {
		length = 600
		for range 10 {
			seeds = append(seeds, rand.Uint64())
		}
	}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { metamorphose(t, seed, length) })
	}
}

func metamorphose(t *testing.T, seed uint64, length int) {
	rec := record(t, seed, length)
	for i, way := range []struct {
		name  string
		setup setup
		how   how
	}{
		{"interpreter", setup{interpreter: true}, how{}},
		{"restarts", setup{}, how{restart: 25}},
		{"crashes", setup{}, how{restart: 40, crash: 30}},
		{"one online", setup{online: 1}, how{}},
		{"two online, other runs", setup{online: 2}, how{split: true}},
		{"interpreter, restarts, other runs", setup{interpreter: true, online: 3}, how{restart: 30, split: true}},
	} {
		t.Run(way.name, func(t *testing.T) {
			p := &player{bed: newBed(t, way.setup), rec: rec, how: way.how, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
			defer p.close()
			p.play(t)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// record makes a workload while it runs it in the plain way, and checks the
// kernel's tables after each step.
func record(t *testing.T, seed uint64, length int) *recording {
	b := newBed(t, setup{})
	defer b.close()
	rec := &recording{host: holds{}}
	g := &generator{rng: rand.New(rand.NewPCG(seed, 99)), stale: map[kernel.VatID]bool{}}
	ends := 0
	for range length {
		d, err := b.k.Dump()
		if err != nil {
			t.Fatal(err)
		}
		s := g.next(d)
		rec.steps = append(rec.steps, s)
		if err := do(b, s, b.k, rec.host); err != nil {
			t.Fatalf("seed %d: step %d, %v: %v", seed, len(rec.steps), s, err)
		}
		rec.marks = append(rec.marks, markOf(b))
		checkInvariants(t, b.k, rec.host, fmt.Sprintf("seed %d: after step %d, %v", seed, len(rec.steps), s))
	}
	last := step{do: "run"}
	rec.steps = append(rec.steps, last)
	if err := do(b, last, b.k, rec.host); err != nil {
		t.Fatal(err)
	}
	rec.marks = append(rec.marks, markOf(b))
	checkInvariants(t, b.k, rec.host, fmt.Sprintf("seed %d: at the end", seed))
	rec.lines = slices.Clone(b.lines)
	var err error
	if rec.root, err = b.k.StateRoot(); err != nil {
		t.Fatal(err)
	}
	d, err := b.k.Dump()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range d.VatTables {
		if v.Ended {
			ends++
			t.Logf("%s: %s", v.Name, v.Fault)
		}
	}
	_, left := examine(d, rec.host)
	t.Logf("seed %d: %d cranks, %d deliveries, %d vats of which %d ended, %d objects, %d promises, %d c-list entries at the end, left over: %v",
		seed, b.k.Cranks(), b.k.Deliveries(), len(d.VatTables), ends, len(d.Objects), len(d.Promises), len(d.KernelTable), left)
	return rec
}

// runner is what runs cranks: a kernel, or one that is cut in pieces.
type runner interface {
	Run(p kernel.RunPolicy) (int, error)
}

// do does a step; host is nil or what the host holds.
func do(b *bed, s step, r runner, host holds) error {
	h := b.k.Harness()
	switch s.do {
	case "queue":
		result, err := b.k.Queue(s.target, s.data, s.options)
		if err == nil && s.options.Watch && result != 0 && host != nil {
			host[result]++
		}
		return err
	case "run":
		_, err := r.Run(&kernel.Budget{Cranks: s.cranks})
		return err
	case "terminate":
		return b.k.TerminateVat(s.vat, "ended by the host")
	case "reap":
		return h.Reap(s.vat)
	case "release":
		err := b.k.Release(s.target)
		if err == nil && host != nil {
			if host[s.target]--; host[s.target] == 0 {
				delete(host, s.target)
			}
		}
		if errors.Is(err, kernel.ErrBadArgument) { // it was not watched
			return nil
		}
		return err
	case "addVat":
		id, err := h.AddVat(s.name, b.puppet, s.vatOpts, true)
		if err != nil {
			return err
		}
		root, err := h.AddExport(id, capdata.Root, true)
		if err != nil {
			return err
		}
		if host != nil {
			host[root]++
		}
		d, err := b.k.Dump()
		if err != nil {
			return err
		}
		for _, v := range d.VatTables { // all know each other's roots
			if other, err := h.Lookup(v.Vat, capdata.Root); err != nil {
				return err
			} else if !v.Ended && v.Vat != id && other != 0 {
				if _, err := h.AddImport(v.Vat, root); err != nil {
					return err
				}
				if _, err := h.AddImport(id, other); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return fmt.Errorf("no step %q", s.do)
}

// how says where a player does things that must not matter, each on average once in so
// many cranks or steps; 0: never.
type how struct {
	restart int  // commit, end the process and start another one
	crash   int  // end it without a commit, and do again what is lost
	split   bool // cut runs in pieces
}

// player does the steps of a recording again.
type player struct {
	*bed
	rec *recording
	how how
	rng *rand.Rand
	// What the last commit holds: steps done, and lines written.
	committed, lines int
}

func (p *player) one(n int) bool { return n > 0 && p.rng.IntN(n) == 0 }

func (p *player) play(t *testing.T) {
	if err := p.commit(0); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(p.rec.steps); i++ {
		s := p.rec.steps[i]
		if err := do(p.bed, s, p, nil); err != nil {
			t.Fatalf("step %d, %v: %v", i+1, s, err)
		}
		if got, want := markOf(p.bed), p.rec.marks[i]; got != want {
			t.Fatalf("after step %d, %v:\n got %x\nwant %x", i+1, s, got, want)
		}
		switch {
		case p.how.crash == 0:
		case p.one(5):
			if err := p.commit(i + 1); err != nil {
				t.Fatal(err)
			}
		case p.one(p.how.crash):
			if err := p.reopen(); err != nil {
				t.Fatal(err)
			}
			p.bed.lines = p.bed.lines[:p.lines]
			i = p.committed - 1
		}
	}
	if got, err := p.k.StateRoot(); err != nil || got != p.rec.root {
		t.Fatalf("state root %x, want %x (%v)", got, p.rec.root, err)
	}
	if !slices.Equal(p.bed.lines, p.rec.lines) {
		t.Fatal("the vats wrote something else")
	}
	checkInvariants(t, p.k, p.rec.host, "at the end")
}

func (p *player) commit(steps int) error {
	p.committed, p.lines = steps, len(p.bed.lines)
	return p.k.Commit()
}

// Run runs as many cranks as the policy allows, in pieces.
func (p *player) Run(policy kernel.RunPolicy) (total int, err error) {
	left := int(policy.(*kernel.Budget).Cranks)
	forever := left == 0
	for forever || left > 0 {
		piece := left
		switch {
		case p.how.restart > 0 && p.how.crash == 0:
			piece = 1
		case p.how.split:
			piece = 1 + p.rng.IntN(7)
			if !forever {
				piece = min(piece, left)
			}
		}
		n, err := p.k.Run(&kernel.Budget{Cranks: uint64(piece)})
		total, left = total+n, left-n
		if err != nil || n < piece || piece == 0 {
			return total, err
		}
		if p.how.crash == 0 && p.one(p.how.restart) {
			if err := p.k.Commit(); err != nil {
				return total, err
			}
			if err := p.reopen(); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}
