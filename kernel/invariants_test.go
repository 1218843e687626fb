package kernel_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// holds are the references that the host has and that no table shows: pinned
// objects and watched promises, each with its count. nil: not known; then counts
// may be larger than what the tables explain, but not smaller.
type holds map[capdata.Kref]uint64

// violations says what in a dump, taken between two cranks, cannot be: counts that are not those
// of the references, names without what they name, promises that nobody can settle.
// None: nil.
func violations(d *kernel.Dump, host holds) []string {
	bad, _ := examine(d, host)
	return bad
}

// examine also says what was left over: objects and promises that nobody refers to, and that nobody will be told
// of. The kernel, like SwingSet, looks at each reference once when a crank ends, so that what is let go of
// for a second time while it does so stays until the next time.
func examine(d *kernel.Dump, host holds) (bad, left []string) {
	c := &checker{d: d, host: host,
		objects: map[capdata.Kref]kernel.ObjectDump{}, promises: map[capdata.Kref]kernel.PromiseDump{},
		vats: map[kernel.VatID]kernel.VatDump{}, names: map[nameKey]kernel.CListDump{}, actions: map[kernel.GCDump]bool{},
		reachable: map[capdata.Kref]uint64{}, recognizable: map[capdata.Kref]uint64{}, results: map[capdata.Kref]int{}, makers: map[capdata.Kref]kernel.VatID{}}
	c.index()
	c.checkVats()
	c.countEvents()
	c.countNames()
	c.checkObjects()
	c.checkPromises()
	return c.bad, c.left
}

type nameKey struct {
	vat kernel.VatID
	r   capdata.Kref
}

type checker struct {
	d        *kernel.Dump
	host     holds
	bad      []string
	left     []string
	objects  map[capdata.Kref]kernel.ObjectDump
	promises map[capdata.Kref]kernel.PromiseDump
	vats     map[kernel.VatID]kernel.VatDump
	names    map[nameKey]kernel.CListDump
	actions  map[kernel.GCDump]bool
	// Of promises reachable is the one count.
	reachable, recognizable map[capdata.Kref]uint64
	results                 map[capdata.Kref]int          // messages that hold a promise as their result
	makers                  map[capdata.Kref]kernel.VatID // vats whose name for a promise is p+N
}

func (c *checker) fail(format string, args ...any) {
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
}

func (c *checker) leave(format string, args ...any) {
	c.left = append(c.left, fmt.Sprintf(format, args...))
}

func (c *checker) index() {
	next := c.d.Next
	for _, v := range c.d.VatTables {
		c.vats[v.Vat] = v
		if v.Vat >= next.Vat {
			c.fail("v%d exists, but the next vat is v%d", v.Vat, next.Vat)
		}
	}
	for _, o := range c.d.Objects {
		c.objects[o.Kref] = o
		if o.Kref.Kind() != capdata.Object || o.Kref.Number() >= next.Object {
			c.fail("%v is among the objects, of which the next is ko%d", o.Kref, next.Object)
		}
	}
	for _, p := range c.d.Promises {
		c.promises[p.Kref] = p
		if p.Kref.Kind() != capdata.Promise || p.Kref.Number() >= next.Promise {
			c.fail("%v is among the promises, of which the next is kp%d", p.Kref, next.Promise)
		}
	}
	for _, a := range c.d.GCActions {
		c.actions[a] = true
		if _, ok := c.vats[a.Vat]; !ok || a.Kref.Kind() != capdata.Object {
			c.fail("there cannot be an action %s %v for v%d", a.Type, a.Kref, a.Vat)
		}
	}
	for r, n := range c.host {
		c.use("the host", r, n)
	}
}

// use counts n full references to r.
func (c *checker) use(who string, r capdata.Kref, n uint64) {
	c.reachable[r] += n
	c.recognizable[r] += n
	if n > 0 && !c.exists(r) {
		c.fail("%s refers to %v, which does not exist", who, r)
	}
}

func (c *checker) exists(r capdata.Kref) bool {
	_, object := c.objects[r]
	_, promise := c.promises[r]
	return object || promise
}

// gone: the vat has ended and is cleaned up. A dying one is in between.
func (c *checker) gone(v kernel.VatID) bool {
	return !slices.Contains(c.d.Alive, v) && !slices.Contains(c.d.Terminated, v)
}

func (c *checker) alive(v kernel.VatID) bool { return slices.Contains(c.d.Alive, v) }

func (c *checker) checkVats() {
	for _, v := range c.d.VatTables {
		dying := slices.Contains(c.d.Terminated, v.Vat)
		if c.alive(v.Vat) == v.Ended || dying && !v.Ended {
			c.fail("v%d: ended is %v, alive %v, to be cleaned up %v", v.Vat, v.Ended, c.alive(v.Vat), dying)
		}
	}
	for _, list := range [][]kernel.VatID{c.d.ReapQueue, c.d.Terminated, c.d.Alive} {
		for i, v := range list {
			if _, ok := c.vats[v]; !ok || slices.Contains(list[:i], v) {
				c.fail("v%d is on a list twice, or does not exist: %v", v, list)
			}
		}
	}
	for _, s := range c.d.Vatstore {
		if c.gone(s.Vat) {
			c.fail("v%d is gone, but its key %q is not", s.Vat, s.Key)
		}
	}
}

func (c *checker) countEvents() {
	for _, e := range c.d.AcceptanceQueue {
		c.event("the acceptance queue", e)
	}
	for _, e := range c.d.RunQueue {
		c.event("the run-queue", e)
	}
	for _, p := range c.d.Promises {
		for _, e := range p.Queue {
			who := fmt.Sprintf("a message parked at %v", p.Kref)
			if e.Type != "send" || e.Target != p.Kref {
				c.fail("%s is a %s for %v", who, e.Type, e.Target)
			}
			c.event(who, e)
		}
		if p.Data != nil {
			for _, r := range p.Data.Slots {
				c.use(fmt.Sprintf("the data of %v", p.Kref), r, 1)
			}
		}
	}
}

func (c *checker) event(who string, e kernel.EventDump) {
	switch e.Type {
	case "send":
		c.use(who, e.Target, 1)
		for _, r := range e.Data.Slots {
			c.use(who, r, 1)
		}
		if e.Result != 0 {
			c.use(who, e.Result, 1)
			c.results[e.Result]++
			if p := c.promises[e.Result]; p.State != "unresolved" || p.Decider != 0 {
				c.fail("%s has the result %v, which is %s and decided by v%d", who, e.Result, p.State, p.Decider)
			}
		}
	case "notify":
		c.use(who, e.Promise, 1)
		if p := c.promises[e.Promise]; p.State == "unresolved" {
			c.fail("%s has a notify of %v, which has not settled", who, e.Promise)
		}
		if _, ok := c.vats[e.Vat]; !ok {
			c.fail("%s has a notify for v%d, which does not exist", who, e.Vat)
		}
	case "startVat":
		if _, ok := c.vats[e.Vat]; !ok {
			c.fail("%s has a startVat for v%d, which does not exist", who, e.Vat)
		}
	default:
		c.fail("%s has a %q", who, e.Type)
	}
}

func (c *checker) countNames() {
	vrefs := map[kernel.VatID]map[capdata.Vref]bool{}
	for _, e := range c.d.KernelTable {
		at := fmt.Sprintf("v%d's %v for %v", e.Vat, e.Vref, e.Kref)
		if vrefs[e.Vat] == nil {
			vrefs[e.Vat] = map[capdata.Vref]bool{}
		}
		if _, twice := c.names[nameKey{e.Vat, e.Kref}]; twice || vrefs[e.Vat][e.Vref] {
			c.fail("%s is there twice", at)
		}
		c.names[nameKey{e.Vat, e.Kref}] = e
		vrefs[e.Vat][e.Vref] = true
		if _, ok := c.vats[e.Vat]; !ok || c.gone(e.Vat) {
			c.fail("%s is in the c-list of a vat that is gone", at)
		}
		if !e.Vref.WellFormed() || e.Vref.Kind() != e.Kref.Kind() {
			c.fail("%s: the name is malformed or of another kind", at)
		}
		if first := map[capdata.Kind]uint64{capdata.Object: capdata.FirstObjectImport, capdata.Promise: capdata.FirstPromiseImport}; !e.Vref.Exported() && e.Vref.Index() < first[e.Vref.Kind()] {
			c.fail("%s: the kernel gives no such name", at)
		}
		if e.Kref.Kind() == capdata.Promise {
			c.use(at, e.Kref, 1)
			if e.Vref.Exported() {
				if v, two := c.makers[e.Kref]; two {
					c.fail("%s: v%d has made it, too", at, v)
				}
				c.makers[e.Kref] = e.Vat
			}
			if !e.Reachable {
				c.fail("%s is a promise without the R flag", at)
			}
			continue
		}
		o, exists := c.objects[e.Kref]
		if exists && (o.Owner == e.Vat) != e.Vref.Exported() {
			c.fail("%s, but the object belongs to v%d", at, o.Owner)
		}
		if e.Vref.Exported() {
			if !exists {
				c.fail("%s names what does not exist", at)
			}
			if !e.Reachable && c.actions[kernel.GCDump{Vat: e.Vat, Type: "dropExport", Kref: e.Kref}] {
				c.fail("%s: v%d has been told already that nobody reaches it", at, e.Vat)
			}
			continue
		}
		if !exists && (e.Reachable || c.alive(e.Vat) && !c.actions[kernel.GCDump{Vat: e.Vat, Type: "retireImport", Kref: e.Kref}]) {
			c.fail("%s: the object is retired, which v%d is not going to be told", at, e.Vat)
		}
		c.recognizable[e.Kref]++
		if e.Reachable {
			c.reachable[e.Kref]++
		}
	}
}

// differ compares a count with what the references explain.
func (c *checker) differ(r capdata.Kref, what string, count, explained uint64) {
	if count < explained || count > explained && c.host != nil {
		c.fail("%v has the %s count %d, but there are %d references", r, what, count, explained)
	}
}

func (c *checker) checkObjects() {
	for _, o := range c.d.Objects {
		c.differ(o.Kref, "reachable", o.Reachable, c.reachable[o.Kref])
		c.differ(o.Kref, "recognizable", o.Recognizable, c.recognizable[o.Kref])
		if o.Reachable > o.Recognizable {
			c.fail("%v is more reachable than recognizable: [%d,%d]", o.Kref, o.Reachable, o.Recognizable)
		}
		if o.Owner == 0 {
			if o.Reachable == 0 {
				c.leave("%v has no owner and nobody can reach it", o.Kref)
			}
			continue
		}
		e, ok := c.names[nameKey{o.Owner, o.Kref}]
		if !ok {
			c.fail("%v belongs to v%d, which has no name for it", o.Kref, o.Owner)
			continue
		}
		if !c.alive(o.Owner) {
			continue
		}
		switch {
		case o.Reachable > 0 && !e.Reachable:
			c.fail("%v is reachable, but the R flag of its owner v%d is not set", o.Kref, o.Owner)
		case o.Reachable == 0 && e.Reachable && !c.actions[kernel.GCDump{Vat: o.Owner, Type: "dropExport", Kref: o.Kref}]:
			c.leave("%v is unreachable, which its owner v%d is not going to be told", o.Kref, o.Owner)
		case o.Recognizable == 0 && !c.actions[kernel.GCDump{Vat: o.Owner, Type: "retireExport", Kref: o.Kref}]:
			c.leave("%v is unrecognizable, which its owner v%d is not going to be told", o.Kref, o.Owner)
		}
	}
}

func (c *checker) checkPromises() {
	for _, p := range c.d.Promises {
		c.differ(p.Kref, "reference", p.RefCount, c.reachable[p.Kref])
		if p.RefCount == 0 {
			c.leave("nobody refers to %v", p.Kref)
		}
		if p.State != "unresolved" {
			switch {
			case p.State != "fulfilled" && p.State != "rejected":
				c.fail("%v is %q", p.Kref, p.State)
			case p.Data == nil:
				c.fail("%v has settled without data", p.Kref)
			case p.ToObject && (p.State != "fulfilled" || len(p.Data.Slots) != 1 || p.Data.Slots[0].Kind() != capdata.Object):
				c.fail("%v is settled with the object %v", p.Kref, p.Data.Slots)
			}
			if p.Decider != 0 || len(p.Subscribers) > 0 || len(p.Queue) > 0 {
				c.fail("%v has settled, but has decider v%d, %d subscribers, %d messages", p.Kref, p.Decider, len(p.Subscribers), len(p.Queue))
			}
			continue
		}
		if p.Data != nil || p.ToObject {
			c.fail("%v has data and has not settled", p.Kref)
		}
		switch holders := c.results[p.Kref]; {
		case p.Decider == 0 && holders != 1:
			c.fail("%v has no decider, and is the result of %d messages", p.Kref, holders)
		case p.Decider == 0:
		case holders != 0:
			c.fail("%v is decided by v%d, and the result of %d messages", p.Kref, p.Decider, holders)
		case !c.alive(p.Decider):
			c.fail("%v is decided by v%d, which has ended", p.Kref, p.Decider)
		default:
			if _, ok := c.names[nameKey{p.Decider, p.Kref}]; !ok {
				c.fail("%v is decided by v%d, which has no name for it", p.Kref, p.Decider)
			}
			if c.vats[p.Decider].Options.Pipelining && len(p.Queue) > 0 {
				c.fail("%d messages are parked at %v, but v%d would take them", len(p.Queue), p.Kref, p.Decider)
			}
		}
		for i, v := range p.Subscribers {
			if i > 0 && p.Subscribers[i-1] >= v {
				c.fail("the subscribers of %v are not in order: %v", p.Kref, p.Subscribers)
			}
			if _, ok := c.names[nameKey{v, p.Kref}]; !ok && c.alive(v) {
				c.fail("v%d subscribes to %v, for which it has no name", v, p.Kref)
			}
		}
	}
}

// checkInvariants fails the test if the kernel's tables cannot be as they are.
func checkInvariants(t *testing.T, k *kernel.Kernel, host holds, when string) {
	t.Helper()
	d, err := k.Dump()
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for _, v := range violations(d, host) {
		t.Errorf("%s: %s", when, v)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// TestCheckerFinds breaks one thing after the other in the dump of a busy kernel: the
// checker finds each.
func TestCheckerFinds(t *testing.T) {
	b := newBed(t, setup{})
	defer b.close()
	host := holds{}
	for i, name := range []string{"A", "B", "C"} {
		s := step{do: "addVat", name: name, vatOpts: kernel.VatOptions{Pipelining: i == 2}}
		if err := do(b, s, b.k, host); err != nil {
			t.Fatal(err)
		}
	}
	root := func(v kernel.VatID) capdata.Kref {
		r, err := b.k.Harness().Lookup(v, capdata.Root)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// A: sends to B (o-50) with a promise and an object as arguments, and to what B answers; to a promise of
	// its own; settles one that B keeps, with an object; and an export that B drops.
	for _, m := range []struct {
		to     kernel.VatID
		script string
	}{
		{1, `send o-50 @m{ subscribe s0; subscribe s2; drop_imports [s3] } [p+1 o+1 p+2 o+4] p+3; send p+3 '#["parked",[]]' [o+1] p+4
			resolve <p+2 object '' [o+2]>`},
		{1, `send o-50 @n{ subscribe $result } [o+3] p+5; subscribe p+5`},
	} {
		script, err := assemble(m.script)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.k.Queue(root(m.to), capdata.KernelData{Body: puppet.Body("run", script)}, kernel.QueueOptions{NoResult: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.k.Run(kernel.CrankCounter(8)); err != nil {
		t.Fatal(err)
	}
	fresh := func() *kernel.Dump {
		d, err := b.k.Dump()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if bad, left := examine(fresh(), host); bad != nil || left != nil {
		t.Fatalf("the kernel is not whole: %v %v", bad, left)
	}
	d := fresh()
	if len(d.AcceptanceQueue) == 0 || len(d.RunQueue) == 0 || len(d.GCActions) == 0 {
		t.Fatalf("the kernel is not busy: %+v", d)
	}

	broken := 0
	try := func(what string, breakIt func(d *kernel.Dump)) {
		d := fresh()
		breakIt(d)
		broken++
		if bad, left := examine(d, host); bad == nil && left == nil {
			t.Errorf("nothing is found when %s", what)
		}
	}
	for i, o := range d.Objects {
		try(fmt.Sprint(o.Kref, " is reachable once more"), func(d *kernel.Dump) { d.Objects[i].Reachable++ })
		try(fmt.Sprint(o.Kref, " is recognizable once more"), func(d *kernel.Dump) { d.Objects[i].Recognizable++ })
		try(fmt.Sprint(o.Kref, " is recognizable once less"), func(d *kernel.Dump) { d.Objects[i].Recognizable-- })
		try(fmt.Sprint(o.Kref, " has another owner"), func(d *kernel.Dump) { d.Objects[i].Owner = o.Owner%3 + 1 })
		try(fmt.Sprint(o.Kref, " has no owner"), func(d *kernel.Dump) { d.Objects[i].Owner = 0 })
		try(fmt.Sprint(o.Kref, " is gone"), func(d *kernel.Dump) { d.Objects = slices.Delete(d.Objects, i, i+1) })
	}
	for i, p := range d.Promises {
		try(fmt.Sprint(p.Kref, " has one more reference"), func(d *kernel.Dump) { d.Promises[i].RefCount++ })
		try(fmt.Sprint(p.Kref, " has one less reference"), func(d *kernel.Dump) { d.Promises[i].RefCount-- })
		try(fmt.Sprint(p.Kref, " is gone"), func(d *kernel.Dump) { d.Promises = slices.Delete(d.Promises, i, i+1) })
		try(fmt.Sprint(p.Kref, " has another decider"), func(d *kernel.Dump) {
			if d.Promises[i].Decider = 0; p.Decider == 0 {
				d.Promises[i].Decider = 1
			}
		})
		try(fmt.Sprint(p.Kref, " is in the other state"), func(d *kernel.Dump) {
			if d.Promises[i].State = "unresolved"; p.State == "unresolved" {
				d.Promises[i].State = "fulfilled"
			}
		})
		try(fmt.Sprint(p.Kref, " has a strange subscriber"), func(d *kernel.Dump) { d.Promises[i].Subscribers = []kernel.VatID{3} })
		for j := range p.Queue {
			try(fmt.Sprint("a message parked at ", p.Kref, " is lost"), func(d *kernel.Dump) { d.Promises[i].Queue = slices.Delete(d.Promises[i].Queue, j, j+1) })
			try(fmt.Sprint("a message parked at ", p.Kref, " is for something else"), func(d *kernel.Dump) { d.Promises[i].Queue[j].Target = d.Objects[0].Kref })
		}
	}
	for i, e := range d.KernelTable {
		at := fmt.Sprint("v", e.Vat, "'s ", e.Vref)
		try(at+" is gone", func(d *kernel.Dump) { d.KernelTable = slices.Delete(d.KernelTable, i, i+1) })
		try(at+" has the other R flag", func(d *kernel.Dump) { d.KernelTable[i].Reachable = !e.Reachable })
		try(at+" is for what does not exist", func(d *kernel.Dump) { d.KernelTable[i].Kref += 4 << 20 })
		try(at+" is in another vat", func(d *kernel.Dump) { d.KernelTable[i].Vat = 9 })
		settled := slices.ContainsFunc(d.Promises, func(p kernel.PromiseDump) bool { return p.Kref == e.Kref && p.Data != nil })
		if !settled { // who made a settled promise has forgotten it, so that it could have been anybody
			try(at+" has the other sign", func(d *kernel.Dump) { d.KernelTable[i].Vref ^= 1 })
		}
		try(at+" is there twice", func(d *kernel.Dump) { d.KernelTable = append(d.KernelTable, e) })
	}
	try("a message is lost", func(d *kernel.Dump) { d.RunQueue = d.RunQueue[1:] })
	try("an accepted event is lost", func(d *kernel.Dump) { d.AcceptanceQueue = d.AcceptanceQueue[1:] })
	try("an accepted event comes twice", func(d *kernel.Dump) { d.AcceptanceQueue = append(d.AcceptanceQueue, d.AcceptanceQueue[0]) })
	try("an action is lost", func(d *kernel.Dump) { d.GCActions = nil })
	try("a vat has ended but is among the living", func(d *kernel.Dump) { d.VatTables[0].Ended = true })
	try("a vat is gone without clean-up", func(d *kernel.Dump) { d.VatTables[0].Ended, d.Alive = true, d.Alive[1:] })
	try("a vat that lives is to be cleaned up", func(d *kernel.Dump) { d.Terminated = []kernel.VatID{1} })
	try("a vat is to be reaped twice", func(d *kernel.Dump) { d.ReapQueue = []kernel.VatID{1, 1} })
	try("the next object exists", func(d *kernel.Dump) { d.Next.Object-- })
	try("the next promise exists", func(d *kernel.Dump) { d.Next.Promise-- })
	try("the next vat exists", func(d *kernel.Dump) { d.Next.Vat-- })
	t.Logf("%d faults, of all of which one is found at least", broken)
}
